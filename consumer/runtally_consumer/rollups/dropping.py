"""Which generations nobody can be reading any more. Pure."""

from collections.abc import Sequence

from runtally_clickhouse.rollups import Superseded


class GenerationClock:
    """Remembers since when each bucket's current generation has been seen as such, by a clock that never goes back.

    A question reads the generations that were current when it began. So whatever lies below a generation that was
    current already longer ago than any question may run is read by none, and never will be.
    """

    def __init__(self, keep_seconds: float) -> None:
        self._keep_seconds = keep_seconds
        self._seen: dict[int, list[tuple[int, float]]] = {}  # bucket: (current generation, since), ascending

    def ripe(self, listed: Sequence[Superseded], now: float) -> list[tuple[int, int]]:
        """The (bucket, generation) of these to drop; never one that is or may yet become the current one."""
        seen: dict[int, list[tuple[int, float]]] = {}
        ripe: list[tuple[int, int]] = []
        for one in listed:
            history = self._seen.get(one.start_s, [])
            if not history or history[-1][0] < one.current:
                history = [*history, (one.current, now)]
            old = [entry for entry in history if now - entry[1] >= self._keep_seconds]
            seen[one.start_s] = [*old[-1:], *history[len(old) :]]
            if old:
                ripe += [(one.start_s, generation) for generation in one.generations if generation < old[-1][0]]
        self._seen = seen
        return ripe

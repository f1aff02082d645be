"""Partitions that have something to do and do not move, with nobody knowing why. Pure."""

from collections.abc import Collection, Hashable, Mapping

from runtally_consumer.records import Partition

# Beyond the time-out of every single insert, letter or commit: by then it has failed, and says why.
STANDSTILL_SECONDS = 180.0
# Looked at less often than this, it was the whole process that stood still.
LOOK_SECONDS = 15.0


class StandstillWatch:
    """Remembers when each partition last moved, had nothing to do, or had an excuse."""

    def __init__(self, longest_seconds: float = STANDSTILL_SECONDS) -> None:
        self._longest_seconds = longest_seconds
        self._places: dict[Partition, Hashable] = {}
        self._since: dict[Partition, float] = {}
        self._looked_at = 0.0

    def observe(
        self,
        places: Mapping[Partition, Hashable],
        lagging: Collection[Partition],
        excused: Collection[Partition],
        now: float,
    ) -> None:
        """Where all partitions are now; call it every moment. A place that differs from the last is progress."""
        looked_lately = now - self._looked_at < LOOK_SECONDS
        self._since = {
            partition: self._since[partition]
            if looked_lately
            and partition in lagging
            and partition not in excused
            and partition in self._since
            and self._places[partition] == place
            else now
            for partition, place in places.items()
        }
        self._places = dict(places)
        self._looked_at = now

    def standing(self) -> dict[Partition, float]:
        """The partitions that stand still for too long, each with the seconds, as of the last look."""
        spans = {partition: self._looked_at - since for partition, since in self._since.items()}
        return {partition: seconds for partition, seconds in spans.items() if seconds >= self._longest_seconds}

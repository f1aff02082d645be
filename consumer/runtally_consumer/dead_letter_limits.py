"""How many dead letters a partition may have before they are a bad deploy and not bad data. Pure."""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from runtally_consumer.records import Partition


class TooManyDeadLetters(Exception):
    """These partitions must stop, each for the reason told: their records in this batch are not dead letters."""

    def __init__(self, stops: Mapping[Partition, str]) -> None:
        super().__init__("; ".join(stops.values()))
        self.stops = dict(stops)


@dataclass(frozen=True, slots=True)
class DeadLetterLimit:
    """A partition stops when of its last `window` records more than `share` are dead, and at least `fewest`."""

    window: int = 10_000
    share: float = 0.05
    fewest: int = 100


# More than all records can never be dead.
NEVER_STOPPED = DeadLetterLimit(share=1.0)


@dataclass(frozen=True, slots=True)
class Tally:
    """Some records of a partition in order: how many, and which of them, counted from 0, are dead."""

    records: int
    dead: Collection[int]


class DeadLetterWindow:
    """The last records of one partition. `judged_from`: how many records pass whatever they are."""

    def __init__(self, limit: DeadLetterLimit, judged_from: int = 0) -> None:
        self._limit = limit
        self._judged_from = judged_from
        self._seen = 0
        self._dead: deque[int] = deque()

    def verdict(self, tally: Tally) -> str | None:
        """Why the partition must stop if these records came next; None when they may."""
        if self._seen < self._judged_from:
            return None
        seen = self._seen + tally.records
        start = seen - self._limit.window
        dead = sum(at >= start for at in self._dead) + sum(self._seen + at >= start for at in tally.dead)
        among = min(seen, self._limit.window)
        if dead < self._limit.fewest or dead <= self._limit.share * among:
            return None
        return f"{dead} of the last {among} records would be dead letters"

    def add(self, tally: Tally) -> None:
        self._dead.extend(self._seen + at for at in sorted(tally.dead))
        self._seen += tally.records
        while self._dead and self._dead[0] < self._seen - self._limit.window:
            self._dead.popleft()


class DeadLetterPolicy:
    """The windows of all partitions."""

    def __init__(self, limit: DeadLetterLimit) -> None:
        self._limit = limit
        self._windows: dict[Partition, DeadLetterWindow] = {}

    def check(self, tallies: Mapping[Partition, Tally]) -> None:
        """Raises `TooManyDeadLetters` when a partition must stop if these records came next."""
        stops = {}
        for partition, tally in tallies.items():
            if reason := self._window(partition).verdict(tally):
                stops[partition] = f"{partition.topic}-{partition.number} stopped: {reason}"
        if stops:
            raise TooManyDeadLetters(stops)

    def count(self, tallies: Mapping[Partition, Tally]) -> None:
        """These records came. Raises `TooManyDeadLetters`, and counts none, as `check` would."""
        self.check(tallies)
        for partition, tally in tallies.items():
            self._window(partition).add(tally)

    def pardon(self, partition: Partition) -> None:
        """Someone has looked: a whole window of the partition's next records passes whatever they are."""
        self._windows[partition] = DeadLetterWindow(self._limit, judged_from=self._limit.window)

    def forget(self) -> None:
        """Partitions were assigned anew: their records are read again."""
        self._windows.clear()

    def _window(self, partition: Partition) -> DeadLetterWindow:
        return self._windows.setdefault(partition, DeadLetterWindow(self._limit))

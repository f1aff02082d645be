"""How many dead letters a partition may have before they are a bad deploy and not bad data. Pure."""

from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from runtally_consumer.records import Batch, Partition


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
    """The last records of one partition."""

    def __init__(self, limit: DeadLetterLimit) -> None:
        self._limit = limit
        self._seen = 0
        self._dead: deque[int] = deque()

    def verdict(self, *tallies: Tally) -> str | None:
        """Why the partition must stop if these records came next; None when they may."""
        seen, dead_at = self._seen, []
        for tally in tallies:
            dead_at += [seen + at for at in tally.dead]
            seen += tally.records
        start = seen - self._limit.window
        dead = sum(at >= start for at in self._dead) + sum(at >= start for at in dead_at)
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
    """The windows of all partitions. A batch under way counts from the moment that it was let through."""

    def __init__(self, limit: DeadLetterLimit) -> None:
        self._limit = limit
        self._windows: dict[Partition, DeadLetterWindow] = {}
        self._under_way: dict[int, dict[Partition, Tally]] = {}
        self._judged_from: dict[Partition, int] = {}
        self._epoch = 0

    @property
    def window(self) -> int:
        """How many of a partition's last records count."""
        return self._limit.window

    @property
    def is_off(self) -> bool:
        """Whether no share of dead letters stops a partition."""
        return self._limit.share >= 1

    def stops(self, batch: Batch, dead: Iterable[int]) -> dict[Partition, str]:
        """The partitions that must stop if these of the batch's records were dead, by index, each with the reason."""
        return self._stops(batch.id, self._tallies(batch, dead))

    def let_through(self, batch: Batch, dead: Iterable[int]) -> None:
        """These of the batch's records are dead, by index; once more with more of them replaces what was told before.

        Raises `TooManyDeadLetters`, and counts nothing anew, when a partition must stop.
        """
        tallies = self._tallies(batch, dead)
        if stops := self._stops(batch.id, tallies):
            raise TooManyDeadLetters(stops)
        self._under_way[batch.id] = tallies

    def written(self, batch_id: int) -> None:
        """The batch is durable."""
        for partition, tally in self._under_way.pop(batch_id, {}).items():
            self._window(partition).add(tally)

    def keep_only(self, batch_ids: Collection[int]) -> None:
        """No other batch will be given again."""
        self._under_way = {id: tallies for id, tallies in self._under_way.items() if id in batch_ids}

    def pardon(self, partition: Partition, judged_from: int) -> bool:
        """Someone has looked: the records below this offset pass whatever they are, and are not counted.

        False when they do so already. What was counted before is forgotten.
        """
        if judged_from <= self._judged_from.get(partition, 0):
            return False
        self._judged_from[partition] = judged_from
        self._windows.pop(partition, None)
        for tallies in self._under_way.values():
            tallies.pop(partition, None)
        return True

    def forget(self, epoch: int) -> None:
        """Partitions were assigned anew: their records are read again, so those of earlier epochs count no more."""
        self._epoch = epoch
        self._windows.clear()
        self._under_way.clear()
        self._judged_from.clear()

    def _stops(self, batch_id: int, tallies: Mapping[Partition, Tally]) -> dict[Partition, str]:
        stops = {}
        for partition, tally in tallies.items():
            if not tally.dead:
                continue  # without a new dead letter there is nothing to be held back
            others = [
                others[partition] for id, others in self._under_way.items() if id != batch_id and partition in others
            ]
            if reason := self._window(partition).verdict(*others, tally):
                topic, number = partition
                stops[partition] = (
                    f"{topic}-{number} stopped: {reason}; go on by `runtally dlq resume {topic} {number}`"
                )
        return stops

    def _tallies(self, batch: Batch, dead: Iterable[int]) -> dict[Partition, Tally]:
        """What is counted of each partition; `dead` holds indices of the batch's records."""
        if batch.epoch < self._epoch:
            return {}
        ordered = sorted(dead)
        found: dict[Partition, tuple[int, list[int]]] = {}
        end = 0
        for piece in batch.slices:
            start, end = end, end + len(piece.records)
            judged_from = self._judged_from.get(piece.partition, 0)
            if piece.first_offset < judged_from:
                start += bisect_left(piece.records, judged_from, key=lambda record: record.offset)
            records, indices = found.get(piece.partition, (0, []))
            dead_here = ordered[bisect_left(ordered, start) : bisect_left(ordered, end)]
            indices += [records + index - start for index in dead_here]
            found[piece.partition] = (records + end - start, indices)
        return {partition: Tally(*counted) for partition, counted in found.items()}

    def _window(self, partition: Partition) -> DeadLetterWindow:
        return self._windows.setdefault(partition, DeadLetterWindow(self._limit))

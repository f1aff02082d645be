"""Which committed offsets of one partition the ledger does not cover, judged a piece at a time. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from runtally_consumer.intervals import Interval, missing, split_at, union


@dataclass(frozen=True, slots=True)
class Committed:
    """A partition of ours: what the group has committed in this stream, and the first offset that the broker has."""

    stream: str
    offset: int
    begin: int
    is_dense: bool = False  # each offset holds a record: the local broker knows no transactions and no compaction


@dataclass(slots=True)
class PartitionProof:
    """How far one partition of one stream is proven to be in the ledger. What is proven is not asked for again.

    `removed` were committed, are not in the ledger, and the broker has them no more: a loss that somebody accepted.
    `gaps` are on the broker, and were missing twice: a replica of the store may show a row a little late.
    """

    stream: str
    proven: int = 0
    removed: list[Interval] = field(default_factory=list)
    gaps: list[Interval] = field(default_factory=list)
    _without_records: list[Interval] = field(default_factory=list)
    _suspected: list[Interval] = field(default_factory=list)

    @property
    def is_suspicious(self) -> bool:
        """Whether to look again soon."""
        return bool(self.gaps or self._suspected)

    def holes(self, committed: Committed, covered: Iterable[tuple[int, int]]) -> list[Interval]:
        """What may be missing; the broker must tell which of these offsets hold records.

        `covered` is what the ledger has from `proven` on, asked for after the committed offset.
        """
        known = union([*(Interval(*one) for one in covered), *self.removed, *self._without_records])
        holes = []
        for hole in missing(known, self.proven, committed.offset - 1):
            gone, there = split_at(hole, committed.begin)
            if gone is not None and hole.first > 0:  # from 0 on: before this group began
                self.removed = union([*self.removed, gone])
            if there is not None:
                holes.append(there)
        return holes

    def is_known(self, hole: Interval) -> bool:
        """Whether each offset of the hole was seen to hold a record, so that the broker need not be asked again."""
        return not missing(self._suspected, hole.first, hole.last)

    def judge(
        self, committed: Committed, holes: Sequence[Interval], found: Mapping[Interval, Sequence[Interval]]
    ) -> None:
        """`found` has the records of each hole, or no entry where the broker did not tell."""
        records = union(one for hole in holes for one in found.get(hole, ()))
        for hole in holes:
            if hole in found:
                self._without_records += missing(union(found[hole]), hole.first, hole.last)
        self.gaps = [one for one in records if any(_overlap(one, before) for before in self._suspected)]
        self._suspected = records
        open_holes = [hole for hole in holes if found.get(hole) != []]
        self.proven = min([hole.first for hole in open_holes], default=max(self.proven, committed.offset))
        self._without_records = [one for one in union(self._without_records) if one.last >= self.proven]


def _overlap(one: Interval, other: Interval) -> bool:
    return one.first <= other.last and other.first <= one.last

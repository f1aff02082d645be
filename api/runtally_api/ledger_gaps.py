"""Which offsets the ledger does not cover, out of its ranges. Pure.

Offsets of the local broker are dense, so there each gap is a loss. Elsewhere control records and compaction leave gaps
too, and inserts under way may be acknowledged out of order: `runtally verify` asks the broker what was there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from runtally.streams import LOCAL_PREFIX


@dataclass(frozen=True, slots=True)
class Gap:
    """The offsets first..last, both included, which no range of the ledger covers."""

    stream: str
    topic: str
    partition: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the ledger covers, and what it does not."""

    streams: int
    partitions: int
    gaps: tuple[Gap, ...]

    @property
    def missing_offsets(self) -> int:
        return sum(gap.last - gap.first + 1 for gap in self.gaps)


def examine(ranges: Iterable[Mapping[str, Any]]) -> Ledger:
    """`ranges` have stream, topic, partition, first and last; in order, and they may overlap."""
    gaps: list[Gap] = []
    places: list[tuple[str, str, int]] = []
    for place, own in groupby(ranges, key=lambda row: (row["stream"], row["topic"], row["partition"])):
        places.append(place)
        reached = 0 if place[0].startswith(LOCAL_PREFIX) else None
        for row in own:
            if reached is not None and row["first"] > reached:
                gaps.append(Gap(*place, reached, row["first"] - 1))
            reached = max(reached or 0, row["last"] + 1)
    return Ledger(len({stream for stream, _, _ in places}), len(places), tuple(gaps))

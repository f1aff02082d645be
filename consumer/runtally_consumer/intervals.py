"""Arithmetic of offset intervals: unions, what is missing from them, and counts along them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Interval(NamedTuple):
    """The offsets first..last, both included. Never empty."""

    first: int
    last: int

    @property
    def width(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}..{self.last}"


class Counted(NamedTuple):
    """A range of the ledger: the offsets that it covers, and what became of the records there."""

    first: int
    last: int
    accepted: int
    dead: int

    @property
    def interval(self) -> Interval:
        return Interval(self.first, self.last)

    @property
    def records(self) -> int:
        return self.accepted + self.dead


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """The same offsets in as few intervals as can be, in order. The intervals may overlap, in any order."""
    joined: list[Interval] = []
    for interval in sorted(intervals):
        if joined and interval.first <= joined[-1].last + 1:
            joined[-1] = Interval(joined[-1].first, max(joined[-1].last, interval.last))
        else:
            joined.append(interval)
    return joined


def missing(covered: Sequence[Interval], first: int, last: int) -> list[Interval]:
    """The offsets of first..last that are in none of `covered`, which `union` gave."""
    holes: list[Interval] = []
    expected = first
    for interval in covered:
        if interval.first > last:
            break
        if interval.first > expected:
            holes.append(Interval(expected, interval.first - 1))
        expected = max(expected, interval.last + 1)
    if expected <= last:
        holes.append(Interval(expected, last))
    return holes


def split_at(interval: Interval, offset: int) -> tuple[Interval | None, Interval | None]:
    """The part below the offset, and the part from it on; None for a part without offsets."""
    below = Interval(interval.first, min(interval.last, offset - 1))
    above = Interval(max(interval.first, offset), interval.last)
    return (below if below.first <= below.last else None), (above if above.first <= above.last else None)


def of_offsets(offsets: Iterable[int]) -> list[Interval]:
    """These offsets as intervals."""
    return union(Interval(offset, offset) for offset in offsets)


def count_once(ranges: Iterable[Counted]) -> tuple[int, int] | None:
    """Accepted and dead records of ranges that cover one stretch of offsets, each record counted once.

    Ranges overlap after a redelivery, which begins where an earlier range ended. So a chain of ranges, end to
    end, leads through the stretch, and its counts are those of the stretch. None where there is no such chain.
    """
    ordered = sorted(ranges)
    reached = {ordered[0].first: (0, 0)}
    for one in ordered:
        before = reached.get(one.first)
        if before is not None:
            reached.setdefault(one.last + 1, (before[0] + one.accepted, before[1] + one.dead))
    return reached.get(max(one.last for one in ordered) + 1)

"""What the ledger, the group's offsets and the broker's records say together about one partition. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from runtally.streams import LOCAL_PREFIX
from runtally_consumer.intervals import Counted, Interval, count_once, missing, split_at, union

# Offsets of the local broker are dense: it knows neither transactions nor compaction. Its streams are named so.
Found = Mapping[Interval, Sequence[Interval]]


@dataclass(frozen=True, slots=True)
class PartitionLedger:
    """The ledger's ranges of one partition in one stream, in any order."""

    stream: str
    topic: str
    partition: int
    ranges: Sequence[Counted]

    @property
    def is_dense(self) -> bool:
        """Whether each offset must hold a record."""
        return self.stream.startswith(LOCAL_PREFIX)

    @property
    def covered(self) -> list[Interval]:
        return union(one.interval for one in self.ranges)


@dataclass(frozen=True, slots=True)
class Place:
    """A partition of the present stream: what the group has committed, and which offsets the broker has.

    `begin` is the first that retention left, `end` the one after the last.
    """

    committed: int | None
    begin: int
    end: int


class Fault(StrEnum):
    """What is wrong with some offsets, as people read it."""

    NOT_IN_LEDGER = "committed, on the broker, and not in the ledger"
    REMOVED = "committed, removed from the topic, and not in the ledger"
    HOLE = "not in the ledger"
    MISCOUNTED = "miscounted"
    MADE_ANEW = "beyond the end of the topic: it was made anew"


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of these offsets; `counted` and `produced` are records, where they are what differs."""

    fault: Fault
    offsets: Interval
    counted: int | None = None
    produced: int | None = None


@dataclass(slots=True)
class Verdict:
    """One partition: what is covered, what is wrong, and what nobody can tell any more."""

    stream: str
    topic: str
    partition: int
    present: bool
    committed: int | None
    covered: Sequence[Interval]
    accepted: int
    dead: int
    findings: list[Finding] = field(default_factory=list)
    untold: list[tuple[Interval, str]] = field(default_factory=list)


def to_look_at(ledger: PartitionLedger, place: Place | None) -> list[Interval]:
    """The offsets of which only the broker can tell whether there are records."""
    if place is None or ledger.is_dense:
        return []
    holes = [Interval(max(hole.first, place.begin), hole.last) for hole in _holes(ledger, place)]
    sparse = [one.interval for one in ledger.ranges if one.records < one.interval.width and one.first >= place.begin]
    return [one for one in dict.fromkeys([*holes, *sparse]) if one.first <= one.last and one.first < place.end]


def judge(ledger: PartitionLedger, place: Place | None, found: Found) -> Verdict:
    """`place` is None for a stream that is over; `found` has an entry for what was read of `to_look_at`."""
    covered = ledger.covered
    accepted, dead, uncounted = _totals(ledger.ranges, covered)
    verdict = Verdict(
        ledger.stream, ledger.topic, ledger.partition, place is not None, place.committed if place else None,
        covered, accepted, dead,
    )  # fmt: skip
    verdict.untold += [(stretch, "overlapping ranges: counted more than once") for stretch in uncounted]
    for hole in _holes(ledger, place):
        _judge_hole(hole, ledger, place, found, verdict)
    for one in sorted(ledger.ranges):
        _judge_count(one, ledger, place, found, verdict)
    if place is not None and covered and not ledger.is_dense and covered[-1].last >= place.end:
        beyond = Interval(max(place.end, covered[-1].first), covered[-1].last)
        verdict.findings.append(Finding(Fault.MADE_ANEW, beyond))
    verdict.findings.sort(key=lambda finding: finding.offsets)
    return verdict


def _holes(ledger: PartitionLedger, place: Place | None) -> list[Interval]:
    """What is not covered, from 0 on. Above the committed offset inserts are in flight, in any order."""
    covered = ledger.covered
    last = covered[-1].last if covered else -1
    if place is not None:
        last = -1 if place.committed is None else place.committed - 1
    return missing(covered, 0, last)


def _judge_hole(hole: Interval, ledger: PartitionLedger, place: Place | None, found: Found, verdict: Verdict) -> None:
    if ledger.is_dense:
        verdict.findings.append(Finding(Fault.HOLE, hole, 0, hole.width))
        return
    if place is None:
        verdict.untold.append((hole, "no broker has this stream any more"))
        return
    removed, rest = split_at(hole, place.begin)
    if removed is not None:
        if hole.first == 0:
            verdict.untold.append((removed, "removed by retention before the ledger's first range, or never read"))
        else:
            verdict.findings.append(Finding(Fault.REMOVED, removed))
    if rest is None or rest.first >= place.end:
        return
    if rest in found:
        verdict.findings += [Finding(Fault.NOT_IN_LEDGER, one, 0, one.width) for one in found[rest]]
    else:
        verdict.untold.append((rest, "the broker did not give what is there"))


def _judge_count(one: Counted, ledger: PartitionLedger, place: Place | None, found: Found, verdict: Verdict) -> None:
    width = one.interval.width
    if one.records == width:
        return
    if one.records > width or ledger.is_dense:
        verdict.findings.append(Finding(Fault.MISCOUNTED, one.interval, one.records, width))
    elif place is None or one.interval not in found:
        verdict.untold.append((one.interval, f"counts {one.records} records, and the broker cannot be asked for them"))
    else:
        produced = sum(part.width for part in found[one.interval])
        if produced > one.records:
            verdict.findings.append(Finding(Fault.MISCOUNTED, one.interval, one.records, produced))
        elif produced < one.records:
            verdict.untold.append((one.interval, f"counts {one.records} records, the broker has {produced} left"))


def _totals(ranges: Sequence[Counted], covered: Sequence[Interval]) -> tuple[int, int, list[Interval]]:
    """Accepted, dead, and the stretches where they could not be told apart from a redelivery's."""
    accepted = dead = 0
    uncounted = []
    ordered = sorted(ranges)
    position = 0
    for stretch in covered:
        inside = []
        while position < len(ordered) and ordered[position].first <= stretch.last:
            inside.append(ordered[position])
            position += 1
        counts = count_once(inside)
        if counts is None:
            uncounted.append(stretch)
        else:
            accepted += counts[0]
            dead += counts[1]
    return accepted, dead, uncounted

"""The verdicts as a person reads them, and as a program does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from runtally_cli.verification.judgement import Finding, Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """All partitions of all streams. `stream` is the present cluster's id, "" when no broker was asked."""

    held_by: str
    stream: str
    broker: str
    verdicts: Sequence[Verdict]

    @property
    def is_proven(self) -> bool:
        """Whether no gap and no mismatch was found."""
        return not any(verdict.findings for verdict in self.verdicts)

    def lines(self) -> Iterator[str]:
        yield f"runtally verify: the ledger in {self.held_by}; {self.broker}"
        for stream, verdicts in self._by_stream().items():
            yield f"stream {stream or 'unknown'} ({'present' if any(one.present for one in verdicts) else 'over'})"
            if not any(one.present or one.findings or one.untold for one in verdicts):
                yield f"  ok    {len(verdicts)} partitions: {_records(verdicts)}"
                continue
            for one in verdicts:
                yield from _partition_lines(one)
        counts = self.counts()
        yield (
            f"{'proven' if self.is_proven else 'NOT proven'}: {_records(self.verdicts)}; "
            f"gaps and mismatches {counts['findings']}, not known {counts['untold']}"
        )

    def counts(self) -> dict[str, int]:
        accepted = sum(one.accepted for one in self.verdicts)
        dead = sum(one.dead for one in self.verdicts)
        return {
            "records": accepted + dead,
            "accepted": accepted,
            "dead": dead,
            "findings": sum(len(one.findings) for one in self.verdicts),
            "untold": sum(len(one.untold) for one in self.verdicts),
        }

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": self.is_proven,
            "stream": self.stream,
            "counts": self.counts(),
            "partitions": [_as_json(one) for one in self.verdicts],
        }

    def _by_stream(self) -> dict[str, list[Verdict]]:
        grouped: dict[str, list[Verdict]] = {}
        for one in sorted(self.verdicts, key=lambda one: (one.present, one.stream, one.topic, one.partition)):
            grouped.setdefault(one.stream, []).append(one)
        return grouped


def _records(verdicts: Sequence[Verdict]) -> str:
    accepted, dead = sum(one.accepted for one in verdicts), sum(one.dead for one in verdicts)
    return f"records {accepted + dead} = accepted {accepted} + dead {dead}"


def _partition_lines(one: Verdict) -> Iterator[str]:
    covered = ", ".join(map(str, one.covered[:5])) or "nothing"
    more = f" and {len(one.covered) - 5} more" if len(one.covered) > 5 else ""
    committed = f", committed {one.committed}" if one.committed is not None else ""
    word = "WRONG" if one.findings else "ok"
    place = f"{one.topic}[{one.partition}]"
    yield f"  {word:5} {place:24} covers {covered}{more}{committed}: accepted {one.accepted}, dead {one.dead}"
    for finding in one.findings:
        yield f"        {_told(finding)}"
    for offsets, why in one.untold:
        yield f"        not known: offsets {offsets}: {why}"


def _told(finding: Finding) -> str:
    head = f"offsets {finding.offsets}: {finding.fault.value}"
    if finding.counted is None or finding.produced is None:
        return head
    return f"{head}: {finding.produced} records, {finding.counted} accounted for"


def _as_json(one: Verdict) -> dict[str, Any]:
    return {
        "stream": one.stream,
        "topic": one.topic,
        "partition": one.partition,
        "present": one.present,
        "committed": one.committed,
        "covered": [list(interval) for interval in one.covered],
        "accepted": one.accepted,
        "dead": one.dead,
        "findings": [
            {
                "fault": finding.fault.name.lower(),
                "first": finding.offsets.first,
                "last": finding.offsets.last,
                "counted": finding.counted,
                "produced": finding.produced,
            }
            for finding in one.findings
        ],
        "unknown": [{"first": offsets.first, "last": offsets.last, "why": why} for offsets, why in one.untold],
    }

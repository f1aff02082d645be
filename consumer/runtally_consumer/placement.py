"""Where to begin reading a partition, and which records are gone before anybody read them. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartitionFacts:
    """What the group, the ledger and the broker say about one partition.

    `committed_in` is the id of the topic that the committed offset was an offset of, "" where it was not told, as
    `topic_id` is where the broker has none. `end` is None where the broker's is not to be trusted. `ledger` holds
    the ranges (first, last) of the present stream in order, or is None when it was not asked.
    """

    committed: int | None
    committed_in: str
    topic_id: str
    begin: int
    end: int | None
    ledger: Sequence[tuple[int, int]] | None = None

    @property
    def made_anew(self) -> bool:
        """Whether the committed offset is one of a topic of the same name that is no more."""
        if self.committed is None or not self.topic_id:
            return False
        if self.committed_in:
            return self.committed_in != self.topic_id
        return self.is_beyond_end and self.ledger is not None and not self.ledger

    @property
    def is_beyond_end(self) -> bool:
        return self.committed is not None and self.end is not None and self.committed > self.end

    @property
    def needs_ledger(self) -> bool:
        """Whether only the ledger can tell what was read already."""
        return self.ledger is None and (self.committed is None or (self.is_beyond_end and not self.committed_in))


@dataclass(frozen=True, slots=True)
class Lost:
    """Records first..last that were not read and cannot be any more; reading could go on at `goes_on_at`."""

    first: int
    last: int
    goes_on_at: int
    why: str

    def told(self, topic: str, number: int) -> str:
        return f"{topic}-{number} stopped: offsets {self.first}..{self.last} {self.why}"


@dataclass(frozen=True, slots=True)
class Placement:
    """Read from `offset` on, or stand still for what is `lost`."""

    offset: int
    lost: Lost | None = None
    made_anew: bool = False


RETENTION = "were removed from the topic before they were read"
TRUNCATED = "were read and committed, and the topic now ends before them: new records would take their offsets"


_TOLD = re.compile(rf"offsets (\d+)\.\.(\d+) {re.escape(TRUNCATED)}")


def committed_before_truncation(told: str) -> int | None:
    """What the group had committed when `Lost.told` told of a truncation; None when it told of something else."""
    found = _TOLD.search(told)
    return int(found[2]) + 1 if found else None


def place(facts: PartitionFacts) -> Placement:
    """A group without offsets begins at the earliest record; nothing is ever skipped without being told."""
    if facts.made_anew:
        return _from(0, facts, made_anew=True)
    if facts.committed is None:
        return _from(_after_ledger(facts.ledger or (), facts.begin), facts)
    if facts.is_beyond_end and facts.end is not None:
        return Placement(facts.end, Lost(facts.end, facts.committed - 1, facts.end, TRUNCATED))
    return _from(facts.committed, facts)


def _from(offset: int, facts: PartitionFacts, *, made_anew: bool = False) -> Placement:
    if offset < facts.begin:
        return Placement(facts.begin, Lost(offset, facts.begin - 1, facts.begin, RETENTION), made_anew)
    return Placement(offset, None, made_anew)


def _after_ledger(ledger: Sequence[tuple[int, int]], begin: int) -> int:
    """Where what the ledger covers, as far as the broker still has it, ends. A re-read changes nothing."""
    reached: int | None = None
    for first, last in sorted(ledger):
        if first > max(begin, reached or 0):
            break
        reached = max(reached or 0, last + 1)
    return begin if reached is None else reached

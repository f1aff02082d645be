"""What is gone from the store for good, by erasure or retention, whatever the topics still hold.

Whoever writes events reads the list before each insert, leaves out or blanks what it names, and reads it once more
before it counts the insert as done. The list only grows; a row's identity, its time in it, and its user tell whether it
is withdrawn.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from runtally_clickhouse.catalogue import EPOCH, query_text
from runtally_clickhouse.client import Reader


@dataclass(frozen=True, slots=True)
class EventTable:
    """A table of events: its key, the key's time, who is named in it, and the column that a blank row leaves empty."""

    name: str
    key: str
    keyed_at: str
    user: str
    sign: str

    def parameters(self) -> dict[str, object]:
        return {"table": self.name, "keyed_at": self.keyed_at, "user": self.user, "sign": self.sign}


RUNS = EventTable("agent_runs", "run_id", "started_at", "user_id", "agent_id")
EVENT_TABLES: Mapping[str, EventTable] = {
    table.name: table
    for table in (
        RUNS,
        EventTable("agent_feedback", "id", "keyed_at", "user_id", "feedback_id"),
        EventTable("agent_lifecycle", "id", "keyed_at", "actor", "event_id"),
        EventTable("user_activity", "id", "keyed_at", "user_id", "event_id"),
    )
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What an erasure is about: of these workspaces, all if none is named, what began before an instant.

    `user_hash` narrows it to what names one user; "" is everything. Not both may be open.
    """

    workspaces: tuple[str, ...]
    user_hash: str
    before_ms: int

    def __post_init__(self) -> None:
        if not self.workspaces and not self.user_hash:
            raise ValueError("an erasure names a user, or at least one workspace")

    @property
    def before(self) -> datetime:
        return EPOCH + timedelta(milliseconds=self.before_ms)

    def parameters(self) -> dict[str, object]:
        return {"workspaces": list(self.workspaces), "user_hash": self.user_hash, "before_ms": self.before_ms}


@dataclass(frozen=True, slots=True)
class Withdrawals:
    """The list. `horizons`: by table, the Unix milliseconds before which it holds nothing any more."""

    subjects: tuple[Subject, ...] = ()
    horizons: Mapping[str, int] = field(default_factory=dict)

    @property
    def of_workspaces(self) -> Sequence[Subject]:
        """Those about everything in some workspaces."""
        return [one for one in self.subjects if not one.user_hash]


def user_hash(user_id: str) -> str:
    """How the list names a user: it outlives them, and should not be a list of people."""
    return hashlib.sha256(user_id.encode()).hexdigest()


class WithdrawalList:
    """The list in the store; read whole only when it grew. For any number of threads."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._seen: tuple[object, Withdrawals] = (None, Withdrawals())

    def current(self) -> Withdrawals:
        """The list, no older than the call. Blocks; raises as `Reader.query`."""
        known = self._reader.query(query_text("withdrawals_known"), {})[0]
        seen, withdrawals = self._seen
        size = (known["erasures"], known["horizons"])
        if size != seen:
            withdrawals = self._read() if any(size) else Withdrawals()
            self._seen = (size, withdrawals)
        return withdrawals

    def _read(self) -> Withdrawals:
        rows = self._reader.query(query_text("erasure_subjects"), {})
        subjects = tuple(Subject(tuple(row["workspaces"]), row["user_hash"], int(row["before_ms"])) for row in rows)
        horizons = self._reader.query(query_text("retention_horizons"), {})
        return Withdrawals(subjects, {row["event_table"]: int(row["before_ms"]) for row in horizons})

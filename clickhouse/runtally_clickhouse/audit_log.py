"""The audit log: who did what, when, from where, and what became of it. Rows are added and never changed."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import pyarrow as pa

from runtally_clickhouse.catalogue import query_text
from runtally_clickhouse.client import Reader, Row, Writer
from runtally_clickhouse.row_columns import INSTANT, NAMES, as_set, instant_of, listed, one_row


class Act(StrEnum):
    """What is worth remembering."""

    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    TOKEN_REFRESH = "token_refresh"
    TOKEN_REFUSED = "token_refused"
    REFRESH_REUSE = "refresh_reuse"
    EXPORT = "export"
    KEY_CREATE = "key_create"
    KEY_REVOKE = "key_revoke"
    USER_CHANGE = "user_change"
    ERASE = "erase"
    REPLAY = "replay"
    RETENTION = "retention"
    RULE_CHANGE = "rule_change"


class Outcome(StrEnum):
    """`done` is written before the act: one that then failed has a second entry, `failed`."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One act. `workspaces` are those that it is about: None is all, an empty set none in particular."""

    act: Act
    outcome: Outcome
    actor: str
    recorded_at: datetime
    actor_email: str = ""
    workspaces: frozenset[str] | None = frozenset()
    target: str = ""
    source_address: str = ""
    request_id: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    entry_id: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True, slots=True)
class AuditPage:
    """What is asked of the log: entries before one, at most `limit`; `workspaces` as the caller may see."""

    workspaces: frozenset[str] | None
    limit: int
    before_us: int = 2**52
    before_id: str = ""
    from_us: int = 0
    acts: Sequence[str] = ()
    actors: Sequence[str] = ()


def write_entry(writer: Writer, entry: AuditEntry) -> None:
    """Blocks; raises as `Writer.insert`, and then the act must not be done."""
    row = one_row(
        recorded_at=(entry.recorded_at, INSTANT),
        entry_id=(entry.entry_id, pa.string()),
        act=(entry.act.value, pa.string()),
        outcome=(entry.outcome.value, pa.string()),
        actor=(entry.actor, pa.string()),
        actor_email=(entry.actor_email, pa.string()),
        workspaces=(listed(entry.workspaces), NAMES),
        target=(entry.target, pa.string()),
        source_address=(entry.source_address, pa.string()),
        request_id=(entry.request_id, pa.string()),
        details=(list(entry.details.items()), pa.map_(pa.string(), pa.string())),
    )
    writer.insert("audit_log", row)


def newest_entries(reader: Reader, page: AuditPage) -> list[AuditEntry]:
    """Newest first. Blocks; raises as `Reader.query`."""
    asked = {
        "before_us": page.before_us,
        "before_id": page.before_id,
        "from_us": page.from_us,
        "only": int(page.workspaces is not None),
        "workspaces": listed(page.workspaces),
        "acts": list(page.acts),
        "actors": list(page.actors),
        "limit": page.limit,
    }
    return [_entry(row) for row in reader.query(query_text("audit_newest_first"), asked)]


def _entry(row: Row) -> AuditEntry:
    recorded_at = instant_of(row["recorded_at_us"])
    assert recorded_at is not None, "every entry has its instant"
    return AuditEntry(
        act=Act(row["act"]),
        outcome=Outcome(row["outcome"]),
        actor=row["actor"],
        recorded_at=recorded_at,
        actor_email=row["actor_email"],
        workspaces=as_set(row["entry_workspaces"]),
        target=row["target"],
        source_address=row["source_address"],
        request_id=row["request_id"],
        details=row["details"],
        entry_id=row["entry_id"],
    )

"""People who sign in without an identity provider, their refresh tokens, and how often somebody tried."""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from runtally_clickhouse.catalogue import query_text
from runtally_clickhouse.client import Reader, Writer
from runtally_clickhouse.row_columns import INSTANT, NAMES, as_set, instant_of, listed, micros_of, one_row


@dataclass(frozen=True, slots=True)
class StoredUser:
    """Somebody who signs in by email and password. A refresh token from before `signed_in_since` is worth nothing."""

    email: str
    password_hash: str
    role: str
    workspaces: frozenset[str] | None
    signed_in_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class RefreshEvent:
    """What happened to a refresh token: `issued`, `used` or its family `ended`."""

    family: str
    event: str
    token_sha256: str
    nonce: int
    email: str
    began_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Attempts:
    """Tries at an account that did not succeed, and when the first of them was."""

    count: int
    first_at: datetime | None


def put_user(writer: Writer, user: StoredUser, at: datetime, *, is_removed: bool = False) -> None:
    """Add or replace; blocks; raises as `Writer.insert`. What was written last counts."""
    row = one_row(
        email=(user.email, pa.string()),
        password_hash=(user.password_hash, pa.string()),
        role=(user.role, pa.string()),
        workspaces=(listed(user.workspaces), NAMES),
        is_removed=(is_removed, pa.bool_()),
        signed_in_since=(user.signed_in_since or at, INSTANT),
        changed_at=(at, INSTANT),
    )
    writer.insert("local_users", row)


def find_users(reader: Reader, *emails: str) -> list[StoredUser]:
    """Those of these emails, or all; without those that were removed. Blocks; raises as `Reader.query`."""
    return [
        StoredUser(
            row["email"],
            row["hash"],
            row["user_role"],
            as_set(row["user_workspaces"]),
            instant_of(row["signed_in_since_us"]),
        )
        for row in reader.query(query_text("local_users"), {"emails": list(emails)})
    ]


def add_refresh_event(writer: Writer, event: RefreshEvent, at: datetime) -> None:
    """Blocks; raises as `Writer.insert`. Told twice it is one event."""
    row = one_row(
        family=(event.family, pa.string()),
        event=(event.event, pa.string()),
        token_sha256=(event.token_sha256, pa.string()),
        nonce=(event.nonce, pa.uint64()),
        email=(event.email, pa.string()),
        began_at=(event.began_at, INSTANT),
        recorded_at=(at, INSTANT),
        expires_at=(event.expires_at, INSTANT),
    )
    writer.insert("refresh_tokens", row)


def refresh_events(reader: Reader, family: str) -> list[RefreshEvent]:
    """All that is known of a family. Blocks; raises as `Reader.query`."""
    found = []
    for row in reader.query(query_text("refresh_tokens"), {"family": family}):
        began_at, expires_at = instant_of(row["began_at_us"]), instant_of(row["expires_at_us"])
        assert began_at is not None, "every event has its instants"
        assert expires_at is not None, "every event has its instants"
        found.append(
            RefreshEvent(family, row["event"], row["token_sha256"], row["nonce"], row["email"], began_at, expires_at)
        )
    return found


def tell_attempt(writer: Writer, account_sha256: str, at: datetime, nonce: int, *, succeeded: bool) -> None:
    """Blocks; raises as `Writer.insert`."""
    row = one_row(
        account_sha256=(account_sha256, pa.string()),
        attempted_at=(at, INSTANT),
        nonce=(nonce, pa.uint64()),
        succeeded=(succeeded, pa.bool_()),
    )
    writer.insert("sign_in_attempts", row)


def attempts_since(reader: Reader, account_sha256: str, since: datetime) -> Attempts:
    """Tries since an instant and since the last that succeeded. Blocks; raises as `Reader.query`."""
    asked = {"account_sha256": account_sha256, "since_us": micros_of(since)}
    for row in reader.query(query_text("sign_in_attempts"), asked):
        return Attempts(row["attempts"], instant_of(row["first_us"]))
    return Attempts(0, None)

"""API keys as the store keeps them: a key is a row that never changes, and so is its revocation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from runtally_clickhouse.catalogue import query_text
from runtally_clickhouse.client import Reader, Row, Writer
from runtally_clickhouse.row_columns import INSTANT, NAMES, as_set, instant_of, listed, one_row

MOST_LISTED = 1000


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key without its secret. `workspaces` None is all; `used_at` may be a minute old."""

    key_id: str
    name: str
    permissions: frozenset[str]
    workspaces: frozenset[str] | None
    created_by: str
    created_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None = None
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeySecret:
    """What a key that is shown must match, and what it then stands for."""

    secret_sha256: str
    permissions: frozenset[str]
    workspaces: frozenset[str] | None
    expires_at: datetime | None
    is_revoked: bool


def add_key(writer: Writer, key: StoredKey, secret_sha256: str) -> None:
    """Blocks; raises as `Writer.insert`."""
    row = one_row(
        key_id=(key.key_id, pa.string()),
        secret_sha256=(secret_sha256, pa.string()),
        name=(key.name, pa.string()),
        permissions=(sorted(key.permissions), NAMES),
        workspaces=(listed(key.workspaces), NAMES),
        created_by=(key.created_by, pa.string()),
        created_at=(key.created_at, INSTANT),
        expires_at=(key.expires_at, INSTANT),
    )
    writer.insert("api_keys", row)


def revoke_key(writer: Writer, key_id: str, by: str, at: datetime) -> None:
    """From its acknowledgement on nothing that asks the store takes the key. Blocks; raises as `Writer.insert`."""
    row = one_row(key_id=(key_id, pa.string()), revoked_by=(by, pa.string()), revoked_at=(at, INSTANT))
    writer.insert("api_key_revocations", row)


def tell_use(writer: Writer, key_id: str, at: datetime) -> None:
    """Blocks; raises as `Writer.insert`."""
    writer.insert("api_key_uses", one_row(key_id=(key_id, pa.string()), used_at=(at, INSTANT)))


def find_secret(reader: Reader, key_id: str) -> KeySecret | None:
    """What the store knows of a key now. Blocks; raises as `Reader.query`."""
    for row in reader.query(query_text("api_key"), {"key_id": key_id}):
        return KeySecret(
            row["secret"],
            frozenset(row["key_permissions"]),
            as_set(row["key_workspaces"]),
            instant_of(row["expires_at_us"]),
            bool(row["revoked"]),
        )
    return None


def newest_keys(
    reader: Reader, workspaces: frozenset[str] | None = None, key_ids: Sequence[str] = ()
) -> list[StoredKey]:
    """At most `MOST_LISTED`, newest first. With `workspaces` those that reach no further than these."""
    asked = {
        "key_ids": list(key_ids),
        "only": int(workspaces is not None),
        "workspaces": listed(workspaces),
        "limit": MOST_LISTED,
    }
    return [_stored(row) for row in reader.query(query_text("api_keys_newest_first"), asked)]


def _stored(row: Row) -> StoredKey:
    return StoredKey(
        row["key_id"],
        row["key_name"],
        frozenset(row["key_permissions"]),
        as_set(row["key_workspaces"]),
        row["created_by"],
        instant_of(row["created_at_us"]),
        instant_of(row["expires_at_us"]),
        instant_of(row["revoked_at_us"]),
        instant_of(row["used_at_us"]),
    )

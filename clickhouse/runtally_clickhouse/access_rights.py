"""Whether a user of the store may keep keys, sign-ins, erasures and the audit log: tried by adding nothing to them."""

from typing import Final

from runtally_clickhouse.catalogue import query_text
from runtally_clickhouse.client import Writer
from runtally_clickhouse.errors import StoreRefused

# What the API writes to (docs/access.md).
ACCESS_TABLES: Final = (
    "audit_log",
    "api_keys",
    "api_key_revocations",
    "api_key_uses",
    "refresh_tokens",
    "sign_in_attempts",
    "erasures",
)
# ClickHouse's READONLY and ACCESS_DENIED.
_NOT_ALLOWED: Final = frozenset({164, 497})


def table_without_rights(writer: Writer) -> str | None:
    """The first of these tables that the user may not read and add to. Blocks; raises `StoreError`."""
    for table in ACCESS_TABLES:
        try:
            writer.command(query_text("add_nothing"), {"table": table})
        except StoreRefused as refused:
            if refused.code not in _NOT_ALLOWED:
                raise
            return table
    return None

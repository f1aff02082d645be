"""What the doctor asks of the store, as one named operation: it runs in whichever process holds the store."""

from collections.abc import Callable, Mapping
from typing import Any

from runtally_clickhouse.catalogue import data_as_of
from runtally_clickhouse.client import Store, check_writes_count_twice
from runtally_clickhouse.errors import StoreError, StoreUnavailable
from runtally_clickhouse.migrations import schema_status

_TABLES = """
SELECT name, engine, engine_full, partition_key, sorting_key
FROM system.tables WHERE database = currentDatabase() ORDER BY name
"""
_DISKS = "SELECT name, toUInt64(free_space) AS free, toUInt64(total_space) AS total FROM system.disks"


def store_facts(store: Store, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Each fact as `{"value": ...}`, or `{"why": ...}` where the store would not tell.

    Raises `StoreError` when the store does not even tell its version. `writes` false leaves out the question
    that makes and drops a table.
    """
    facts: dict[str, Any] = {
        "version": str(store.unmerged("SELECT version() AS version")[0]["version"]),
        "embedded": store.location.path is not None,
        "missing": _told(lambda: [one.migration.name for one in schema_status(store) if not one.applied]),
        "tables": _told(lambda: store.unmerged(_TABLES)),
        "disks": _told(lambda: store.unmerged(_DISKS)),
        "data_as_of": _told(lambda: _instant(store)),
    }
    if parameters.get("writes", True):
        facts["writes"] = _told(lambda: check_writes_count_twice(store))
    return facts


def _instant(store: Store) -> str | None:
    acknowledged = data_as_of(store)
    return acknowledged.isoformat() if acknowledged else None


def _told(ask: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"value": ask()}
    except StoreUnavailable:
        raise  # nobody there: the next question would only wait as long
    except StoreError as error:
        return {"why": str(error).splitlines()[0][:300]}

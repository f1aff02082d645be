"""What the doctor asks of the store, as one named operation: it runs in whichever process holds the store."""

from collections.abc import Mapping
from typing import Any

from runtally_clickhouse.catalogue import data_as_of
from runtally_clickhouse.client import Store, check_writes_count_twice
from runtally_clickhouse.store_facts import soundness_facts, told

_DISKS = "SELECT name, toUInt64(free_space) AS free, toUInt64(total_space) AS total FROM system.disks"


def store_facts(store: Store, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Each fact as `{"value": ...}`, or `{"why": ...}` where the store would not tell.

    Raises `StoreError` when the store does not even tell its version. `writes` false leaves out what concerns writing,
    such as the question that makes and drops a table.
    """
    writes = bool(parameters.get("writes", True))
    facts: dict[str, Any] = {
        **soundness_facts(store, writing=writes),
        "embedded": store.location.path is not None,
        "disks": told(lambda: store.unmerged(_DISKS)),
        "data_as_of": told(lambda: _instant(store)),
    }
    if writes:
        facts["writes"] = told(lambda: check_writes_count_twice(store))
    return facts


def _instant(store: Store) -> str | None:
    acknowledged = data_as_of(store)
    return acknowledged.isoformat() if acknowledged else None

"""Which version of a key the store holds: to tell what a write would change before it is made."""

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from runtally_clickhouse.catalogue import query_text
from runtally_clickhouse.client import Store

Key = tuple[str, UUID]  # workspace and stored key
# ClickHouse takes 128 KiB in one parameter; a key is 39 bytes of it.
KEYS_AT_ONCE, WORKSPACE_BYTES_AT_ONCE = 1_000, 60_000
_RUNS = "agent_runs"


def stored_versions(store: Store, table: str, keys: Sequence[Key]) -> Mapping[Key, int]:
    """Those of the keys that the table holds, each with its greatest version. Blocks; raises as `Store.query`."""
    columns = ("run_id", "started_at") if table == _RUNS else ("id", "keyed_at")
    found: dict[Key, int] = {}
    for chunk in _chunks(keys):
        wanted = set(chunk)
        rows = store.unmerged(
            query_text("stored_versions"),
            {
                "table": table,
                "key": columns[0],
                "keyed_at": columns[1],
                "workspaces": sorted({workspace for workspace, _ in chunk}),
                "keys": [str(key) for _, key in chunk],
            },
        )
        pairs = {(str(row["workspace_id"]), row["stored_key"]): int(row["stored_version"]) for row in rows}
        found |= {key: version for key, version in pairs.items() if key in wanted}
    return found


def _chunks(keys: Sequence[Key]) -> Iterator[list[Key]]:
    chunk: list[Key] = []
    workspaces: dict[str, int] = {}
    for key in keys:
        chunk.append(key)
        workspaces[key[0]] = len(key[0].encode()) + 4
        if len(chunk) >= KEYS_AT_ONCE or sum(workspaces.values()) >= WORKSPACE_BYTES_AT_ONCE:
            yield chunk
            chunk, workspaces = [], {}
    if chunk:
        yield chunk

"""Runs to ask about, written as the consumer writes them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from runtally.events import RunSnapshot
from runtally_clickhouse.catalogue import RunFilters, RunScope
from runtally_clickhouse.client import Store
from runtally_consumer.decoding import decode_runs

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
DAY_MS = 86_400_000
TODAY_MS = 1_795_219_200_000


def snapshot(run_id: str, **fields: Any) -> RunSnapshot:
    """A snapshot with what is required, and more."""
    return RunSnapshot.model_validate(
        {
            "run_id": run_id,
            "workspace_id": "acme",
            "agent_id": "planner",
            "status": "succeeded",
            "started_at": "2026-11-21T09:00:00.123Z",
            "updated_at": "2026-11-21T09:00:02Z",
            **fields,
        }
    )


def insert(store: Store, *snapshots: RunSnapshot) -> None:
    """In one block, each snapshot a row."""
    decoded = decode_runs([item.message_value() for item in snapshots])
    assert not decoded.rejected
    store.insert("agent_runs", decoded.table)


def scope(*workspaces: str, **filters: Any) -> RunScope:
    """All time; only these workspaces, or all when none is named."""
    return RunScope(
        workspaces=frozenset(workspaces) or None,
        stalled_before=NOW - timedelta(hours=24),
        filters=RunFilters(**filters),
    )

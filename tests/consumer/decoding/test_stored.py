"""Decoded tables go into the engine as they are meant: every column arrives, and the version decides."""

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from backends.clickhouse_backend import ClickHouseBackend
from runtally.identity import derive_uuid7
from runtally_clickhouse.migrations import Target, known_migrations
from runtally_consumer.decoding import DECODERS, coalesce, decode_runs
from runtally_consumer.decoding.versions import run_version

WRITE = {"async_insert": 0, "deduplicate_insert": "disable", "insert_deduplicate": 0}
UUID7 = "01a0c450-6c00-7226-b63c-5ab791b7584a"
RUN = {
    "run_id": "bar-é-1",
    "workspace_id": "acme",
    "agent_id": "planner",
    "agent_name": "Planner",
    "status": "succeeded",
    "updated_at": "2026-11-21T09:00:02.000001Z",
    "started_at": "2026-11-21T10:00:00.123999+01:00",
    "finished_at": "2026-11-21T09:00:01.124500123Z",
    "handed_off_at": "2100-12-31T23:59:59.999999Z",
    "queue_ms": 0,
    **{name: name for name in ("provider", "model", "agent_version", "environment", "trigger", "user_id")},
    **{name: name for name in ("session_id", "trace_id", "parent_run_id", "price_version")},
    **{name: name for name in ("error_type", "error_severity", "error_category", "error_message")},
    "input_tokens": 2**53 - 1,
    "output_tokens": 2.0,
    "cache_read_tokens": 3,
    "cache_write_tokens": 4,
    "reasoning_tokens": 5,
    "cost_usd": "999999999.999999999",
    "credits": 1.0050000000000001,
    "llm_calls": 6,
    "tool_calls": 7,
    "files_modified": 8,
    "retries": 9,
    "recovered": True,
    "recovery_ms": 10,
    "tags": {"team": "a", "schlüssel": "😀\u0000"},
}


@pytest.fixture
def engine(clickhouse: ClickHouseBackend, database: str) -> Iterator[Any]:
    """A client in a database that holds our tables."""
    client = clickhouse.connect(database=database)
    client.command(f"USE {database}") if clickhouse.url is None else None
    for migration in known_migrations():
        for statement in migration.statements(Target()):
            client.command(statement)
    yield client
    client.close()


def test_tables_have_the_columns_of_the_store(engine: Any) -> None:
    for decoder in DECODERS.values():
        stored = engine.query(
            "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String} "
            "AND default_kind = '' ORDER BY position",
            parameters={"table": decoder.table},
        )
        assert [row[0] for row in stored.result_rows] == decoder.schema.names


def test_every_column_of_a_run_arrives(engine: Any) -> None:
    value = json.dumps(RUN).encode()
    bare = {name: RUN[name] for name in ("workspace_id", "agent_id", "status", "updated_at")} | {"run_id": UUID7}
    engine.insert_arrow("agent_runs", decode_runs([value, json.dumps(bare).encode()]).table, settings=WRITE)
    columns = [name for name in DECODERS["agent-runs.v1"].schema.names if not name.endswith("_at")]
    instants = ["started_at", "updated_at", "finished_at", "handed_off_at"]
    selected = [f"`{name}`" for name in columns] + [f"toString({name})" for name in instants]
    rows = engine.query(f"SELECT {', '.join(selected)} FROM agent_runs FINAL ORDER BY cost_usd NULLS LAST").result_rows
    given, sparse = (dict(zip(columns + instants, row, strict=True)) for row in rows)
    start = datetime(2026, 11, 21, 9, 0, 0, 123999, tzinfo=UTC)
    updated = datetime(2026, 11, 21, 9, 0, 2, 1, tzinfo=UTC)
    assert given == RUN | {
        "run_id": derive_uuid7("acme", "bar-é-1", start),
        "external_id": "bar-é-1",
        "version": run_version("succeeded", False, updated, value),
        "is_deleted": 0,
        "duration_ms": 1001,
        "clock_skew": False,
        "cost_source": "reported",
        "cost_usd": Decimal("999999999.999999999"),
        "credits": Decimal("1.005000000"),
        "started_at": "2026-11-21 09:00:00.123",
        "updated_at": "2026-11-21 09:00:02.000001",
        "finished_at": "2026-11-21 09:00:01.124500",
        "handed_off_at": "2100-12-31 23:59:59.999999",
    }
    assert sparse["run_id"] == UUID(UUID7)
    assert sparse["started_at"] == "2026-09-21 14:13:20.000"
    assert {name for name, held in sparse.items() if held is None} == {
        *("duration_ms", "queue_ms", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
        *("reasoning_tokens", "cost_usd", "credits", "llm_calls", "tool_calls", "files_modified", "retries"),
        *("recovered", "recovery_ms", "finished_at", "handed_off_at"),
    }
    assert (sparse["cost_source"], sparse["model"], sparse["tags"]) == ("unknown", "", {})


def test_the_version_decides_in_any_order(engine: Any) -> None:
    snapshots: list[dict[str, object]] = [
        {"status": "queued", "updated_at": "2026-11-21T09:59:59Z"},
        {"status": "running", "updated_at": "2026-11-21T09:30:00Z"},
        {"status": "failed", "updated_at": "2026-11-21T09:00:00Z"},
        {"status": "succeeded", "updated_at": "2026-11-21T09:00:00.000001Z"},
    ]
    orders = list(itertools.permutations(snapshots))
    for step in range(len(snapshots)):
        values = [_snapshot(f"order-{at}", order[step]) for at, order in enumerate(orders)]
        engine.insert_arrow("agent_runs", decode_runs(values).table, settings=WRITE)
    statuses = engine.query("SELECT external_id, status FROM agent_runs FINAL").result_rows
    assert sorted(statuses) == sorted((f"order-{at}", "succeeded") for at in range(len(orders)))

    for at, order in enumerate(orders):
        decoded = decode_runs([_snapshot(f"order-{at}", snapshot) for snapshot in order])
        kept, rows = coalesce(decoded.table, decoded.rows)
        assert kept["status"].to_pylist() == ["succeeded"]
        assert rows.tolist() == [order.index(snapshots[3])]

    gone = [_snapshot(f"order-{at}", snapshots[0] | {"deleted": True}) for at in range(len(orders))]
    engine.insert_arrow("agent_runs", decode_runs(gone).table, settings=WRITE)
    assert engine.query("SELECT count() FROM agent_runs FINAL").result_rows == [(0,)]


@pytest.mark.parametrize(
    ("topic", "event", "expected"),
    [
        (
            "agent-feedback.v1",
            {"feedback_id": "f-1", "run_id": "r", "agent_id": "a", "rating": 5, "sentiment_score": -0.5}
            | {"created_at": "2026-11-21T09:00:00.123456Z", "comment": "gut"},
            {"rating": 5, "sentiment_score": -0.5, "comment": "gut", "run_id": "r", "user_id": ""},
        ),
        (
            "agent-lifecycle.v1",
            {"event_id": UUID7, "agent_id": "a", "to_state": "paused", "at": "2026-11-21T09:00:00Z"},
            {"id": UUID(UUID7), "to_state": "paused", "from_state": ""},
        ),
        (
            "user-activity.v1",
            {"event_id": "e", "user_id": "u", "event_name": "opened", "at": "2026-11-21T09:00:00Z"}
            | {"revenue_usd": "1.5", "properties": {"a": "b"}},
            {"revenue_usd": Decimal("1.500000000"), "properties": {"a": "b"}, "event_name": "opened"},
        ),
    ],
)
def test_the_other_events_arrive(
    engine: Any, topic: str, event: dict[str, object], expected: dict[str, object]
) -> None:
    decoder = DECODERS[topic]
    value = json.dumps({"workspace_id": "acme", **event}).encode()
    decoded = decoder.decode([value, b"{}", value])
    assert (decoded.accepted, [item.index for item in decoded.rejected]) == (2, [1])
    engine.insert_arrow(decoder.table, decoded.table, settings=WRITE)
    result = engine.query(f"SELECT * FROM {decoder.table} FINAL")
    (row,) = (dict(zip(result.column_names, row, strict=True)) for row in result.result_rows)
    assert expected.items() <= row.items()


def _snapshot(run_id: str, changes: dict[str, object]) -> bytes:
    run = {"run_id": run_id, "workspace_id": "acme", "agent_id": "a", "started_at": "2026-11-21T08:00:00Z"}
    return json.dumps(run | changes).encode()

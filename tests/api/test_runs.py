"""CONTRACT 3.3 and 3.4: a run goes in over HTTP and comes back, field by field."""

from typing import Any

from api.door import Door, run
from runtally.events import RunSnapshot
from runtally.identity import derive_uuid7

WHOLE: dict[str, Any] = run(
    "bar-1",
    agent_name="Planner",
    status="failed",
    finished_at="2026-11-21T09:00:01.124Z",
    handed_off_at="2026-11-21T09:00:01.5Z",
    queue_ms=7,
    provider="anthropic",
    model="claude-sonnet-4",
    agent_version="1.4.0",
    environment="production",
    trigger="schedule",
    user_id="u-3",
    session_id="s-7",
    trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
    parent_run_id="bar-0",
    input_tokens=10,
    output_tokens=20,
    cache_read_tokens=4,
    cache_write_tokens=1,
    reasoning_tokens=5,
    cost_usd="0.0010000004",
    price_version="2026-10",
    credits=2.5,
    llm_calls=3,
    tool_calls=2,
    files_modified=0,
    retries=1,
    error_type="RateLimited",
    error_severity="warning",
    error_category="rate_limit",
    error_message="m" * 150,
    recovered=True,
    recovery_ms=12,
    tags={"team": "search", "quote'd": 'a "b" \\ c'},
)


def test_every_field_comes_back(door: Door) -> None:
    accepted = door.post(WHOLE)["runs"]
    snapshot = RunSnapshot.model_validate(WHOLE)
    key = str(derive_uuid7("acme", "bar-1", snapshot.start))
    assert accepted == [{"index": 0, "run_id": "bar-1", "id": key}]

    found = door.get("/api/v1/runs/bar-1")
    meta = found.pop("meta")

    assert found == {
        **WHOLE,
        "id": key,
        "stalled": False,
        "handed_off_at": "2026-11-21T09:00:01.500Z",
        "duration_ms": 1001,
        "total_tokens": 30,
        "cost_usd": "0.001",
        "cost_source": "reported",
        "credits": "2.5",
        "clock_skew": False,
        "deleted": False,
    }
    assert meta["coverage"] == {"runs": 1, "cost": 1, "duration": 1, "tokens": 1}
    assert set(found) - {"id", "stalled", "total_tokens", "clock_skew"} == set(RunSnapshot.model_fields)
    assert door.get(f"/api/v1/runs/{key}")["run_id"] == "bar-1"
    listed = door.get("/api/v1/runs")["data"]
    assert listed == [{**found, "error_message": "m" * 100 + "…"}]

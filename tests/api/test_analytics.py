"""CONTRACT 3.1, 3.2 and the `meta` of both: shapes, null against 0, ranges, filters, folding."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from api.door import NOW, Door, run

ANALYTICS = ["/api/agents/analytics", "/api/v1/agents/analytics"]
NOTHING = {
    "runs": 0,
    "root_runs": 0,
    "status_counts": {
        "queued": 0,
        "running": 0,
        "stalled": 0,
        "succeeded": 0,
        "failed": 0,
        "timed_out": 0,
        "cancelled": 0,
        "unknown": 0,
    },
    "success_rate": None,
    "success_rate_all": None,
    "avg_duration_ms": None,
    "input_tokens": None,
    "output_tokens": None,
    "total_tokens": None,
    "cost_usd": None,
    "coverage": {"duration": 0, "tokens": 0, "cost": 0},
}
EMPTY_META = {
    "from": "2026-10-23T00:00:00Z",
    "to": "2026-11-22T00:00:00Z",
    "timezone": "UTC",
    "data_as_of": None,
    "freshness_seconds": None,
    "truncated": False,
    "hides_failures": False,
    "coverage": {"runs": 0, "cost": 0, "duration": 0, "tokens": 0},
    "data_range": None,
}
ZERO_USAGE = {"total_messages": 0, "total_tokens": 0, "avg_response_time_ms": None, "meta": EMPTY_META}


@pytest.mark.parametrize("path", ANALYTICS)
def test_an_empty_store_has_an_answer(door: Door, path: str) -> None:
    assert door.get(path) == {"runs_per_day": [], "agents": [], "totals": NOTHING, "meta": EMPTY_META}


def test_an_empty_store_has_usage(door: Door) -> None:
    usage = door.get("/api/v1/analytics/usage")
    days = usage.pop("daily_usage")
    assert usage == {**ZERO_USAGE, "total_sessions": 0}
    assert [day["date"] for day in days] == [
        (datetime(2026, 10, 23, tzinfo=UTC) + timedelta(days=n)).date().isoformat() for n in range(30)
    ]
    assert all((day["messages"], day["tokens"], day["sessions"]) == (0, 0, 0) for day in days)
    assert door.get("/api/v1/analytics/agents") == {"agents": [], "total_calls": 0, "meta": EMPTY_META}
    assert door.get("/api/v1/analytics/models") == {"models": [], "total_usage": 0, "meta": EMPTY_META}
    assert door.get("/api/v1/analytics/summary") == {**ZERO_USAGE, "active_sessions": 0}


def test_one_fleet_in_every_shape(door: Door) -> None:
    door.post(
        run("a", duration_ms=1000, input_tokens=10, output_tokens=5, cost_usd=0.1, session_id="s1", model="x/l-2.bin"),
        run("b", status="failed", duration_ms=1001, input_tokens=7, cost_usd="0.205", session_id="s1", model="m"),
        run("c", status="timed_out", started_at="2026-11-20T23:59:59.999Z", parent_run_id="a", session_id="s2"),
        run("d", status="running", agent_name="Planner"),
        run("e", status="running", started_at="2026-11-20T09:29:59Z"),
        run("f", status="unknown", agent_id="coder", cost_usd=0),
        run("g", status="cancelled", agent_id="coder", started_at="2026-10-22T23:59:59Z"),
    )  # fmt: skip

    answer = door.get("/api/agents/analytics")

    planner, coder = answer["agents"]
    assert planner == {
        "workspace_id": "acme",
        "agent_id": "planner",
        "agent_name": "Planner",
        "runs": 5,
        "root_runs": 4,
        "status_counts": {
            "queued": 0,
            "running": 1,
            "stalled": 1,
            "succeeded": 1,
            "failed": 1,
            "timed_out": 1,
            "cancelled": 0,
            "unknown": 0,
        },
        "success_rate": 1 / 3,
        "success_rate_all": 1 / 5,
        "avg_duration_ms": 1000.5,
        "input_tokens": 17,
        "output_tokens": 5,
        "total_tokens": 22,
        "cost_usd": "0.305",
        "coverage": {"duration": 2, "tokens": 2, "cost": 2},
    }
    assert (coder["runs"], coder["cost_usd"], coder["success_rate"], coder["success_rate_all"]) == (1, "0", None, 0.0)
    assert (answer["totals"]["runs"], answer["totals"]["cost_usd"]) == (6, "0.305")
    assert len(answer["runs_per_day"]) == 60
    assert answer["runs_per_day"][-4:] == [
        _day("2026-11-20", "planner", runs=2, failed=1),
        _day("2026-11-20", "coder"),
        _day("2026-11-21", "planner", runs=3, succeeded=1, failed=1, cost_usd="0.305"),
        _day("2026-11-21", "coder", runs=1, cost_usd="0"),
    ]
    assert answer["meta"] == {
        **EMPTY_META,
        "data_as_of": "2026-11-21T09:30:00Z",
        "freshness_seconds": 0.0,
        "coverage": {"runs": 6, "cost": 3, "duration": 2, "tokens": 2},
        "data_range": {"first": "2026-10-22T23:59:59Z", "last": "2026-11-21T09:00:00.123Z"},
    }
    assert door.get("/api/v1/analytics/agents")["agents"][0] == {
        "name": "planner",
        "workspace_id": "acme",
        "usage_count": 5,
        "total_tokens": 22,
        "avg_response_time_ms": 1000.5,
        "error_count": 2,
        "error_rate": 40.0,
    }
    assert door.get("/api/v1/analytics/models")["models"] == [
        {"model_id": "m", "model_name": "M", "usage_count": 1, "total_tokens": 7},
        {"model_id": "x/l-2.bin", "model_name": "L 2", "usage_count": 1, "total_tokens": 15},
    ]
    usage = door.get("/api/v1/analytics/usage")
    assert (usage["total_messages"], usage["total_tokens"], usage["total_sessions"]) == (6, 22, 2)
    assert usage["daily_usage"][-1] == {"date": "2026-11-21", "messages": 4, "tokens": 22, "sessions": 1}


def _day(day: str, agent_id: str, **counts: Any) -> dict[str, Any]:
    zeros = {"runs": 0, "succeeded": 0, "failed": 0, "cost_usd": None}
    return {"date": day, "workspace_id": "acme", "agent_id": agent_id, **zeros, **counts}


@pytest.mark.parametrize(
    ("asked", "resolved"),
    [
        ({}, ("2026-10-23T00:00:00Z", "2026-11-22T00:00:00Z")),
        ({"timezone": "Europe/Berlin"}, ("2026-10-22T22:00:00Z", "2026-11-21T23:00:00Z")),
        ({"timezone": "Asia/Kathmandu"}, ("2026-10-22T18:15:00Z", "2026-11-21T18:15:00Z")),
        ({"from": "2026-11-01", "to": "2026-11-01"}, ("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z")),
        ({"from": "-24h"}, ("2026-11-20T09:30:00Z", "2026-11-21T09:30:00Z")),
        ({"from": "-7d"}, ("2026-11-14T09:30:00Z", "2026-11-21T09:30:00Z")),
        (
            {"from": "2026-11-01T00:00:00+05:45", "to": "2026-11-01T12:00:00.5Z"},
            ("2026-10-31T18:15:00Z", "2026-11-01T12:00:00.500Z"),
        ),
        ({"to": "2026-06-30"}, ("2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z")),
        ({"from": "2026-11-20"}, ("2026-11-20T00:00:00Z", "2026-11-22T00:00:00Z")),
    ],
)
def test_ranges_come_back_resolved(door: Door, asked: dict[str, str], resolved: tuple[str, str]) -> None:
    for path in ("/api/agents/analytics", "/api/v1/analytics/usage"):
        meta = door.get(path, **asked)["meta"]
        assert (meta["from"], meta["to"]) == resolved
        assert meta["timezone"] == asked.get("timezone", "UTC")
    aliases = {{"from": "start_date", "to": "end_date"}.get(name, name): value for name, value in asked.items()}
    meta = door.get("/api/v1/analytics/summary", **aliases)["meta"]
    assert (meta["from"], meta["to"]) == resolved


def test_upper_bounds(door: Door) -> None:
    door.post(run("a", started_at="2026-11-01T23:59:59.999Z"), run("b", started_at="2026-11-02T00:00:00Z"))
    for upper, runs in (("2026-11-01", 1), ("2026-11-02T00:00:00Z", 1), ("2026-11-02T00:00:00.001Z", 2)):
        asked = {"from": "2026-11-01", "to": upper}
        assert door.get("/api/agents/analytics", **asked)["totals"]["runs"] == runs
        assert len(door.get("/api/v1/runs", **asked)["data"]) == runs


def test_filters_are_any_of_and_all_together(door: Door) -> None:
    door.post(
        run("a", agent_id="x", model="m1", environment="prod", user_id="u1"),
        run("b", agent_id="y", model="m2", environment="prod", status="failed", parent_run_id="a"),
        run("c", agent_id="z", workspace_id="other", status="running", started_at="2026-11-01T00:00:00Z"),
    )
    for asked, found in (
        ({"agent_id": ["x", "y"]}, "ab"),
        ({"agent_id": ["x", "y"], "model": "m2"}, "b"),
        ({"workspace_id": "other"}, "c"),
        ({"status": ["failed", "running"]}, "b"),
        ({"status": ["failed", "stalled"]}, "bc"),
        ({"status": "stalled"}, "c"),
        ({"environment": "prod", "root_only": "true"}, "a"),
        ({"user_id": "u1"}, "a"),
        ({"model": ""}, "c"),
        ({"user_id": "nobody"}, ""),
    ):
        assert sorted(entry["run_id"] for entry in door.get("/api/v1/runs", **asked)["data"]) == list(found), asked
        assert door.get("/api/agents/analytics", **asked)["totals"]["runs"] == len(found)
        assert door.get("/api/v1/analytics/usage", **asked)["total_messages"] == len(found)
        assert door.get("/api/v1/analytics/agents", **asked)["total_calls"] == len(found)


@pytest.mark.parametrize(
    ("statuses", "hidden"),
    [([], False), (["failed", "timed_out"], False), (["failed"], True), (["succeeded"], True)],
)
def test_hidden_failures_are_confessed(door: Door, statuses: list[str], hidden: bool) -> None:
    assert door.get("/api/agents/analytics", status=statuses)["meta"]["hides_failures"] is hidden


def test_the_least_busy_agents_are_folded(door: Door) -> None:
    door.post(*(run(f"r{n}", agent_id=f"a{n % 4}", cost_usd="0.1", duration_ms=n) for n in range(10)))

    answer = door.get("/api/agents/analytics", agent_limit=2, **{"from": "2026-11-21"})

    assert [(agent["agent_id"], agent.get("other"), agent["runs"]) for agent in answer["agents"]] == [
        ("a0", None, 3),
        ("a1", None, 3),
        (None, True, 4),
    ]
    assert (answer["agents"][2]["cost_usd"], answer["agents"][2]["avg_duration_ms"]) == ("0.4", 4.5)
    assert [(row["agent_id"], row.get("other"), row["runs"]) for row in answer["runs_per_day"]] == [
        ("a0", None, 3),
        ("a1", None, 3),
        (None, True, 4),
    ]
    assert answer["totals"]["runs"] == 10
    assert answer["meta"]["truncated"] is True
    usage = door.get("/api/v1/analytics/agents", agent_limit=3)
    assert [(agent["name"], agent.get("other"), agent["usage_count"]) for agent in usage["agents"]][2:] == [
        ("a2", None, 2),
        (None, True, 2),
    ]
    assert door.get("/api/v1/analytics/agents", agent_limit=4)["meta"]["truncated"] is False


def test_the_newest_name_wins_whatever_the_status(door: Door) -> None:
    door.post(
        run("a", agent_name="Old", updated_at="2026-11-21T09:00:00Z"),
        run("b", agent_name="New", status="running", updated_at="2026-11-21T09:10:00Z"),
        run("c", updated_at="2026-11-21T09:20:00Z"),
    )
    assert [agent["agent_name"] for agent in door.get("/api/agents/analytics")["agents"]] == ["New"]


def test_freshness_is_that_of_the_ledger(door: Door) -> None:
    door.publisher.acknowledge("agent-runs.v1", 0, 0, NOW - timedelta(seconds=90, milliseconds=250))
    meta = door.get("/api/v1/analytics/summary")["meta"]
    assert (meta["data_as_of"], meta["freshness_seconds"]) == ("2026-11-21T09:28:29.750Z", 90.25)


def test_active_sessions_are_those_of_seven_days_that_end_today(door: Door) -> None:
    door.post(
        run("a", session_id="s1", started_at="2026-11-15T00:00:00Z"),
        run("b", session_id="s2", started_at="2026-11-14T23:59:59Z"),
        run("c", session_id="", started_at="2026-11-20T00:00:00Z"),
    )
    summary = door.get("/api/v1/analytics/summary", start_date="2026-01-01", end_date="2026-01-31")
    assert (summary["active_sessions"], summary["total_messages"]) == (1, 0)
    kathmandu = door.get("/api/v1/analytics/summary", timezone="Asia/Kathmandu")
    assert kathmandu["active_sessions"] == 2


def test_ready_says_why_not(door: Door, api: httpx.Client) -> None:
    assert api.get("/live").json() == {"status": "live"}
    assert api.get("/ready").json() == {"status": "ready"}
    door.publisher.not_ready = "no Kafka broker answers"
    response = api.get("/ready")
    assert (response.status_code, response.json()["reasons"]) == (503, ["no Kafka broker answers"])
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"]
    assert "runtally_api_requests_total" in api.get("/metrics").text

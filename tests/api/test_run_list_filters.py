"""What narrows `GET /api/v1/runs`: as many runs as `/query` counts under the same dimensions, page by page."""

from typing import Any

import httpx
import pytest
from api.door import Door, assert_problem, run

RANGE = {"from": "2026-10-20", "to": "2026-11-21"}
# Berlin turns its clocks back on 25 October; Kathmandu is 5:45 ahead.
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu")
STARTS = (
    "2026-10-24T22:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T01:30:00.001Z",
    "2026-11-01T23:59:59.999Z", "2026-11-02T00:00:00Z", "2026-11-20T18:14:59Z", "2026-11-20T18:15:00Z",
)  # fmt: skip


@pytest.fixture
def fleet(door: Door) -> Door:
    """Runs at awkward moments, with and without errors, durations and ratings."""
    errors: list[dict[str, Any]] = [
        {"cost_usd": "0"},
        {"status": "failed"},
        {"error_type": "Quota", "error_category": "rate_limit", "error_severity": "warning", "agent_version": "2"},
        {"status": "timed_out", "error_type": "Slow", "error_category": "timeout", "duration_ms": 0},
    ]
    door.post(
        *(
            run(f"r{place}-{number}", **{"started_at": start, "duration_ms": 37 * (place + number), **fields})
            for place, start in enumerate(STARTS)
            for number, fields in enumerate(errors)
        ),
        run("unknown-duration", status="running"),
        run("huge", duration_ms=2**53 - 1),
    )
    return door


def listed(door: Door, **asked: Any) -> list[str]:
    """The ids of all pages, each of three runs."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = door.get("/api/v1/runs", limit=3, **RANGE, **asked, **cursor)
        found += [entry["run_id"] for entry in page["data"]]
        if not page["has_more"]:
            assert len(found) == len(set(found))
            return found
        cursor = {"cursor": page["next_cursor"]}


def counted(door: Door, timezone: str, *dimensions: str) -> list[dict[str, Any]]:
    """The groups of a query with how many runs each has."""
    body = {
        "measures": ["runs"],
        "dimensions": list(dimensions),
        "time": {**RANGE, "timezone": timezone},
        "limit": 10_000,
        "other": False,
    }
    response = door.client.post("/api/v1/query", json=body)
    assert response.status_code == 200, response.text
    rows: list[dict[str, Any]] = response.json()["data"]
    assert len(rows) > 1
    return rows


@pytest.mark.parametrize("timezone", ZONES)
def test_hours_and_weekdays_are_those_of_the_question(fleet: Door, timezone: str) -> None:
    for dimensions in (("hour",), ("weekday",), ("weekday", "hour")):
        for group in counted(fleet, timezone, *dimensions):
            asked = {name: group[name] for name in dimensions}
            assert len(listed(fleet, timezone=timezone, **asked)) == group["runs"], (group, timezone)
    everything = len(listed(fleet, timezone=timezone))
    assert len(listed(fleet, timezone=timezone, hour=list(range(24)), weekday=[1, 2, 3, 4, 5, 6, 7])) == everything


@pytest.mark.parametrize(
    "dimensions",
    [("error_category",), ("error_severity",), ("has_error",), ("has_cost",), ("agent_version",),
     ("has_error", "error_type"), ("has_error", "error_category", "weekday")],
)  # fmt: skip
def test_a_group_of_a_query_is_as_long_as_its_list(fleet: Door, dimensions: tuple[str, ...]) -> None:
    for group in counted(fleet, "UTC", *dimensions):
        asked = {name: group[name] for name in dimensions}
        assert len(listed(fleet, **asked)) == group["runs"], group


def test_bars_of_durations_are_lists(fleet: Door) -> None:
    bars = fleet.get("/api/v1/latency", **RANGE, buckets=7)["duration"]["histogram"]
    assert sum(bar["runs"] for bar in bars) == len(listed(fleet, min_duration_ms=0)) == len(STARTS) * 4 + 1
    for bar in bars:
        asked = {"min_duration_ms": bar["from_ms"], "max_duration_ms": bar["to_ms"] - 1}
        assert len(listed(fleet, **asked)) == bar["runs"], bar
    assert listed(fleet, min_duration_ms=2**53 - 1) == ["huge"]
    assert len(listed(fleet, max_duration_ms=0)) == len(STARTS) + 1  # one of them took no time at all
    assert len(listed(fleet)) == len(STARTS) * 4 + 2  # with the one whose duration is not known


def test_ratings_are_those_of_the_runs_own_workspace(fleet: Door) -> None:
    fleet.post(run("r0-0", workspace_id="beta"))
    rated = [("f1", "acme", "r0-0", 5), ("f2", "acme", "r0-0", 5), ("f3", "acme", "r1-0", 1), ("f4", "beta", "r1-1", 5)]
    response = fleet.client.post("/api/v1/feedback", json=[
        {"feedback_id": name, "workspace_id": workspace, "run_id": rated_run, "agent_id": "planner", "user_id": "u",
         "rating": rating, "created_at": "2026-11-21T09:00:00Z"}
        for name, workspace, rated_run, rating in rated
    ])  # fmt: skip
    assert response.status_code == 202, response.text
    assert listed(fleet, rating=5) == ["r0-0"]
    assert listed(fleet, rating=[1, 5]) == ["r1-0", "r0-0"]
    assert listed(fleet, rating=[2, 3, 4]) == []
    assert listed(fleet, rating=5, has_error=True) == []
    later = {"feedback_id": "f1", "workspace_id": "acme", "run_id": "r0-0", "agent_id": "planner", "user_id": "u"}
    fleet.client.post("/api/v1/feedback", json={**later, "rating": 2, "created_at": "2026-11-21T09:00:00Z"})
    assert "r0-0" in listed(fleet, rating=[2, 5])


def test_filters_narrow_each_other_and_the_bars_filters(fleet: Door) -> None:
    assert listed(fleet, has_error=True, status="failed", hour=1) == ["r3-1", "r2-1"]
    assert listed(fleet, has_error=False, max_duration_ms=37, weekday=7) == ["r1-0"]
    assert listed(fleet, error_type="", has_error=True, agent_id="planner", error_severity="") == [
        f"r{place}-1" for place in reversed(range(len(STARTS)))
    ]


@pytest.mark.parametrize(
    ("asked", "field", "remedy"),
    [
        ({"hour": 24}, "hour.0", "send 23 or less"),
        ({"hour": [3, -1]}, "hour.1", "send 0 or more"),
        ({"hour": "noon"}, "hour.0", "send a whole number"),
        ({"weekday": 0}, "weekday.0", "send 1 or more"),
        ({"rating": 6}, "rating.0", "send 5 or less"),
        ({"min_duration_ms": -1}, "min_duration_ms", "send 0 or more"),
        ({"max_duration_ms": 2**63}, "max_duration_ms", f"send {2**63 - 1} or less"),
        ({"max_duration_ms": "1.5"}, "max_duration_ms", "send a whole number"),
        ({"min_duration_ms": 2, "max_duration_ms": 1}, "min_duration_ms", "send a bound that is not above the other"),
        ({"has_error": "perhaps"}, "has_error", "send true or false"),
        ({"has_cost": "perhaps"}, "has_cost", "send true or false"),
    ],
)
def test_what_cannot_be_is_refused_with_the_remedy(
    door: Door, api: httpx.Client, asked: dict[str, Any], field: str, remedy: str
) -> None:
    problem = assert_problem(api.get("/api/v1/runs", params=asked), 422)
    assert [(error["field"], error["remedy"]) for error in problem["errors"]] == [(field, remedy)]

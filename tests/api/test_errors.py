"""`GET /api/v1/errors`: the same figures as /query gives, and as plain arithmetic gives."""

from typing import Any

import pytest
from api.door import Door, assert_problem, run
from api.query_oracle import World, measures
from runtally.events import RunSnapshot
from runtally_api.error_answers import ERROR_MEASURES

RANGE = {"from": "2026-11-20", "to": "2026-11-21"}
RUNS = [
    run("a", status="failed", error_type="Timeout", error_category="timeout", error_severity="high", user_id="u1"),
    run("b", status="timed_out", error_type="Timeout", error_category="timeout", agent_id="coder", user_id="u2"),
    run("c", error_type="Timeout", recovered=True, recovery_ms=1500, user_id="u1", started_at="2026-11-20T08:00:00Z"),
    run("d", status="failed", error_type="Überlauf/%", error_severity="high", workspace_id="beta"),
    run("e", status="failed"),
    run("f"),
    run("g", parent_run_id="f", model="m-1"),
]


@pytest.fixture
def fleet(door: Door) -> Door:
    """Seven runs, five of them with errors of two names and of none; one of these recovered."""
    door.post(*RUNS)
    return door


def by_query(door: Door, dimension: str, limit: int) -> list[dict[str, Any]]:
    body = {
        "measures": list(ERROR_MEASURES),
        "dimensions": [dimension],
        "time": RANGE,
        "filters": [{"dimension": "has_error", "op": "in", "values": [True]}],
        "order": [{"by": "runs_with_errors"}],
        "limit": limit,
    }
    response = door.client.post("/api/v1/query", json=body)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["data"]
    return found


@pytest.mark.parametrize("limit", [1, 2, 10])
def test_errors_are_those_of_query(fleet: Door, limit: int) -> None:
    answer = fleet.get("/api/v1/errors", **RANGE, limit=limit)
    for part in ("type", "category", "severity"):
        dimension = f"error_{part}"
        expected = [
            {
                dimension: row[dimension],
                "other": row["other"],
                **{name: row[measure] for measure, name in ERROR_MEASURES.items()},
                "share": row["runs_with_errors"] / 5,
            }
            for row in by_query(fleet, dimension, limit)
        ]
        assert answer[f"by_{part}"] == expected, part
    assert answer["meta"]["truncated"] == (limit < 3)
    assert answer["meta"]["coverage"] == {"runs": 7, "cost": 0, "duration": 0, "tokens": 0}


def test_errors_are_those_of_plain_arithmetic(fleet: Door) -> None:
    answer = fleet.get("/api/v1/errors", **RANGE)
    runs = [RunSnapshot.model_validate(one) for one in RUNS]
    world = World(runs, [], fleet.now)
    groups: dict[str, list[RunSnapshot]] = {}
    for one in filter(world.has_error, runs):
        groups.setdefault(one.error_type, []).append(one)
    assert [row["error_type"] for row in answer["by_type"]] == ["Timeout", "", "Überlauf/%"]
    for row in answer["by_type"]:
        expected = measures(groups[row["error_type"]], world, 1.0)
        assert {name: row[name] for name in ERROR_MEASURES.values()} == {
            name: expected[measure] for measure, name in ERROR_MEASURES.items()
        }
    everything = measures(runs, world, 1.0)
    with_errors = measures([one for group in groups.values() for one in group], world, 1.0)
    assert answer["totals"] == {
        **{name: with_errors[measure] for measure, name in ERROR_MEASURES.items()},
        **{name: everything[name] for name in ("runs", "runs_with_errors", "errors", "failure_rate")},
    }
    assert answer["by_type"][0]["recovery_rate"] == 1 / 3
    assert answer["by_type"][0]["first_seen_at"] == "2026-11-20T08:00:00Z"


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"workspace_id": "beta"}, {"Überlauf/%": 1}),
        ({"agent_id": ["coder", "nobody"]}, {"Timeout": 1}),
        ({"status": "failed"}, {"": 1, "Timeout": 1, "Überlauf/%": 1}),
        ({"status": "succeeded"}, {"Timeout": 1}),
        ({"user_id": "u1", "root_only": True}, {"Timeout": 2}),
        ({"model": "m-1"}, {}),
        ({"environment": "nowhere"}, {}),
    ],
)
def test_filters_narrow(fleet: Door, filters: dict[str, Any], expected: dict[str, int]) -> None:
    answer = fleet.get("/api/v1/errors", **RANGE, **filters)
    assert {row["error_type"]: row["runs"] for row in answer["by_type"]} == expected
    assert answer["totals"]["runs_with_errors"] == sum(expected.values())
    assert answer["meta"]["hides_failures"] == ("status" in filters)


def test_an_empty_store_has_no_errors(door: Door) -> None:
    answer = door.get("/api/v1/errors")
    assert (answer["by_type"], answer["by_category"], answer["by_severity"]) == ([], [], [])
    assert set(answer["totals"].values()) == {0, None}
    assert answer["meta"]["data_range"] is None


def test_a_limit_that_is_none(door: Door) -> None:
    for limit in ("0", "1001", "ten"):
        problem = assert_problem(door.client.get("/api/v1/errors", params={"limit": limit}), 422)
        assert [error["field"] for error in problem["errors"]] == ["limit"]

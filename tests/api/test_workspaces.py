"""`GET /api/v1/workspaces`, a workspace's summary and its health: as /query has them, whatever its name."""

import re
from pathlib import Path
from typing import Any

import pytest
from api.door import Door, assert_problem, run
from api.test_strange_input import STRANGE, quoted
from runtally_api.workspace_answers import BY_DAY, BY_GROUP, WORKSPACE_MEASURES
from runtally_api.workspace_health import HEALTH_MEASURES, PARTS, health
from runtally_clickhouse.measures.definitions import STATUSES

OFTEN_MISREAD = ("a/b", "..", "100%", "🤖", "a/summary", "summary", "x/health")
RANGE = {"from": "2026-11-20", "to": "2026-11-21", "timezone": "Europe/Berlin"}


@pytest.fixture
def fleet(door: Door) -> Door:
    """Four runs of acme, one before the range; one of beta; two of gamma."""
    before = {"started_at": "2026-11-19T10:00:00Z"}
    door.post(
        run("a", duration_ms=3000, cost_usd="0.5", user_id="u1", session_id="s1", model="m-1"),
        run("b", status="failed", agent_id="coder"),
        run("c", status="running", started_at="2026-11-20T06:00:00Z"),
        run("d", duration_ms=1500, **before),
        run("e", workspace_id="beta"),
        *(run(f"f{place}", workspace_id="gamma/%") for place in range(2)),
    )
    return door


def by_query(door: Door, measures: tuple[str, ...], **body: Any) -> list[dict[str, Any]]:
    response = door.client.post("/api/v1/query", json={"measures": list(measures), "time": RANGE, **body})
    assert response.status_code == 200, response.text
    return [_with_status_counts(row) for row in response.json()["data"]]


def _with_status_counts(row: dict[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in row.items() if name not in STATUSES or "queued" not in row}
    if "queued" in row:
        found["status_counts"] = {name: row[name] for name in STATUSES}
    if "compare" in row:
        found["compare"] = _with_status_counts(row["compare"])
    return found


def test_the_list_is_that_of_query_page_by_page(fleet: Door) -> None:
    expected = [
        {name: value for name, value in row.items() if name != "other"}
        for row in by_query(fleet, WORKSPACE_MEASURES, dimensions=["workspace_id"])
    ]
    assert [row["workspace_id"] for row in expected] == ["acme", "gamma/%", "beta"]
    answer = fleet.get("/api/v1/workspaces", **RANGE)
    assert answer["data"] == expected
    assert [answer["totals"]] == by_query(fleet, WORKSPACE_MEASURES)
    assert (answer["next_cursor"], answer["has_more"]) == (None, False)
    found: list[dict[str, Any]] = []
    cursor = None
    while cursor or not found:
        following: dict[str, str] = {"cursor": cursor} if cursor else {}
        one = fleet.get("/api/v1/workspaces", **RANGE, limit=1, **following)
        found += one["data"]
        cursor = one["next_cursor"]
        assert one["totals"] == answer["totals"]
    assert found == expected


def test_a_summary_is_that_of_query(fleet: Door) -> None:
    answer = fleet.get("/api/v1/workspaces/acme/summary", **RANGE)
    own = [{"dimension": "workspace_id", "op": "in", "values": ["acme"]}]
    (whole,) = by_query(fleet, WORKSPACE_MEASURES, filters=own, compare="previous_period")
    assert {name: answer[name] for name in whole} == whole
    assert (answer["runs"], answer["compare"]["runs"], answer["change"]["runs"]) == (3, 1, 2.0)
    assert answer["status_counts"]["stalled"] == 1
    assert answer["series"] == by_query(fleet, BY_DAY, filters=own, time={**RANGE, "granularity": "day"})
    assert answer["models"] == by_query(fleet, BY_GROUP, filters=own, dimensions=["model"])
    assert [{"workspace_id": "acme", **row} for row in answer["agents"]] == by_query(
        fleet, BY_GROUP, filters=own, dimensions=["agent_id"]
    )
    assert answer["meta"]["coverage"] == {"runs": 3, "cost": 1, "duration": 1, "tokens": 0}
    assert fleet.get("/api/v1/workspaces/acme/summary", **RANGE, agent_id="coder")["runs"] == 1


def test_the_health_of_a_workspace(fleet: Door) -> None:
    answer = fleet.get("/api/v1/workspaces/acme/health", **RANGE)
    scores = {part["name"]: part["score"] for part in answer["parts"]}
    # Two decided runs, one failed, where none did before; 3 s where it was 1.5 s; one run stalled; one cost of three.
    assert scores["success"] == 50.0
    assert scores["steadiness"] == 0.0
    assert scores["speed"] == pytest.approx(50.0, abs=2)
    assert (scores["progress"], scores["cost_coverage"]) == (0.0, 33.3)
    weights = {part.name: part.weight for part in PARTS}
    assert answer["score"] == pytest.approx(sum(scores[name] * weights[name] for name in scores) / 100, abs=0.1)
    assert answer["status"] == "unhealthy"
    own = [{"dimension": "workspace_id", "op": "in", "values": ["acme"]}]
    (values,) = by_query(fleet, HEALTH_MEASURES, filters=own, compare="previous_period")
    assert answer["values"] == {name: values[name] for name in HEALTH_MEASURES}
    assert answer["previous"] == values["compare"]


def test_what_is_not_known_leaves_its_weight_to_the_others() -> None:
    nothing: dict[str, Any] = dict.fromkeys(HEALTH_MEASURES)
    new = {**nothing, "runs": 4, "running": 0, "stalled": 0, "success_rate": 0.5, "cost_coverage": 1.0}
    assert health(new, nothing)["score"] == 60.0
    assert health(new, nothing)["status"] == "degraded"
    assert [part["score"] for part in health(new, nothing)["parts"]] == [50.0, None, None, None, 100.0]
    best = {**new, "success_rate": 1.0, "failure_rate": 0.0, "p95_duration_ms": 10.0, "running": 2}
    worse = {**best, "failure_rate": 0.5, "p95_duration_ms": 99.0}
    assert (health(best, worse)["score"], health(best, worse)["status"]) == (100.0, "healthy")
    assert health({**nothing, "runs": 0, "running": 0, "stalled": 0}, best)["score"] is None


def test_the_parts_are_documented() -> None:
    text = (Path(__file__).parents[2] / "docs/health.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+) \|$", text, flags=re.MULTILINE)
    assert told == [(part.name, str(part.weight), part.meaning) for part in PARTS]
    assert sum(part.weight for part in PARTS) == 100


def test_any_text_is_a_workspace(door: Door) -> None:
    names = [*STRANGE, "a/summary", "summary", "x/health"]
    door.post(*(run("r", workspace_id=name) for name in names))
    for name in names:
        for part in ("summary", "health") if name in OFTEN_MISREAD else ("health",):
            answer = door.get(f"/api/v1/workspaces/{quoted(name)}/{part}")
            assert answer["workspace_id"] == name
            assert answer.get("values", answer)["runs"] == 1, name


def test_a_workspace_that_nobody_has_is_not_found(fleet: Door) -> None:
    for path in ("nobody/summary", "nobody/health", "%FF/health", "%00/summary", "acme", "acme/nothing"):
        assert_problem(fleet.client.get(f"/api/v1/workspaces/{path}"), 404)
    assert_problem(fleet.client.get("/api/v1/workspaces/acme/health?workspace_id=beta"), 404)
    long_ago = fleet.get("/api/v1/workspaces/acme/health", **{"from": "2026-01-01", "to": "2026-01-02"})
    assert (long_ago["score"], long_ago["status"], long_ago["values"]["runs"]) == (None, None, 0)


def test_an_empty_store_has_no_workspaces(door: Door) -> None:
    answer = door.get("/api/v1/workspaces")
    assert answer["data"] == []
    assert answer["totals"]["runs"] == 0

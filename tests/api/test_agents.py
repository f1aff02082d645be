"""`GET /api/v1/agents` and `/api/v1/agents/{agent_id}/analytics`: what they say is what `/query` says."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from api.door import Door, assert_problem, run
from api.test_strange_input import quoted
from runtally_api import agent_parts
from runtally_api.agent_list import AGENT_MEASURES
from runtally_api.answer_cache import AnswerCache
from runtally_clickhouse.client import Row
from runtally_clickhouse.errors import StoreRefused
from runtally_clickhouse.measures.definitions import MEASURES, STATUSES

HOSTILE = ["a/b", "..", "100%", "%2F", "🤖", "line\nend\n", "nul\0nul", "\\N'`", "x" * 128]
DAYS = {"from": "2026-11-20", "to": "2026-11-21", "timezone": "Europe/Berlin"}


@pytest.fixture
def fleet(door: Door) -> Door:
    """Planner: four runs, and two the days before; coder and reader: one each; a planner of another workspace."""
    door.post(
        run("a", cost_usd="0.1", duration_ms=1000, session_id="s1", user_id="u1", model="m-1", input_tokens=5),
        run("b", status="failed", cost_usd="0.200000001", session_id="s1", user_id="u2", error_type="Timeout"),
        run("c", started_at="2026-11-20T09:00:00Z", agent_name="Planner", recovered=True, error_type="Timeout"),
        run("d", status="timed_out", duration_ms=30, parent_run_id="a", environment="staging"),
        run("e", agent_id="coder", session_id="s2", user_id="u1", duration_ms=0, cost_usd="2"),
        run("f", agent_id="reader", status="running", started_at="2026-11-20T01:00:00Z"),
        run("g", workspace_id="beta", duration_ms=77),
        run("h", started_at="2026-11-19T09:00:00Z", cost_usd="1", duration_ms=500),
        run("i", started_at="2026-11-18T09:00:00Z"),
    )
    return door


def ask(door: Door, measures: tuple[str, ...] | list[str], **body: Any) -> list[dict[str, Any]]:
    """What `/query` says, written as the named endpoints write it."""
    response = door.client.post("/api/v1/query", json={"measures": list(measures), "time": DAYS, **body})
    assert response.status_code == 200, response.text
    found = []
    for row in response.json()["data"]:
        if set(STATUSES) <= set(row):
            row["status_counts"] = {name: row.pop(name) for name in STATUSES}
        found.append(row)
    return found


def only(dimension: str, *values: str) -> dict[str, Any]:
    return {"dimension": dimension, "op": "in", "values": list(values)}


def without(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


OF_PLANNER = [only("workspace_id", "acme"), only("agent_id", "planner")]
PLANNER = {"workspace_id": "acme", **DAYS}


def test_the_list_says_what_a_query_says(fleet: Door) -> None:
    answer = fleet.get("/api/v1/agents", **DAYS)
    expected = ask(fleet, AGENT_MEASURES, dimensions=["agent_id"])
    named = ("agent_name", "first_run_at", "last_run_at")
    assert [without(entry, *named) for entry in answer["data"]] == [without(row, "other") for row in expected]
    assert [answer["totals"]] == ask(fleet, AGENT_MEASURES)
    assert {name: answer["data"][0][name] for name in named} == {
        "agent_name": "Planner",
        "first_run_at": "2026-11-20T09:00:00Z",
        "last_run_at": "2026-11-21T09:00:00.123Z",
    }
    assert (answer["next_cursor"], answer["has_more"]) == (None, False)
    assert answer["meta"]["coverage"] == {"runs": 7, "cost": 3, "duration": 4, "tokens": 1}
    assert set(answer["meta"]["approximate"]) == {"p50_duration_ms", "p95_duration_ms", "p99_duration_ms"}


def test_the_list_obeys_the_filters(fleet: Door) -> None:
    def runs(**filters: Any) -> dict[str, int]:
        found = fleet.get("/api/v1/agents", **DAYS, **filters)
        assert found["totals"]["runs"] == sum(entry["runs"] for entry in found["data"])
        return {f"{entry['workspace_id']}/{entry['agent_id']}": entry["runs"] for entry in found["data"]}

    assert runs(agent_id="planner") == {"acme/planner": 4, "beta/planner": 1}
    assert runs(workspace_id=["beta", "none"]) == {"beta/planner": 1}
    assert runs(status="stalled") == {"acme/reader": 1}
    assert runs(root_only=True) == {"acme/planner": 3, "acme/coder": 1, "acme/reader": 1, "beta/planner": 1}
    assert runs(environment="staging", user_id="u1") == {}
    assert runs(model="m-1") == {"acme/planner": 1}


@pytest.mark.parametrize(
    ("limit", "order"),
    [
        (1, {}),
        (4, {}),
        (100, {}),
        (3, {"sort": "runs", "direction": "asc"}),
        (1, {"sort": "cost_usd"}),
        (4, {"sort": "failure_rate"}),
        (5, {"sort": "p95_duration_ms", "direction": "asc"}),
    ],
)
def test_pages_hold_every_agent_once(fleet: Door, limit: int, order: dict[str, str]) -> None:
    fleet.post(*(run(f"s{n}", agent_id=text) for n, text in enumerate(HOSTILE)))
    whole = fleet.get("/api/v1/agents", **DAYS, limit=1000, **order)
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = fleet.get("/api/v1/agents", **DAYS, limit=limit, **order, **cursor)
        found += page["data"]
        assert page["totals"] == whole["totals"]
        assert page["meta"]["from"] == whole["meta"]["from"]
        assert page["has_more"] == (page["next_cursor"] is not None)
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert found == whole["data"]
    assert len(found) == 4 + len(HOSTILE)


@pytest.mark.parametrize("sort", ["runs", "cost_usd", "success_rate", "p50_duration_ms", "total_tokens"])
@pytest.mark.parametrize("direction", ["desc", "asc"])
def test_the_list_in_another_order_is_as_a_query_orders_it(fleet: Door, sort: str, direction: str) -> None:
    answer = fleet.get("/api/v1/agents", **DAYS, sort=sort, direction=direction)
    order = [{"by": sort, "direction": direction}]
    expected = ask(fleet, ["runs", sort], dimensions=["agent_id"], order=order)
    shown = ("workspace_id", "agent_id", sort)
    assert [[entry[name] for name in shown] for entry in answer["data"]] == [
        [row[name] for name in shown] for row in expected
    ]


def test_a_cursor_of_another_order_is_refused(fleet: Door) -> None:
    cursor = fleet.get("/api/v1/agents", **DAYS, limit=1, sort="cost_usd")["next_cursor"]
    for order in ({}, {"sort": "errors"}, {"sort": "cost_usd", "direction": "asc"}):
        params = {"cursor": cursor, **order}
        problem = assert_problem(fleet.client.get("/api/v1/agents", params=params), 422)
        assert problem["errors"][0]["field"] == "cursor"


def test_an_order_by_nothing_known_is_refused(fleet: Door) -> None:
    problem = assert_problem(fleet.client.get("/api/v1/agents", params={"sort": "sessions"}), 422)
    assert problem["errors"][0]["field"] == "sort"


@pytest.mark.parametrize("order", [{}, {"sort": "cost_usd"}])
def test_all_pages_are_about_the_range_of_the_first(fleet: Door, order: dict[str, str]) -> None:
    first = fleet.get("/api/v1/agents", **{**DAYS, "from": "-24h", "to": ""}, limit=1, **order)
    fleet.now = fleet.now.replace(hour=23)
    second = fleet.get("/api/v1/agents", **{"from": "-24h"}, limit=1, cursor=first["next_cursor"], **order)
    assert (second["meta"]["from"], second["meta"]["to"]) == (first["meta"]["from"], first["meta"]["to"])
    assert second["totals"] == first["totals"]


@pytest.mark.parametrize(
    "cursor", ["x", "bnVsbA", "WzEsMiwzXQ", "WzAsIDEsIDEsICJhIiwgImIiXQ", "🤖", "WzAsIDksIHRydWVd"]
)
def test_a_cursor_that_is_not_ours(fleet: Door, cursor: str) -> None:
    problem = assert_problem(fleet.client.get("/api/v1/agents", params={"cursor": cursor}), 422)
    assert problem["errors"][0]["field"] == "cursor"


def test_an_empty_store_lists_nobody(door: Door) -> None:
    answer = door.get("/api/v1/agents")
    assert (answer["data"], answer["totals"]["runs"], answer["totals"]["cost_usd"]) == ([], 0, None)
    assert answer["meta"]["data_as_of"] is None
    assert_problem(door.client.get("/api/v1/agents/planner/analytics"), 404)


def test_each_part_says_what_a_query_says(fleet: Door) -> None:
    answer = fleet.get("/api/v1/agents/planner/analytics", **PLANNER)
    daily = {**DAYS, "granularity": "day"}
    with_error = {"dimension": "has_error", "values": [True]}
    known_user = {"dimension": "user_id", "op": "not_in", "values": [""]}

    def totals(part: str, measures: tuple[str, ...], *rows: str) -> None:
        assert [without(answer[part], *rows)] == ask(fleet, measures, filters=OF_PLANNER), part

    def groups(measures: tuple[str, ...], dimension: str, *filters: dict[str, Any]) -> list[dict[str, Any]]:
        return ask(fleet, measures, dimensions=[dimension], filters=[*OF_PLANNER, *filters], limit=10)

    assert answer["failed_parts"] == []
    shown = {*agent_parts.PERFORMANCE, *agent_parts.SERIES, *agent_parts.COMPARED}
    assert answer["meta"]["approximate"].keys() == {name for name in shown if MEASURES[name].approximation}
    totals("performance", agent_parts.PERFORMANCE, "series")
    assert answer["performance"]["series"] == ask(fleet, agent_parts.SERIES, filters=OF_PLANNER, time=daily)
    totals("resources", agent_parts.RESOURCES, "models")
    assert answer["resources"]["models"] == groups(agent_parts.BY_MODEL, "model")
    totals("errors", agent_parts.ERRORS, "types")
    types = answer["errors"]["types"]
    assert [without(row, "share") for row in types] == groups(agent_parts.BY_ERROR, "error_type", with_error)
    assert [(row["error_type"], row["share"]) for row in types] == [("Timeout", 2 / 3), ("", 1 / 3)]
    totals("users", agent_parts.USERS, "users")
    assert answer["users"]["users"] == groups(agent_parts.BY_USER, "user_id", known_user)
    assert answer["meta"]["coverage"] == {"runs": 4, "cost": 2, "duration": 2, "tokens": 1}
    assert answer["agent_name"] == "Planner"
    assert (answer["first_run_at"], answer["last_run_at"]) == ("2026-11-18T09:00:00Z", "2026-11-21T09:00:00.123Z")


def test_comparisons(fleet: Door) -> None:
    answer = fleet.get("/api/v1/agents/planner/analytics", **PLANNER)
    found = {row["measure"]: row for row in answer["comparisons"]}
    assert list(found) == list(agent_parts.COMPARED)
    assert found["runs"] == {
        "measure": "runs",
        "value": 4,
        "workspace_average": 2.0,
        "first_is": "highest",
        "rank": 1,
        "ranked_agents": 3,
        "percentile": 1.0,
        "previous": 2,
        "change": 1.0,
    }
    # 2.300000001 over three agents, of which one has no known cost.
    assert found["cost_usd"] | {"change": None} == {
        "measure": "cost_usd",
        "value": "0.300000001",
        "workspace_average": "0.766666667",
        "first_is": "highest",
        "rank": 2,
        "ranked_agents": 2,
        "percentile": 0.0,
        "previous": "1",
        "change": None,
    }
    (workspace,) = ask(fleet, list(agent_parts.COMPARED), filters=[only("workspace_id", "acme")])
    for name in ("success_rate", "failure_rate", "avg_duration_ms", "p95_duration_ms", "cost_per_run_usd"):
        assert found[name]["workspace_average"] == workspace[name], name
    (own,) = ask(fleet, list(agent_parts.COMPARED), filters=OF_PLANNER, compare="previous_period")
    for name, row in found.items():
        then = (own[name], own["compare"][name], own["change"][name])
        assert (row["value"], row["previous"], row["change"]) == then, name
    # Coder never fails, and is quicker: planner comes after it.
    assert (found["failure_rate"]["rank"], found["avg_duration_ms"]["rank"]) == (2, 2)
    assert found["avg_duration_ms"]["first_is"] == "lowest"


@pytest.mark.parametrize(("compare", "runs"), [("previous_period", 1), ("previous_week", 2), ("previous_year", 3)])
def test_an_agent_is_compared_with_the_range_that_is_asked_for(fleet: Door, compare: str, runs: int) -> None:
    fleet.post(
        *(run(f"a-week-ago-{number}", started_at="2026-11-14T09:00:00Z") for number in range(2)),
        *(run(f"a-year-ago-{number}", started_at="2025-11-21T09:00:00Z") for number in range(3)),
    )
    days = {"from": "2026-11-19", "to": "2026-11-21"}
    answer = fleet.get("/api/v1/agents/planner/analytics", workspace_id="acme", compare=compare, **days)
    body = {"measures": ["runs"], "compare": compare, "time": days, "filters": OF_PLANNER}
    (own,) = fleet.client.post("/api/v1/query", json=body).json()["data"]
    found = {row["measure"]: row for row in answer["comparisons"]}
    assert (found["runs"]["previous"], found["runs"]["change"]) == (own["compare"]["runs"], own["change"]["runs"])
    assert found["runs"]["previous"] == runs


def test_an_agent_without_runs_in_the_range(fleet: Door) -> None:
    answer = fleet.get("/api/v1/agents/coder/analytics", **{"from": "2026-11-01", "to": "2026-11-02"})
    assert answer["performance"]["runs"] == 0
    assert [row["runs"] for row in answer["performance"]["series"]] == [0, 0]
    assert answer["users"]["users"] == answer["errors"]["types"] == answer["resources"]["models"] == []
    assert {row["rank"] for row in answer["comparisons"]} == {None}
    assert answer["meta"]["data_range"]["first"] == "2026-11-21T09:00:00.123Z"


def test_an_agent_of_several_workspaces_needs_one_named(fleet: Door) -> None:
    problem = assert_problem(fleet.client.get("/api/v1/agents/planner/analytics"), 409)
    assert problem["type"] == "/problems/ambiguous-agent"
    assert problem["errors"][0]["field"] == "workspace_id"
    assert "acme, beta" in problem["detail"]
    own = fleet.get("/api/v1/agents/planner/analytics", workspace_id="beta")
    assert (own["performance"]["runs"], own["comparisons"][0]["percentile"]) == (1, None)
    assert_problem(fleet.client.get("/api/v1/agents/planner/analytics", params={"workspace_id": "gamma"}), 404)
    assert_problem(fleet.client.get("/api/v1/agents/coder/analytics", params={"agent_id": "planner"}), 404)


def test_the_filters_narrow_an_agents_analytics(fleet: Door) -> None:
    answer = fleet.get("/api/v1/agents/planner/analytics", **PLANNER, status="failed", agent_id="planner")
    assert answer["performance"]["runs"] == answer["errors"]["errors"] == 1
    assert answer["comparisons"][0]["ranked_agents"] == 1
    assert not answer["meta"]["truncated"]
    assert answer["meta"]["hides_failures"]


def test_any_text_is_an_agents_id(door: Door) -> None:
    names = [*HOSTILE, "analytics", "a/analytics"]
    door.post(*(run(f"r{n}", agent_id=text) for n, text in enumerate(names)))
    for text in names:
        response = door.client.get(f"/api/v1/agents/{quoted(text)}/analytics")
        assert response.status_code == 200, (text, response.text)
        assert response.json()["agent_id"] == text
        assert response.json()["performance"]["runs"] == 1
    assert "runs_per_day" in door.get("/api/v1/agents/analytics")


class RefusingReader:
    """Refuses the statements that hold a text, as a store does that has not the memory for them."""

    def __init__(self, reader: Any, text: str) -> None:
        self._reader, self._text = reader, text

    def bound_to(self, workspaces: frozenset[str] | None) -> "RefusingReader":
        return self

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        if self._text in sql:
            raise StoreRefused("too much", 241)
        found: list[Row] = self._reader.query(sql, parameters)
        return found


@pytest.mark.parametrize(
    ("text", "failed"), [("ratings_by_run", ["users"]), ("AS key_0", ["resources", "errors", "users"])]
)
def test_a_part_that_fails_leaves_the_others(fleet: Door, text: str, failed: list[str]) -> None:
    parts = fleet.app.state.parts
    reader = RefusingReader(parts.store, text)
    fleet.app.state.parts = replace(parts, store=reader, cache=AnswerCache(2**20))
    try:
        response = fleet.client.get("/api/v1/agents/planner/analytics", params=PLANNER)
    finally:
        fleet.app.state.parts = parts
    answer = response.json()
    assert "etag" not in response.headers  # or whoever has it would never be told what the part says once it can
    told = [entry["part"] for entry in answer["failed_parts"]]
    assert [name for name in told if name != "comparisons"] == failed
    for name in ("performance", "resources", "errors", "users"):
        assert (answer[name] is None) == (name in failed)
    assert all("memory" in entry["detail"] and entry["status"] == 422 for entry in answer["failed_parts"])

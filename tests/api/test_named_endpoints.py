"""The endpoints with names of their own: each says what `/query` says for the same runs, filters and range."""

from typing import Any

import httpx
import pytest
from api.door import Door, assert_problem, run
from runtally_api import execution_answers as executions
from runtally_api import use_answers as use
from runtally_clickhouse.measures.definitions import MEASURES, STATUSES

DAYS = {"from": "2026-11-20", "to": "2026-11-21", "timezone": "Europe/Berlin"}
PATHS = (
    *("/performance", "/stats", "/throughput", "/latency", "/executions", "/metrics/execution"),
    *("/metrics/execution/realtime", "/models/compare", "/sessions"),
)


@pytest.fixture
def fleet(door: Door) -> Door:
    """Seven runs of two agents and two workspaces, and two of the days before."""
    door.post(
        run("a", cost_usd="0.1", duration_ms=1000, queue_ms=3, session_id="s1", user_id="u1", model="m-1"),
        run("b", status="failed", cost_usd="0.200000001", session_id="s1", user_id="u2", model="m-1", trigger="api"),
        run("c", started_at="2026-11-20T09:00:00Z", model="x/m_2.gguf", llm_calls=3, session_id="🤖/'"),
        run("d", status="timed_out", duration_ms=30, parent_run_id="a", environment="staging", queue_ms=0),
        run("e", agent_id="coder", session_id="s2", user_id="u1", duration_ms=0, cost_usd="2", model="m-3"),
        run("f", agent_id="coder", status="running", started_at="2026-11-20T01:00:00Z", duration_ms=77),
        run("g", workspace_id="beta", duration_ms=77, session_id="s1", input_tokens=4, output_tokens=1),
        run("h", started_at="2026-11-19T09:00:00Z", cost_usd="1", duration_ms=500, model="m-1", session_id="s0"),
        run("i", started_at="2026-11-18T09:00:00Z", status="queued", queue_ms=9),
    )
    return door


def ask(door: Door, measures: tuple[str, ...], time: dict[str, str] | None = None, **body: Any) -> list[dict[str, Any]]:
    """What `/query` says, written as the named endpoints write it."""
    asked = {"measures": list(measures), "time": {**DAYS, **(time or {})}, **body}
    response = door.client.post("/api/v1/query", json=asked)
    assert response.status_code == 200, response.text
    return [folded(row) for row in response.json()["data"]]


def folded(row: dict[str, Any]) -> dict[str, Any]:
    if set(STATUSES) <= set(row):
        row["status_counts"] = {name: row.pop(name) for name in STATUSES}
    return row


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def total(door: Door, measures: tuple[str, ...]) -> dict[str, Any]:
    """The totals beside those of the period before."""
    (row,) = ask(door, measures, compare="previous_period")
    if "status_counts" in row:
        folded(row["compare"])
    return row


def by(door: Door, dimension: str, measures: tuple[str, ...], **body: Any) -> list[dict[str, Any]]:
    return ask(door, measures, dimensions=[dimension], **body)


def test_performance(fleet: Door) -> None:
    answer = fleet.get("/api/v1/performance", **DAYS, granularity="day")
    assert answer["totals"] == total(fleet, executions.PERFORMANCE)
    assert (answer["totals"]["runs"], answer["totals"]["compare"]["runs"]) == (7, 2)
    assert answer["series"] == ask(fleet, executions.PERFORMANCE, {"granularity": "day"})
    assert answer["by_agent"] == by(fleet, "agent_id", executions.PERFORMANCE)
    folded_rest = fleet.get("/api/v1/performance", **DAYS, agent_limit=1)
    assert folded_rest["by_agent"] == by(fleet, "agent_id", executions.PERFORMANCE, limit=1)
    assert folded_rest["meta"]["truncated"]
    assert folded_rest["by_agent"][-1]["other"]


def test_stats(fleet: Door) -> None:
    answer = fleet.get("/api/v1/stats", **DAYS)
    assert answer["totals"] == total(fleet, executions.STATS)
    assert (answer["totals"]["active_agents"], answer["totals"]["sessions"]) == (3, 3)
    assert answer["totals"]["status_counts"]["stalled"] == 1
    assert answer["meta"]["coverage"] == {"runs": 7, "cost": 3, "duration": 5, "tokens": 1}
    a_week = fleet.get("/api/v1/stats", **DAYS, compare="previous_week")["totals"]
    assert (a_week["compare"]["runs"], a_week["change"]["runs"]) == (0, None)


def test_throughput(fleet: Door) -> None:
    answer = fleet.get("/api/v1/throughput", **DAYS, granularity="hour")
    assert answer["totals"] == total(fleet, executions.THROUGHPUT)
    assert answer["series"] == ask(fleet, executions.THROUGHPUT, {"granularity": "hour"})
    assert answer["peak"] == {"time": "2026-11-21T10:00:00+01:00", "runs": 5, "runs_per_minute": 5 / 60}
    assert fleet.get("/api/v1/throughput", **DAYS)["granularity"] == "hour"
    assert len(fleet.get("/api/v1/throughput")["series"]) == 30


def test_latency(fleet: Door) -> None:
    answer = fleet.get("/api/v1/latency", **DAYS)
    measures = ("runs", *executions.DURATIONS, *executions.QUEUE_TIMES)
    (expected,) = ask(fleet, measures)
    for part, names in (("duration", executions.DURATIONS), ("queue", executions.QUEUE_TIMES)):
        assert {name: answer[part][name] for name in names} == {name: expected[name] for name in names}
        assert sum(bar["runs"] for bar in answer[part]["histogram"]) == answer[part]["known_runs"]
    assert (answer["runs"], answer["duration"]["known_runs"], answer["queue"]["known_runs"]) == (7, 5, 2)
    assert answer["queue"]["histogram"] == [
        {"from_ms": 0, "to_ms": 1, "runs": 1},
        {"from_ms": 3, "to_ms": 4, "runs": 1},
    ]
    assert answer["by_agent"] == by(fleet, "agent_id", measures)
    assert set(answer["meta"]["approximate"]) == {name for name in measures if name.startswith("p")}
    assert len(fleet.get("/api/v1/latency", **DAYS, buckets=2)["duration"]["histogram"]) == 2
    fast = fleet.get("/api/v1/latency", **DAYS, agent_id="coder", workspace_id="acme")
    assert sum(bar["runs"] for bar in fast["duration"]["histogram"]) == 2


def test_executions(fleet: Door) -> None:
    answer = fleet.get("/api/v1/executions", **DAYS, granularity="day")
    assert [answer["totals"]] == ask(fleet, executions.EXECUTIONS)
    assert answer["series"] == ask(fleet, executions.EXECUTIONS, {"granularity": "day"})
    for name in ("status", "trigger", "environment"):
        found = answer[f"by_{name}"]
        assert [without(row, "share") for row in found] == by(fleet, name, executions.EXECUTIONS_OF)
        assert sum(row["runs"] for row in found) == 7
        assert all(row["share"] == row["runs"] / 7 for row in found)


def test_execution_metrics(fleet: Door) -> None:
    answer = fleet.get("/api/v1/metrics/execution", **DAYS)
    assert answer["totals"] == total(fleet, executions.EXECUTION_METRICS)
    assert answer["by_agent"] == by(fleet, "agent_id", executions.EXECUTION_METRICS)


def test_realtime(fleet: Door) -> None:
    fleet.post(
        run("now", started_at="2026-11-21T09:29:30Z", status="running", duration_ms=5),
        run("waits", started_at="2026-11-21T09:26:00Z", status="queued"),
        run("fails", started_at="2026-11-21T09:29:00Z", status="failed"),
        run("too old", started_at="2026-11-21T09:24:59.999Z", status="queued"),
        run("not yet", started_at="2026-11-21T09:30:00Z", status="running"),
    )
    answer = fleet.get("/api/v1/metrics/execution/realtime")
    assert answer["now"] == {"queued": 3, "running": 2, "stalled": 1}
    for name, start, runs in (("last_minute", "09:29", 2), ("last_five_minutes", "09:25", 3)):
        time = {"from": f"2026-11-21T{start}:00Z", "to": "2026-11-21T09:30:00Z"}
        assert [answer[name]] == ask(fleet, executions.RECENT, time)
        assert answer[name]["runs"] == runs
    assert (answer["meta"]["from"], answer["meta"]["to"]) == ("2026-11-21T09:25:00Z", "2026-11-21T09:30:00Z")
    narrowed = fleet.get("/api/v1/metrics/execution/realtime", agent_id="coder", status="stalled")
    assert narrowed["now"] == {"queued": 0, "running": 0, "stalled": 1}


def test_models(fleet: Door) -> None:
    answer = fleet.get("/api/v1/models/compare", **DAYS)
    named = [{"dimension": "model", "op": "not_in", "values": [""]}]
    more = ("model_name", "share_of_runs", "share_of_cost")
    found = [without(row, *more) for row in answer["models"]]
    assert found == by(fleet, "model", use.MODEL_MEASURES, filters=named, compare="previous_period")
    assert [answer["totals"]] == ask(fleet, use.MODEL_MEASURES, filters=named)
    assert [tuple(row[name] for name in ("model", *more)) for row in answer["models"]] == [
        ("m-1", "M 1", 0.5, pytest.approx(0.300000001 / 2.300000001)),
        ("m-3", "M 3", 0.25, pytest.approx(2 / 2.300000001)),
        ("x/m_2.gguf", "M 2", 0.25, None),
    ]
    (one, rest) = fleet.get("/api/v1/models/compare", **DAYS, limit=1)["models"]
    assert (one["runs"], rest["runs"], rest["model"], rest["model_name"], rest["other"]) == (2, 2, None, None, True)
    chosen = fleet.get("/api/v1/models/compare", **DAYS, model=["m-3", "none"])["models"]
    assert [row["model"] for row in chosen] == ["m-3"]


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_sessions(fleet: Door, limit: int) -> None:
    in_session = [{"dimension": "session_id", "op": "not_in", "values": [""]}]
    dimensions = ["workspace_id", "session_id"]
    expected = ask(fleet, use.SESSION_MEASURES, dimensions=dimensions, filters=in_session)
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while not found or cursor:
        page = fleet.get("/api/v1/sessions", **DAYS, limit=limit, **cursor)
        found += page["data"]
        assert [page["totals"]] == ask(fleet, use.SESSION_TOTALS)
        cursor = {"cursor": page["next_cursor"]} if page["has_more"] else {}
    assert found == [without(row, "other") for row in expected]
    assert [(row["workspace_id"], row["session_id"]) for row in found] == [
        *(("acme", "s1"), ("acme", "s2"), ("acme", "🤖/'"), ("beta", "s1")),
    ]
    assert found[0]["first_run_at"] == "2026-11-21T09:00:00.123Z"


def _numbers(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return [leaf for name, value in node.items() if name != "meta" for leaf in _numbers(value)]
    return [leaf for value in node for leaf in _numbers(value)] if isinstance(node, list) else [node]


@pytest.mark.parametrize("path", PATHS)
def test_an_empty_store_has_zeros_and_nulls(door: Door, path: str) -> None:
    answer = door.get(f"/api/v1{path}", granularity="month")
    assert {leaf for leaf in _numbers(answer) if not isinstance(leaf, str)} <= {0, None}
    assert answer["meta"]["coverage"] == {"runs": 0, "cost": 0, "duration": 0, "tokens": 0}
    assert answer["meta"]["data_range"] is None
    for name in ("by_agent", "by_status", "models", "data"):
        assert answer.get(name, []) == []


@pytest.mark.parametrize("path", PATHS)
def test_filters_bind_every_answer(fleet: Door, path: str) -> None:
    if path.endswith(("realtime", "compare")):
        fleet.post(run("now", workspace_id="beta", started_at="2026-11-21T09:29:30Z", model="m-9"))
    of_beta = fleet.get(f"/api/v1{path}", **DAYS, workspace_id="beta")
    assert of_beta["meta"]["coverage"]["runs"] == 1
    assert "acme" not in str(of_beta)
    nobody = fleet.get(f"/api/v1{path}", **DAYS, user_id="'; DROP TABLE agent_runs; --🤖\n")
    assert nobody["meta"]["coverage"]["runs"] == 0
    hidden = fleet.get(f"/api/v1{path}", **DAYS, status="succeeded")
    assert hidden["meta"]["hides_failures"]


def test_what_cannot_be_asked(api: httpx.Client) -> None:
    for path, parameters, field in (
        ("/throughput", {"granularity": "days"}, "granularity"),
        ("/throughput", {"granularity": "minute", "from": "2026-01-01"}, "granularity"),
        ("/executions", {"granularity": "none"}, "granularity"),
        ("/stats", {"compare": "yesterday"}, "compare"),
        ("/latency", {"buckets": "1"}, "buckets"),
        ("/latency", {"from": "2026-11-21", "to": "2026-11-20"}, "from"),
        ("/sessions", {"cursor": "x"}, "cursor"),
        ("/models/compare", {"limit": "0"}, "limit"),
        ("/performance", {"timezone": "Mars"}, "timezone"),
        ("/metrics/execution/realtime", {"status": "asleep"}, "status"),
    ):
        problem = assert_problem(api.get(f"/api/v1{path}", params=parameters), 422)
        assert problem["errors"][0]["field"] == field, path


def test_measures_of_the_shapes_are_those_of_the_catalogue() -> None:
    for module in (executions, use):
        for name, value in vars(module).items():
            if name.isupper() and isinstance(value, tuple) and not name.startswith("_"):
                assert set(value) <= set(MEASURES), name

"""`POST /api/v1/query` and `GET /api/v1/meta` as the contract has them (CONTRACT 3.5)."""

import io
import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from api.door import NOW, Door, assert_problem, run
from clickhouse.rolling_up import mark, refresh
from clickhouse.runs import TODAY_MS
from runtally_api.dependencies import ApiParts
from runtally_api.saved_questions import answer_question
from runtally_api.tabular import FORMATS, chosen_format
from runtally_clickhouse.catalogue import RunScope
from runtally_clickhouse.measures.asking import Answer
from runtally_clickhouse.measures.definitions import MEASURES
from runtally_clickhouse.measures.question import Question
from runtally_clickhouse.measures.time_steps import make_steps

DAYS = {"from": "2026-11-20", "to": "2026-11-21"}


@pytest.fixture
def fleet(door: Door) -> Door:
    """Planner: two runs today, one yesterday; coder and one of another workspace: one run each."""
    door.post(
        run("a", cost_usd="0.1", duration_ms=1000, session_id="s1", user_id="u1", tags={"team": "red"}),
        run("b", status="failed", cost_usd="0.200000001", session_id="s1", user_id="u2"),
        run("c", started_at="2026-11-20T09:00:00Z", input_tokens=10),
        run("d", agent_id="coder", session_id="s2", user_id="u1", duration_ms=0),
        run("e", workspace_id="beta", status="running", started_at="2026-11-20T01:00:00Z"),
    )
    return door


def ask(door: Door, **body: Any) -> dict[str, Any]:
    response = door.client.post("/api/v1/query", json={"time": DAYS, **body})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def rows(door: Door, **body: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(door, **body)["data"]
    return found


def test_a_total(fleet: Door) -> None:
    answer = ask(fleet, measures=["runs", "success_rate", "cost_usd", "p50_duration_ms", "stalled"])
    assert answer["data"] == [
        {"runs": 5, "success_rate": 0.75, "cost_usd": "0.300000001", "p50_duration_ms": 0.0, "stalled": 1}
    ]
    assert [column["name"] for column in answer["columns"]] == list(answer["data"][0])
    meta = answer["meta"]
    assert meta["coverage"]["cost_usd"] == {"known": 2, "runs": 5}
    assert list(meta["approximate"]) == ["p50_duration_ms"]
    assert (meta["rows"], meta["granularity"], meta["truncated"], meta["relation"]) == (1, "none", False, "run_facts")
    assert (meta["from"], meta["to"]) == ("2026-11-20T00:00:00Z", "2026-11-22T00:00:00Z")
    assert meta["data_range"] == {"first": "2026-11-20T01:00:00Z", "last": "2026-11-21T09:00:00.123Z"}


@pytest.mark.parametrize(
    "more",
    [
        {"dimensions": ["status"], "limit": 1, "other": False},
        {"dimensions": ["status", "user_id"], "limit": 1, "other": False},
        {},
    ],
)
@pytest.mark.parametrize("granularity", ["day", "hour"])
@pytest.mark.parametrize("compare", ["previous_period", None])
def test_totals_are_those_of_all_groups_and_steps(
    fleet: Door, more: dict[str, Any], granularity: str, compare: str | None
) -> None:
    measures = ["runs", "success_rate", "cost_usd", "avg_duration_ms", "p95_duration_ms", "active_users", "stalled"]
    days = {"from": "2026-11-21", "to": "2026-11-21"}
    against = {"compare": compare} if compare else {}
    (alone,) = rows(fleet, measures=measures, time=days, **against)
    assert alone["runs"] > 1
    assert compare is None or alone["compare"]["runs"]
    answer = ask(fleet, measures=measures, time=days | {"granularity": granularity}, **more, **against)
    assert answer["totals"] == alone
    assert sum(row["runs"] for row in answer["data"]) < alone["runs"] if more else len(answer["data"]) > 0


def test_the_rest_adds_up_and_its_distinct_counts_are_its_own(fleet: Door) -> None:
    answer = ask(fleet, measures=["runs", "active_users"], dimensions=["agent_id"], limit=1)
    assert answer["data"] == [
        {"workspace_id": "acme", "agent_id": "planner", "other": False, "runs": 3, "active_users": 2},
        {"workspace_id": None, "agent_id": None, "other": True, "runs": 2, "active_users": 1},
    ]
    assert answer["meta"]["truncated"]
    assert len(rows(fleet, measures=["runs"], dimensions=["agent_id"], limit=1, other=False)) == 1


def test_agents_of_two_workspaces_do_not_mix(fleet: Door) -> None:
    found = rows(fleet, measures=["runs"], dimensions=["agent_id"])
    assert [(row["workspace_id"], row["agent_id"], row["runs"]) for row in found] == [
        ("acme", "planner", 3),
        ("acme", "coder", 1),
        ("beta", "planner", 1),
    ]


def test_a_series_is_dense(fleet: Door) -> None:
    time = {**DAYS, "granularity": "day", "timezone": "Europe/Berlin"}
    found = rows(fleet, measures=["runs", "cost_usd"], dimensions=["model", "agent_id"], time=time, limit=2)
    assert [(row["time"], row["agent_id"], row["other"], row["runs"], row["cost_usd"]) for row in found] == [
        ("2026-11-20T00:00:00+01:00", "planner", False, 1, None),
        ("2026-11-20T00:00:00+01:00", "coder", False, 0, None),
        ("2026-11-20T00:00:00+01:00", None, True, 1, None),
        ("2026-11-21T00:00:00+01:00", "planner", False, 2, "0.300000001"),
        ("2026-11-21T00:00:00+01:00", "coder", False, 1, None),
        ("2026-11-21T00:00:00+01:00", None, True, 0, None),
    ]


def test_an_empty_store_has_rows_of_zeros_and_nulls(door: Door) -> None:
    measures = list(MEASURES)
    (row,) = rows(door, measures=measures)
    assert set(row.values()) == {0, None}
    assert all(row[name] == 0 for name, measure in MEASURES.items() if measure.kind in ("count", "distinct"))
    assert rows(door, measures=measures, dimensions=["agent_id"]) == []
    series = rows(door, measures=measures, time={**DAYS, "granularity": "day"})
    assert [{name: entry[name] for name in measures} for entry in series] == [row, row]


@pytest.mark.parametrize(("compare", "then"), [("previous_period", "2026-11-20"), ("previous_week", "2026-11-14")])
def test_a_comparison(fleet: Door, compare: str, then: str) -> None:
    today = {"from": "2026-11-21", "to": "2026-11-21", "granularity": "day"}
    (row,) = rows(fleet, measures=["runs", "cost_usd", "success_rate"], time=today, compare=compare)
    assert row["compare"]["time"] == f"{then}T00:00:00Z"
    if compare == "previous_period":
        assert row["compare"]["runs"] == 2
        assert row["change"] == {"runs": 0.5, "cost_usd": None, "success_rate": -0.333333}
    else:
        assert row["compare"] == {"time": f"{then}T00:00:00Z", "runs": 0, "cost_usd": None, "success_rate": None}
        assert row["change"] == {"runs": None, "cost_usd": None, "success_rate": None}


FILTERED = [
    ({"dimension": "status", "op": "in", "values": ["failed"]}, 1),
    ({"dimension": "status", "op": "not_in", "values": ["stalled", "failed"]}, 3),
    ({"dimension": "agent_id", "op": "contains", "values": ["od", "x"]}, 1),
    ({"dimension": "duration_ms", "op": "gte", "values": [1000]}, 1),
    ({"dimension": "duration_ms", "op": "lt", "values": [1000.0]}, 1),
    ({"dimension": "duration_ms", "op": "not_in", "values": [0]}, 4),
    ({"dimension": "cost_usd", "op": "gte", "values": ["0.200000001"]}, 1),
    ({"dimension": "cost_usd", "op": "in", "values": [0.1]}, 1),
    ({"dimension": "cost_usd", "op": "in", "values": ["1e-1"]}, 1),
    ({"dimension": "cost_usd", "op": "lt", "values": ["0e-999999999"]}, 0),
    ({"dimension": "tag:team", "op": "in", "values": ["red"]}, 1),
    ({"dimension": "is_root", "op": "in", "values": [True]}, 5),
    ({"dimension": "hour", "op": "gte", "values": [9]}, 4),
    ({"dimension": "weekday", "op": "in", "values": [6]}, 3),
    ({"dimension": "user_id", "values": ["u1", "'\\\n"]}, 2),
]


@pytest.mark.parametrize(("entry", "runs"), FILTERED)
def test_filters(fleet: Door, entry: dict[str, Any], runs: int) -> None:
    answer = ask(fleet, measures=["runs"], filters=[entry])
    assert answer["data"] == [{"runs": runs}]
    assert answer["meta"]["hides_failures"] == (entry["dimension"] == "status")


INVALID = [
    ({"measures": ["runs", "sucess_rate"]}, "measures[1]", "success_rate"),
    ({"dimensions": ["agent"]}, "dimensions[0]", "agent_id"),
    ({"dimensions": ["duration_ms"]}, "dimensions[0]", None),
    ({"time": {"granularity": "days"}}, "time.granularity", "day"),
    ({"compare": "previous_weak"}, "compare", "previous_week"),
    ({"order": [{"by": "cost"}]}, "order[0].by", None),
    ({"order": [{"by": "runs", "direction": "down"}]}, "order[0].direction", None),
    ({"filters": [{"dimension": "stat", "values": ["x"]}]}, "filters[0].dimension", "status"),
    ({"filters": [{"dimension": "status", "op": "is", "values": ["x"]}]}, "filters[0].op", "in"),
    ({"filters": [{"dimension": "hour", "op": "contains", "values": [1]}]}, "filters[0].op", None),
    ({"filters": [{"dimension": "hour", "op": "lt", "values": [1, 2]}]}, "filters[0].values", None),
    ({"filters": [{"dimension": "hour", "values": [1, "x"]}]}, "filters[0].values[1]", None),
    ({"filters": [{"dimension": "cost_usd", "values": ["0.0000000001"]}]}, "filters[0].values[0]", None),
    ({"filters": [{"dimension": "cost_usd", "values": ["1e-999999999"]}]}, "filters[0].values[0]", None),
    ({"filters": [{"dimension": "cost_usd", "values": ["1e999999999"]}]}, "filters[0].values[0]", None),
    ({"filters": [{"dimension": "cost_usd", "values": [f"0.1{'0' * 40}1"]}]}, "filters[0].values[0]", None),
    ({"time": {"from": "2026-11-01", "granularity": "minute"}, "limit": 10}, None, None),
    ({"time": {"from": "-90000h"}}, "from", None),
    ({"time": {"from": "2026-01-01", "to": "2026-11-01", "granularity": "minute"}}, "time.granularity", None),
]


@pytest.mark.parametrize(("change", "field", "nearest"), INVALID)
def test_what_cannot_be_asked(fleet: Door, change: dict[str, Any], field: str | None, nearest: str | None) -> None:
    response = fleet.client.post("/api/v1/query", json={"measures": ["runs"], **change})
    if field is None:
        assert response.status_code == 200
        return
    problem = assert_problem(response, 422)
    assert [error["field"] for error in problem["errors"]] == [field]
    if nearest:
        assert problem["type"] == "/problems/invalid-query"
        assert problem["errors"][0]["nearest"] == nearest
        assert nearest in problem["errors"][0]["allowed"]


def test_formats(fleet: Door) -> None:
    body = {
        "measures": ["runs", "cost_usd", "avg_duration_ms"],
        "dimensions": ["agent_id"],
        "time": {**DAYS, "granularity": "day"},
        "compare": "previous_week",
    }

    def get(accept: str) -> httpx.Response:
        response = fleet.client.post("/api/v1/query", json=body, headers={"Accept": accept})
        assert response.status_code == 200
        assert response.headers["content-type"].startswith(accept)
        return response

    expected = get("application/json").json()["data"]
    assert [json.loads(line) for line in get("application/x-ndjson").text.splitlines()] == expected
    lines = get("text/csv").text.splitlines()
    assert lines[0] == (
        "time,workspace_id,agent_id,other,runs,cost_usd,avg_duration_ms,compare_time,compare_runs,compare_cost_usd,"
        "compare_avg_duration_ms,change_runs,change_cost_usd,change_avg_duration_ms"
    )
    assert lines[4] == "2026-11-21T00:00:00Z,acme,planner,false,2,0.300000001,1000.0,2026-11-14T00:00:00Z,0,,,,,"
    stream = pa.ipc.open_stream(get("application/vnd.apache.arrow.stream").content).read_all()
    parquet = pq.read_table(io.BytesIO(get("application/vnd.apache.parquet").content))
    for table in (stream, parquet):
        assert table.column("runs").to_pylist() == [row["runs"] for row in expected]
        assert table.schema.field("cost_usd").type == pa.decimal128(38, 9)
        assert json.loads(table.schema.metadata[b"runtally"])["granularity"] == "day"
    assert_problem(fleet.client.post("/api/v1/query", json=body, headers={"Accept": "image/png"}), 406)


def test_the_format_that_is_liked_best() -> None:
    assert [chosen_format(name) for name in FORMATS] == list(FORMATS)
    assert chosen_format(None) == chosen_format("*/*") == chosen_format("text/html, */*;q=0.1") == "application/json"
    assert chosen_format("text/csv;q=0.5, application/x-ndjson") == "application/x-ndjson"
    assert chosen_format("text/*") == "text/csv"
    assert chosen_format("image/png") is chosen_format("text/csv;q=0") is chosen_format("text/csv;q=x") is None


def test_a_question_that_is_too_dear_says_what_to_narrow(fleet: Door) -> None:
    parts = fleet.app.state.parts
    for change, word in (({"max_query_memory_bytes": 1}, "memory"), ({"max_query_rows": 1}, "rows")):
        settings = parts.settings.model_copy(update=change)
        fleet.app.state.parts = replace(parts, settings=settings)
        try:
            body = {"measures": ["runs"], "dimensions": ["agent_id"], "time": DAYS}
            problem = assert_problem(fleet.client.post("/api/v1/query", json=body), 422)
        finally:
            fleet.app.state.parts = parts
        (error,) = problem["errors"]
        assert (error["field"], problem["type"]) == ("time", "/problems/invalid-query")
        assert f"more {word}" in error["message"]


def test_questions_of_all_time_come_out_of_rollups(fleet: Door) -> None:
    """A range of more buckets than pay is asked about as far as runs are stored; a rate is of all its minutes still."""
    parts: ApiParts = fleet.app.state.parts
    store = fleet.publisher.store
    start, end = datetime(2015, 1, 1, tzinfo=UTC), datetime(2101, 1, 1, tzinfo=UTC)

    def asked(*measures: str, to: datetime = end) -> Answer:
        ever = make_steps(start, to, ZoneInfo("UTC"), "none")
        scope = RunScope(None, NOW - timedelta(hours=24), start, to)
        return answer_question(parts, Question(measures=measures, steps=ever), scope)

    measures = ("runs", "stalled", "cost_usd", "p50_duration_ms", "active_users")
    before = asked(*measures)
    assert (before.totals["runs"], before.totals["stalled"]) == (5, 1)
    mark(store, [TODAY_MS + 9 * 3_600_000, TODAY_MS - 15 * 3_600_000, TODAY_MS - 23 * 3_600_000], random.Random(1))
    refresh(store, random.Random(2))
    assert asked(*measures).totals == before.totals
    counted = asked("runs", "stalled")
    assert (counted.totals["runs"], counted.totals["stalled"]) == (5, 1)
    assert counted.source != "raw"
    minutes = (end - start).total_seconds() / 60
    assert asked("runs_per_minute").totals["runs_per_minute"] == pytest.approx(5 / minutes)
    assert asked("runs", to=datetime(2020, 1, 1, tzinfo=UTC)).totals["runs"] == 0
    fleet.post(run("late", started_at="2025-03-01T00:00:00Z"))
    assert asked("runs").totals["runs"] == 6


def test_the_catalogue_is_served(door: Door) -> None:
    meta = door.get("/api/v1/meta")
    assert {entry["name"] for entry in meta["measures"]} == set(MEASURES)
    assert all(entry["meaning"].endswith(".") and entry["unit"] for entry in meta["measures"])
    assert "tag:<key>" in {entry["name"] for entry in meta["dimensions"]}


def test_as_much_text_as_one_may_send_reaches_the_store(fleet: Door) -> None:
    def filtered(characters: str) -> dict[str, Any]:
        values = [f"{number:03}{characters * 16}" for number in range(950)]
        return {"measures": ["runs"], "filters": [{"dimension": "user_id", "values": [*values, "u1"]}], "time": DAYS}

    for character in ("🤖", "\\", "'", "\n"):
        assert ask(fleet, **filtered(character))["data"] == [{"runs": 2}], character
    problem = assert_problem(fleet.client.post("/api/v1/query", json=filtered("xx")), 422)
    assert [error["field"] for error in problem["errors"]] == ["filters"]

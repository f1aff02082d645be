"""Every question over an empty store and over a small fleet, on both engines; and what bounds them all."""

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from clickhouse.asked_elsewhere import ASKED_ELSEWHERE, rate
from clickhouse.rolling_up import mark, refresh
from clickhouse.runs import DAY_MS, DAYS, NOW, PARAMETERS, STRANGE, TODAY_MS, AnyQuestion, insert, scope, snapshot
from runtally_clickhouse import catalogue
from runtally_clickhouse.catalogue import (
    RunFilters,
    RunQuestion,
    RunScope,
    all_ingested,
    data_as_of,
    placeholders,
    stored_rows,
)
from runtally_clickhouse.client import Row, Store
from runtally_clickhouse.measures.cell_questions import CellQuestion, ask_cells
from runtally_clickhouse.measures.composition import Limits
from runtally_clickhouse.split_runs import find_split_runs

EMPTY_TOTALS = {
    "messages": 0,
    "tokens": 0,
    "sessions": 0,
    "duration_ms": None,
    "known_durations": 0,
    "known_tokens": 0,
    "known_costs": 0,
}
EPOCH = datetime(1970, 1, 1)
QUESTIONS: tuple[AnyQuestion, ...] = (*RunQuestion, *CellQuestion)
EMPTY: dict[AnyQuestion, list[Row]] = {
    **{question: [] for question in QUESTIONS},
    CellQuestion.RUN_TOTALS: [{name: value for name, value in EMPTY_TOTALS.items() if name != "sessions"}],
    RunQuestion.DATA_RANGE: [{"runs": 0, "first": EPOCH, "last": EPOCH}],
    RunQuestion.USAGE_TOTALS: [EMPTY_TOTALS],
}
NOBODY = {
    "agent_name": "",
    "root_runs": 1,
    **dict.fromkeys(["queued", "running", "stalled", "succeeded", "failed", "timed_out", "cancelled", "unknown"], 0),
    **dict.fromkeys(["duration_ms", "input_tokens", "output_tokens", "total_tokens", "cost_usd"]),
    **dict.fromkeys(["known_durations", "known_tokens", "known_costs"], 0),
}
GOLDEN: dict[AnyQuestion, list[Row]] = {
    CellQuestion.AGENTS_SEEN: [
        {
            "workspace_id": "acme",
            "agent_id": "planner",
            "agent_name": "Planner",
            "first": datetime(2026, 11, 21, 9, 0, 0, 123000),
            "last": datetime(2026, 11, 21, 9, 0, 0, 123000),
        },
        {
            "workspace_id": "beta",
            "agent_id": "planner",
            "agent_name": "",
            "first": datetime(2026, 11, 20, 9),
            "last": datetime(2026, 11, 20, 9),
        },
    ],
    RunQuestion.DATA_RANGE: [
        {"runs": 3, "first": datetime(2026, 11, 20, 9), "last": datetime(2026, 11, 21, 9, 0, 0, 123000)}
    ],
    RunQuestion.LISTED_RUNS_BY_STEP: [
        {"workspace_id": "beta", "step_ms": TODAY_MS - DAY_MS, "runs": 1},
        {"workspace_id": "acme", "step_ms": TODAY_MS, "runs": 2},
    ],
    CellQuestion.RUNS_BY_AGENT: [
        {
            **NOBODY,
            "workspace_id": "acme",
            "agent_id": "planner",
            "agent_name": "Planner",
            "runs": 2,
            "root_runs": 1,
            "succeeded": 1,
            "failed": 1,
            "duration_ms": 1000,
            "known_durations": 1,
            "input_tokens": 10,
            "output_tokens": 5,
            "total_tokens": 15,
            "known_tokens": 1,
            "cost_usd": Decimal("0.300000001"),
            "known_costs": 2,
        },
        {**NOBODY, "workspace_id": "beta", "agent_id": "planner", "runs": 1, "stalled": 1},
    ],
    CellQuestion.RUNS_BY_AGENT_AND_DAY: [
        {
            "day_start_ms": TODAY_MS - DAY_MS,
            "workspace_id": "beta",
            "agent_id": "planner",
            "runs": 1,
            "succeeded": 0,
            "failed": 0,
            "cost_usd": None,
        },
        {
            "day_start_ms": TODAY_MS,
            "workspace_id": "acme",
            "agent_id": "planner",
            "runs": 2,
            "succeeded": 1,
            "failed": 1,
            "cost_usd": Decimal("0.300000001"),
        },
    ],
    CellQuestion.RUNS_BY_MODEL: [{"model_id": "m-1", "usage_count": 1, "total_tokens": 15}],
    RunQuestion.USAGE_BY_DAY: [
        {"day_start_ms": TODAY_MS - DAY_MS, "messages": 1, "tokens": 0, "sessions": 0},
        {"day_start_ms": TODAY_MS, "messages": 2, "tokens": 15, "sessions": 1},
    ],
    CellQuestion.RUN_TOTALS: [
        {
            "messages": 3,
            "tokens": 15,
            "duration_ms": 1000,
            "known_durations": 1,
            "known_tokens": 1,
            "known_costs": 2,
        }
    ],
    RunQuestion.USAGE_TOTALS: [
        {
            "messages": 3,
            "tokens": 15,
            "sessions": 1,
            "duration_ms": 1000,
            "known_durations": 1,
            "known_tokens": 1,
            "known_costs": 2,
        }
    ],
}


@pytest.fixture
def fleet(store: Store) -> Store:
    """Three runs; one of them in two versions, one deleted beside them."""
    insert(store, snapshot("a", status="running", session_id="s0"), snapshot("gone"))
    insert(
        store,
        snapshot(
            "a", session_id="s1", model="m-1", agent_name="Planner", duration_ms=1000, input_tokens=10,
            output_tokens=5, cost_usd="0.1",
        ),
        snapshot("b", session_id="s1", status="failed", parent_run_id="a", cost_usd="0.200000001"),
        snapshot("a", workspace_id="beta", status="running", started_at="2026-11-20T09:00:00Z"),
        snapshot("gone", deleted=True),
    )  # fmt: skip
    return store


def ask(store: Store, question: AnyQuestion, scope: RunScope, parameters: Mapping[str, object]) -> list[Row]:
    """As the endpoint does that asks it."""
    if isinstance(question, RunQuestion):
        return catalogue.ask(store, question, scope, parameters)
    limits = Limits(max_memory_bytes=2**30, max_rows=1000)
    named = {name: tuple(value) if isinstance(value, list) else value for name, value in parameters.items()}
    return ask_cells(store, question, scope, limits, **named)  # type: ignore[arg-type] # also what it must refuse


def _answer(store: Store, question: AnyQuestion, **filters: Any) -> list[Row]:
    rows = ask(store, question, scope(**filters), PARAMETERS[question])
    return sorted(rows, key=lambda row: row["day_start_ms"]) if DAYS is PARAMETERS[question] else rows


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_empty_store_answers(store: Store, question: AnyQuestion) -> None:
    assert _answer(store, question) == EMPTY[question]


@pytest.mark.parametrize("question", GOLDEN)
def test_a_fleet_answers(fleet: Store, question: AnyQuestion) -> None:
    assert _answer(fleet, question) == GOLDEN[question]


@pytest.mark.parametrize("question", [RunQuestion.RUNS_BY_ID, RunQuestion.RUNS_NEWEST_FIRST, RunQuestion.DRAWN_RUNS])
def test_whole_runs_answer(fleet: Store, question: RunQuestion) -> None:
    rows = _answer(fleet, question)
    expected = ["a", "a"] if question is RunQuestion.RUNS_BY_ID else ["a", "b", "a"]
    assert sorted(row["external_id"] for row in rows) == sorted(expected)
    current = next(row for row in rows if (row["external_id"], row["workspace_id"]) == ("a", "acme"))
    assert (current["status"], current["session_id"], current["total_tokens"]) == ("succeeded", "s1", 15)
    assert current["started_at"] == datetime(2026, 11, 21, 9, 0, 0, 123000)
    assert [row["is_stalled"] for row in rows if row["workspace_id"] == "beta"] == [1]


def test_runs_that_one_id_names_are_split(fleet: Store) -> None:
    assert _answer(fleet, RunQuestion.SPLIT_RUNS) == []
    again = datetime(2026, 11, 20, 8)
    insert(fleet, *(snapshot(name, started_at=f"{again}Z") for name in ("b", "gone")), snapshot("gone", deleted=True))
    assert _answer(fleet, RunQuestion.SPLIT_RUNS) == [
        {
            "workspace_id": "acme",
            "external_id": "b",
            "stored_runs": 2,
            "first": again,
            "last": datetime(2026, 11, 21, 9, 0, 0, 123000),
            "split_runs": 1,
        }
    ]


def test_split_runs_are_found_a_slice_at_a_time(store: Store) -> None:
    starts = [f"2026-11-{day:02}T08:00:00Z" for day in (1, 2, 3)]
    insert(store, *(snapshot(f"a{number}", started_at=at) for number in range(9) for at in starts[: number % 3 + 1]))
    whole = find_split_runs(store, scope(), 1, 4)
    assert [(row["external_id"], row["stored_runs"]) for row in whole.newest] == [
        *(("a2", 3), ("a5", 3), ("a8", 3)),
        ("a1", 2),
    ]
    assert whole.total == 6
    sliced = find_split_runs(store, scope(), 18, 4, slice_rows=4)
    assert sliced.total == 6
    assert [row["external_id"] for row in sliced.newest] == ["a2", "a5", "a8", "a1"]
    assert find_split_runs(store, scope("beta"), 18, 4, slice_rows=4).total == 0


def test_keys_that_share_their_lower_half_are_not_split_by_that(store: Store) -> None:
    """Their own keys, of some generator that draws too little, are found and told apart by name; deleted ones too."""
    keys = [f"019{at}a5c0-7b1e-7c3f-9a51-2f0c6f3f1a10" for at in range(3)]
    insert(store, *map(snapshot, keys))
    insert(store, snapshot("a"), snapshot("a", started_at="2026-11-20T08:00:00Z", deleted=True))
    assert _answer(store, RunQuestion.SPLIT_RUNS) == []


def test_rows_that_lie_in_the_store(store: Store) -> None:
    assert stored_rows(store, scope()) == {"stored_rows": 0, "deleted_runs": 0}
    store.command("SYSTEM STOP MERGES agent_runs")
    try:
        for _ in range(2):
            insert(store, snapshot("a"), snapshot("gone", deleted=True), snapshot("a", workspace_id="beta"))
        insert(store, snapshot("gone"))
        assert stored_rows(store, scope()) == {"stored_rows": 7, "deleted_runs": 1}
        assert stored_rows(store, scope("beta")) == {"stored_rows": 2, "deleted_runs": 0}
    finally:
        store.command("SYSTEM START MERGES agent_runs")


@pytest.mark.parametrize("question", CellQuestion)
def test_cells_answer_as_single_runs_do(fleet: Store, question: CellQuestion) -> None:
    """Rolled up in part, whole, and not read at all; a filter on users needs single runs."""
    asked = replace(scope(), start=NOW - timedelta(days=2), end=NOW)
    days = tuple(DAYS["day_starts_ms"]) if DAYS is PARAMETERS[question] else ()
    truth = ask_cells(fleet, question, asked, Limits(2**30, 1000, use_rollups=False), days)
    draw = random.Random(7)
    mark(fleet, [TODAY_MS + 9 * 3_600_000, TODAY_MS - 15 * 3_600_000], draw)
    for most in (1, 2):
        assert refresh(fleet, draw, most=most)
        assert _in_order(ask_cells(fleet, question, asked, Limits(2**30, 1000), days)) == _in_order(truth)
    somebodys = replace(asked, filters=RunFilters(user_id=("nobody",)))
    assert ask_cells(fleet, question, somebodys, Limits(2**30, 1000), days) == EMPTY[question]
    assert _in_order(GOLDEN[question]) == _in_order(truth)


def _in_order(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: str(sorted(row.items())))


def test_every_question_is_asked_here() -> None:
    assert set(PARAMETERS) == set(EMPTY) == set(QUESTIONS)
    assert set(GOLDEN) | ASKED_ELSEWHERE == set(QUESTIONS)


def test_parameters_that_are_missing_or_unknown_are_refused(store: Store) -> None:
    for question, parameters in PARAMETERS.items():
        for name in parameters:
            fewer = {key: value for key, value in parameters.items() if key != name}
            with pytest.raises(TypeError, match=name):
                ask(store, question, scope(), fewer)
        with pytest.raises(TypeError, match="surprise"):
            ask(store, question, scope(), {**parameters, "surprise": 1})
    assert placeholders("SELECT {a:UInt8}, {b:Array(String)} FROM x WHERE y = '{'") == {"a", "b"}


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_asker_sees_only_the_workspaces_it_may(store: Store, question: AnyQuestion) -> None:
    starts = ("2026-11-21T09:00:00Z", "2026-11-21T09:00:01Z")
    for name in [*filter(None, STRANGE), "mine"]:
        insert(store, *(snapshot("a", workspace_id=name, model="m", started_at=start) for start in starts))
        rate(store, name, "a")
    alone = ask(store, question, scope("mine"), PARAMETERS[question])
    nothing = ask(store, question, scope("nobody's"), PARAMETERS[question])
    for name in filter(None, STRANGE):
        seen = ask(store, question, scope(name), PARAMETERS[question])
        assert _without_identity(seen) == _without_identity(alone), name
        assert all(row.get("workspace_id", name) == name for row in seen)
        # A filter narrows what may be seen, and never widens it.
        assert ask(store, question, scope("mine", workspace_id=(name,)), PARAMETERS[question]) == nothing
        assert ask(store, question, scope("mine", workspace_id=(name, "mine")), PARAMETERS[question]) == alone
    assert nothing == EMPTY[question]
    if "workspace_id" in alone[0]:
        rows = ask(store, question, scope(), PARAMETERS[question])
        assert {row["workspace_id"] for row in rows} == {*filter(None, STRANGE), "mine"}


def _without_identity(rows: list[Row]) -> list[Row]:
    """Draws are in the order of ids' hashes."""
    ids = ("workspace_id", "run_id", "id", "version", "window_place")
    told = [{name: value for name, value in row.items() if name not in ids} for row in rows]
    return sorted(told, key=str) if rows and "window_place" in rows[0] else told


def test_no_workspace_is_none_at_all(fleet: Store) -> None:
    blind = RunScope(workspaces=frozenset(), stalled_before=NOW)
    for question in QUESTIONS:
        assert ask(fleet, question, blind, PARAMETERS[question]) == EMPTY[question]


def _ledger(store: Store, partition: int, first: int, last: int, seconds: int) -> None:
    store.command(
        "INSERT INTO ingest_ledger VALUES ('s', 't', {p:UInt32}, {f:UInt64}, {l:UInt64}, 1, 0, {at:DateTime64(6)})",
        {"p": partition, "f": first, "l": last, "at": NOW.replace(tzinfo=None) + timedelta(seconds=seconds)},
    )


def test_the_last_acknowledgement(store: Store) -> None:
    assert data_as_of(store) is None
    for seconds in (5, 90, 7):
        _ledger(store, 0, seconds, seconds, seconds)
    assert data_as_of(store) == NOW + timedelta(seconds=90)


def test_offsets_are_ingested_when_all_are_covered(store: Store) -> None:
    assert not all_ingested(store, "s", "t", {0: [0]})
    for partition, first, last in ((0, 0, 9), (0, 10, 10), (0, 12, 30), (3, 5, 5), (3, 5, 5)):
        _ledger(store, partition, first, last, 0)
    assert all_ingested(store, "s", "t", {0: [0, 9, 10, 12, 30], 3: [5]})
    assert not all_ingested(store, "s", "t", {0: [10, 11, 12]})
    assert not all_ingested(store, "s", "t", {0: [5], 3: [4]})
    assert not all_ingested(store, "s", "t", {0: [5], 4: [5]})
    assert not all_ingested(store, "other", "t", {0: [5]})
    assert not all_ingested(store, "s", "other", {0: [5]})

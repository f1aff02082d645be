"""Questions about users and sessions: told from their cells, and what merged runs say."""

import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from clickhouse.measures.half_rolled_up import FIRST, ONE_BY_ONE, ROLLED_UP, assert_told_alike, drawn_filters, fill
from clickhouse.rolling_up import mark, refresh
from clickhouse.runs import insert, scope, snapshot
from runtally.events import RunSnapshot
from runtally_clickhouse.catalogue import RunFilters, RunScope, unix_ms
from runtally_clickhouse.client import Reader, Store
from runtally_clickhouse.measures.asking import Answer, ask_question
from runtally_clickhouse.measures.composition import Limits, Relation, compose
from runtally_clickhouse.measures.definitions import MEASURES
from runtally_clickhouse.measures.dimensions import DIMENSIONS
from runtally_clickhouse.measures.question import Filter, Order, Question
from runtally_clickhouse.measures.time_steps import TimeSteps, make_steps

STATUSES = ("queued", "running", "succeeded", "failed", "cancelled")
PEOPLE = (
    *("runs", "active_users", "runs_per_user", "sessions", "runs_per_session", "sessions_per_user"),
    *("avg_session_lifespan_ms", "active_ms_per_session", "handoff_rate", "post_handoff_iteration_rate"),
    *("ratings", "active_agents", "success_rate", "running", "stalled", "root_runs", "avg_duration_ms", "total_tokens"),
    *("cost_usd", "cost_coverage", "cost_per_success_usd", "first_run_at", "last_run_at", "runs_per_minute"),
)
OF_HOURS = tuple(name for name in PEOPLE if name != "root_runs")
HELD_DIMENSIONS = {
    *("workspace_id", "agent_id", "environment", "status", "user_id", "session_id", "is_root", "hour", "weekday"),
}
NARROWED = (
    (),
    (Filter("user_id", "not_in", ("",)),),
    (Filter("session_id", "in", ("s1", "s2")), Filter("is_root", "in", (1,))),
    (Filter("status", "in", ("stalled", "succeeded")),),
    (Filter("agent_id", "contains", ("a",)), Filter("hour", "gte", (9,))),
)


def drawn_run(draw: random.Random, run_id: str, start: datetime) -> RunSnapshot:
    later = start + timedelta(seconds=draw.randrange(6 * 3600))
    return snapshot(
        run_id,
        started_at=start.isoformat(),
        workspace_id=draw.choice(("acme", "beta")),
        agent_id=draw.choice("abc"),
        model=draw.choice(("m", "n")),
        environment=draw.choice(("", "staging")),
        status=draw.choice(STATUSES),
        parent_run_id=draw.choice(("", "p")),
        user_id=draw.choice(("", "u1", "u2", "u3")),
        session_id=draw.choice(("", "s1", "s2", "s3")),
        finished_at=draw.choice((None, later.isoformat())),
        handed_off_at=draw.choice((None, None, None, later.isoformat())),
        cost_usd=draw.choice((None, f"0.{draw.randrange(10**9):09}")),
        duration_ms=draw.choice((None, 0, draw.randrange(10**7))),
        input_tokens=draw.choice((None, draw.randrange(10**6))),
    )


def told(reader: Reader, question: Question, filters: RunFilters, limits: Limits, stalled: datetime) -> Answer:
    return ask_question(reader, question, replace(scope(), filters=filters, stalled_before=stalled), limits)


def drawn_question(draw: random.Random, steps: TimeSteps) -> tuple[Question, RunScope]:
    dimensions = draw.choice(((), ("user_id",), ("workspace_id", "session_id"), ("agent_id", "status"), ("hour",)))
    people = draw.choice(("active_users", "sessions", "avg_session_lifespan_ms"))
    question = Question(
        ("runs", people, *draw.sample(sorted(set(PEOPLE) - {"runs", people}), 4)),
        steps,
        dimensions,
        draw.choice(NARROWED),
        (Order(people),) if dimensions and draw.random() < 0.7 else (),
        limit=draw.choice((2, 100)),
        compare=draw.choice((None, "previous_period")),
    )
    filters = drawn_filters(draw, RunFilters(environment=("staging",), root_only=True))
    stalled = FIRST + timedelta(minutes=draw.choice((0, 1500, 1507)))
    return question, replace(scope(), filters=filters, stalled_before=stalled)


@pytest.mark.parametrize("seed", range(2))
def test_of_cells_or_of_single_runs_the_answer_is_the_same(store: Store, seed: int) -> None:
    draw = random.Random(seed)
    fill(store, draw, drawn_run)
    assert_told_alike(store, draw, drawn_question, Relation.SESSION_CELLS)


def test_what_is_rolled_up_needs_no_single_run(store: Store) -> None:
    """Of runs handed off in a session there are none here, so that nobody looks for those that followed."""
    steps = make_steps(FIRST, FIRST + timedelta(days=1), ZoneInfo("UTC"), "none")
    starts = [FIRST + timedelta(minutes=15 * place) for place in range(96)]
    ids = enumerate(starts)
    insert(store, *(snapshot(f"r{n}", started_at=at.isoformat(), user_id="u", session_id="s") for n, at in ids))
    mark(store, map(unix_ms, starts), random.Random(6))
    refresh(store, random.Random(6))
    question = Question((*PEOPLE,), steps)
    truth = told(store, question, RunFilters(), ONE_BY_ONE, FIRST)
    store.command("TRUNCATE TABLE agent_runs")
    found = told(store, question, RunFilters(), ROLLED_UP, FIRST)
    assert found.totals == truth.totals
    assert (found.runs, found.buckets["quarter_hour"], found.buckets["hour"]) == (96, 96, 0), "root runs are asked for"
    by_hours = told(store, replace(question, measures=OF_HOURS), RunFilters(), ROLLED_UP, FIRST)
    assert by_hours.totals == {name: truth.totals[name] for name in OF_HOURS}
    assert (by_hours.buckets["quarter_hour"], by_hours.buckets["hour"]) == (0, 24)


def relation_of(question: Question, **filters: Any) -> Relation:
    return compose(question, replace(scope(), filters=RunFilters(**filters)), ROLLED_UP).relation


def test_which_questions_their_cells_answer() -> None:
    steps = make_steps(FIRST, FIRST + timedelta(days=3), ZoneInfo("UTC"), "none")
    question = Question(("runs", "active_users"), steps)
    assert relation_of(question, user_id=("u1",), environment=("e",)) is Relation.SESSION_CELLS
    assert relation_of(question, model=("m",)) is Relation.SINGLE_RUNS
    assert relation_of(Question(("runs",), steps)) is Relation.CELLS
    assert relation_of(Question(("runs",), steps), user_id=("u1",)) is Relation.SESSION_CELLS
    failed = replace(question, filters=(Filter("status", "in", ("failed",)),))
    assert relation_of(failed) is Relation.ERROR_RUNS, "fewer"
    short = make_steps(FIRST, FIRST + timedelta(minutes=20), ZoneInfo("UTC"), "none")
    assert relation_of(replace(question, steps=short)) is Relation.SINGLE_RUNS
    minutes = make_steps(FIRST, FIRST + timedelta(hours=1), ZoneInfo("UTC"), "minute")
    assert relation_of(replace(question, steps=minutes)) is Relation.SINGLE_RUNS


@pytest.mark.parametrize("name", sorted([*DIMENSIONS, "tag:team"]))
def test_each_dimension_is_read_from_what_has_it(store: Store, name: str) -> None:
    steps = make_steps(FIRST, FIRST + timedelta(days=1), ZoneInfo("UTC"), "none")
    groups = name not in DIMENSIONS or DIMENSIONS[name].groups
    one: int | str = "1" if not groups and DIMENSIONS[name].type == "decimal" else 1
    more = () if groups else (Filter(name, "gte", (one,)),)
    question = Question(("runs", "active_users"), steps, (name,) if groups else (), more)
    answer = told(store, question, RunFilters(), ROLLED_UP, FIRST)
    assert answer.relation is (Relation.SESSION_CELLS if name in HELD_DIMENSIONS else Relation.SINGLE_RUNS)
    assert answer.runs == 0


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_each_measure_is_read_from_what_has_it(store: Store, name: str) -> None:
    steps = make_steps(FIRST, FIRST + timedelta(days=1), ZoneInfo("UTC"), "none")
    answer = told(store, Question(("active_users", name), steps), RunFilters(), ROLLED_UP, FIRST)
    held = {*PEOPLE, "sub_runs", "cost_per_run_usd", "avg_rating", "success_rate_all", "failure_rate", "errors"}
    held |= {"queue_depth", "running_now", *(f"ratings_{rating}" for rating in range(1, 6))}
    held |= {*STATUSES, "timed_out", "unknown"}
    assert answer.relation is (Relation.SESSION_CELLS if name in held else Relation.SINGLE_RUNS)

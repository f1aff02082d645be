"""Questions about runs with errors alone: told from those that were rolled up, and what merged runs say."""

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from clickhouse.measures.half_rolled_up import FIRST, ONE_BY_ONE, ROLLED_UP, assert_told_alike, drawn_filters, fill
from clickhouse.rolling_up import refresh
from clickhouse.runs import scope, snapshot
from runtally.events import RunSnapshot
from runtally_clickhouse.catalogue import RunFilters, RunScope
from runtally_clickhouse.client import Reader, Row, Store
from runtally_clickhouse.measures.asking import Answer, ask_each_key_alone, ask_question
from runtally_clickhouse.measures.composition import Limits, Relation, compose
from runtally_clickhouse.measures.definitions import MEASURES, RATINGS
from runtally_clickhouse.measures.dimensions import DIMENSIONS
from runtally_clickhouse.measures.group_counts import GroupCounts
from runtally_clickhouse.measures.question import Filter, Order, Question
from runtally_clickhouse.measures.state_first import StateFirst
from runtally_clickhouse.measures.time_steps import TimeSteps, make_steps

STATUSES = ("queued", "running", "succeeded", "failed", "timed_out", "cancelled", "unknown")
WITH_ERRORS = Filter("has_error", "in", (1,))
USERS = ("runs", "active_users")
ONLY_ERRORS = (
    WITH_ERRORS,
    Filter("status", "in", ("failed",)),
    Filter("status", "in", ("timed_out", "failed")),
    Filter("error_type", "in", ("Timeout", "Refused")),
    Filter("error_type", "contains", ("e",)),
)
OTHERS_TOO = (
    Filter("has_error", "in", (0, 1)),
    Filter("has_error", "not_in", (0,)),
    Filter("status", "in", ("failed", "succeeded")),
    Filter("status", "not_in", ("succeeded",)),
    Filter("error_type", "in", ("Timeout", "")),
    Filter("error_type", "contains", ("e", "")),
    Filter("error_severity", "in", ("high",)),
)
# Not kept of runs with errors: ids of single runs, tags, where a cost comes from, and what other runs know.
NOT_KEPT_DIMENSIONS = {"trace_id", "run_id", "cost_source", "price_version"}
NOT_KEPT_MEASURES = {"ratings", "avg_rating", *(f"ratings_{n}" for n in RATINGS), "post_handoff_iteration_rate"}


class Counting:
    """A reader that counts what it is asked."""

    def __init__(self, store: Store) -> None:
        self._store, self.asked = store, 0

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        self.asked += 1
        return self._store.query(sql, parameters)


def drawn_run(draw: random.Random, run_id: str, start: datetime) -> RunSnapshot:
    return snapshot(
        run_id,
        started_at=start.isoformat(),
        workspace_id=draw.choice(("acme", "beta")),
        agent_id=draw.choice("abc"),
        model=draw.choice(("m", "n")),
        status=draw.choice(STATUSES),
        parent_run_id=draw.choice(("", "p")),
        user_id=draw.choice(("", "u1", "u2", "u3")),
        session_id=draw.choice(("", "s1", "s2")),
        error_type=draw.choice(("", "", "Timeout", "Refused")),
        error_category=draw.choice(("", "network", "model")),
        error_severity=draw.choice(("", "low", "high")),
        recovered=draw.choice((None, True, False)),
        recovery_ms=draw.choice((None, 0, draw.randrange(10**4))),
        cost_usd=draw.choice((None, f"0.{draw.randrange(10**9):09}")),
        duration_ms=draw.choice((None, draw.randrange(10**6))),
        input_tokens=draw.choice((None, draw.randrange(10**6))),
        cache_read_tokens=draw.choice((None, 0)),
        retries=draw.choice((None, 0, 3)),
    )


def told(reader: Reader, question: Question, filters: RunFilters, limits: Limits) -> Answer:
    return ask_question(reader, question, replace(scope(), filters=filters), limits)


def drawn_question(draw: random.Random, steps: TimeSteps) -> tuple[Question, RunScope]:
    dimensions = draw.choice(((), ("error_category",), ("user_id",), ("error_severity", "agent_id"), ("trigger",)))
    order = (Order("active_users"),) if dimensions and draw.random() < 0.7 else ()
    question = Question(
        ("runs", "active_users", *draw.sample(sorted(set(MEASURES) - NOT_KEPT_MEASURES - set(USERS)), 4)),
        steps,
        dimensions,
        (draw.choice(ONLY_ERRORS), *draw.choice(((), (Filter("retries", "gte", (1,)),), (OTHERS_TOO[-1],)))),
        order,
        limit=draw.choice((2, 100)),
        compare=draw.choice((None, "previous_period")),
    )
    return question, replace(scope(), filters=drawn_filters(draw, RunFilters(model=("m",), root_only=True)))


@pytest.mark.parametrize("seed", range(2))
def test_rolled_up_or_one_by_one_the_answer_is_the_same(store: Store, seed: int) -> None:
    draw = random.Random(seed)
    fill(store, draw, drawn_run)
    assert_told_alike(store, draw, drawn_question, Relation.ERROR_RUNS)


@pytest.mark.parametrize(("limit", "statements"), [(100, 2), (3, 2), (2, None)])
def test_by_each_key_alone_the_answers_are_those_of_questions_of_their_own(
    store: Store, limit: int, statements: int | None
) -> None:
    """Categories, severities and types are three each: with fewer to tell apart each question chooses by itself."""
    fill(store, random.Random(3), drawn_run)
    steps = make_steps(FIRST, FIRST + timedelta(hours=71, minutes=31), ZoneInfo("UTC"), "none")
    question = Question(
        (*USERS, "active_agents", "recovery_rate", "mean_time_to_recovery_ms", "first_run_at"),
        steps,
        ("error_type", "error_category", "error_severity"),
        (WITH_ERRORS,),
        (Order("active_users"),),
        limit=limit,
    )
    for filters in (
        RunFilters(),
        RunFilters(workspace_id=("acme",), user_id=("u1",)),
        RunFilters(agent_id=("nobody",)),
    ):
        counting = Counting(store)
        reader = StateFirst(counting, 60.0)
        found = ask_each_key_alone(
            reader, question, replace(scope(), filters=filters), replace(ROLLED_UP, group_counts=GroupCounts())
        )
        if statements is not None:
            assert counting.asked == statements, "which buckets are clean, and their runs"
        for answer, name in zip(found, question.dimensions, strict=True):
            truth = told(store, replace(question, dimensions=(name,)), filters, ONE_BY_ONE)
            assert answer.relation is Relation.ERROR_RUNS
            assert answer.question == truth.question
            assert (answer.rows, answer.totals, answer.runs, answer.began, answer.truncated, answer.known) == (
                truth.rows,
                truth.totals,
                truth.runs,
                truth.began,
                truth.truncated,
                truth.known,
            ), (name, filters)


def test_what_is_rolled_up_needs_no_other_run(store: Store) -> None:
    fill(store, random.Random(5), drawn_run)
    refresh(store, random.Random(6))
    question = Question(USERS, make_steps(FIRST, FIRST + timedelta(days=3), ZoneInfo("UTC"), "none"))
    question = replace(question, filters=(WITH_ERRORS,))
    truth = told(store, question, RunFilters(), ONE_BY_ONE)
    store.command("DELETE FROM agent_runs WHERE error_type = '' AND status NOT IN ('failed', 'timed_out')")
    found = told(store, question, RunFilters(), ROLLED_UP)
    assert found.totals == truth.totals
    assert found.runs > 50
    assert found.buckets["quarter_hour"] > 50, "those without runs bear no mark, and are read one by one"


def relation_of(question: Question, **filters: Any) -> Relation:
    return compose(question, replace(scope(), filters=RunFilters(**filters)), ROLLED_UP).relation


def test_which_questions_are_about_runs_with_errors_alone() -> None:
    steps = make_steps(FIRST, FIRST + timedelta(days=3), ZoneInfo("UTC"), "none")
    question = Question(USERS, steps)
    for only in ONLY_ERRORS:
        assert relation_of(replace(question, filters=(OTHERS_TOO[-1], only))) is Relation.ERROR_RUNS, only
    for other in OTHERS_TOO:
        assert relation_of(replace(question, filters=(other,))) is not Relation.ERROR_RUNS, other
    assert relation_of(question, status=("failed",)) is Relation.ERROR_RUNS
    assert relation_of(question, status=("failed", "stalled")) is Relation.SESSION_CELLS
    assert relation_of(Question(("runs",), steps, filters=(WITH_ERRORS,))) is Relation.CELLS
    short = make_steps(FIRST, FIRST + timedelta(minutes=20), ZoneInfo("UTC"), "none")
    assert relation_of(replace(question, steps=short, filters=(WITH_ERRORS,))) is Relation.SINGLE_RUNS


@pytest.mark.parametrize("name", sorted([*DIMENSIONS, "tag:team"]))
def test_what_is_not_kept_of_them_is_read_of_all_runs(store: Store, name: str) -> None:
    """Each dimension, as a group or a filter: the statement is one that the store understands, from what has it."""
    steps = make_steps(FIRST, FIRST + timedelta(days=1), ZoneInfo("UTC"), "none")
    groups = name not in DIMENSIONS or DIMENSIONS[name].groups
    one: int | str = "1" if not groups and DIMENSIONS[name].type == "decimal" else 1
    more = () if groups else (Filter(name, "gte", (one,)),)
    question = Question(USERS, steps, (name,) if groups else (), (WITH_ERRORS, *more))
    kept = name not in NOT_KEPT_DIMENSIONS and not name.startswith("tag:")
    answer = told(store, question, RunFilters(), ROLLED_UP)
    assert answer.relation is (Relation.ERROR_RUNS if kept else Relation.SINGLE_RUNS)
    assert answer.runs == 0


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_each_measure_is_read_from_what_has_it(store: Store, name: str) -> None:
    steps = make_steps(FIRST, FIRST + timedelta(days=1), ZoneInfo("UTC"), "none")
    answer = told(store, Question(("active_users", name), steps, filters=(WITH_ERRORS,)), RunFilters(), ROLLED_UP)
    assert answer.relation is (Relation.SINGLE_RUNS if name in NOT_KEPT_MEASURES else Relation.ERROR_RUNS)

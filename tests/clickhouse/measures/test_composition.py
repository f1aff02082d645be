"""Each measure and each dimension alone, so that none lives from the columns of another; and what each reads."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from clickhouse.runs import NOW, insert, scope, snapshot
from runtally_clickhouse.catalogue import placeholders
from runtally_clickhouse.client import Store
from runtally_clickhouse.measures.asking import TooManyRows, ask_question
from runtally_clickhouse.measures.composition import Limits, Relation, compose
from runtally_clickhouse.measures.definitions import MEASURES
from runtally_clickhouse.measures.dimensions import DIMENSIONS
from runtally_clickhouse.measures.question import After, Filter, Question
from runtally_clickhouse.measures.time_steps import earlier, make_steps

LIMITS = Limits(2**31, 1000)
BERLIN = ZoneInfo("Europe/Berlin")
WHOLE = make_steps(NOW - timedelta(days=30), NOW, BERLIN, "none")
DAYS = make_steps(NOW - timedelta(days=30), NOW, BERLIN, "day")
VALUES: dict[str, str | int] = {"string": "x", "integer": 1, "boolean": 1, "decimal": "0.5"}


@pytest.fixture
def one_run(store: Store) -> Store:
    insert(store, snapshot("a", session_id="s1", user_id="u1", handed_off_at="2026-11-21T09:01:00Z"))
    return store


def test_each_measure_alone(one_run: Store) -> None:
    together = ask_question(one_run, Question(tuple(MEASURES), WHOLE), scope(), LIMITS).totals
    assert together["runs"] == 1
    for name in MEASURES:
        assert ask_question(one_run, Question((name,), WHOLE), scope(), LIMITS).totals == {name: together[name]}, name


def test_each_dimension_alone(one_run: Store) -> None:
    for name, dimension in DIMENSIONS.items():
        keep = Filter(name, "not_in", (VALUES[dimension.type] if name != "is_root" else 0,))
        question = Question(("runs",), WHOLE, (name,) if dimension.groups else (), (keep,))
        assert [row.values for row in ask_question(one_run, question, scope(), LIMITS).rows] == [{"runs": 1}], name


CELLS, SINGLE_RUNS = Relation.CELLS, Relation.SINGLE_RUNS
READ = [
    (Question(("runs", "p99_duration_ms"), DAYS, ("agent_id", "hour")), CELLS),
    (Question(("runs",), WHOLE, filters=(Filter("error_type", "in", ("x",)),)), CELLS),
    (Question(("runs", "active_users"), WHOLE), Relation.SESSION_CELLS),
    (Question(("p95_duration_ms", "active_users"), WHOLE), SINGLE_RUNS),
    (Question(("runs",), WHOLE, ("tag:team",)), SINGLE_RUNS),
    (Question(("runs",), WHOLE, filters=(Filter("duration_ms", "gte", (5,)),)), SINGLE_RUNS),
    (Question(("runs",), make_steps(NOW - timedelta(hours=1), NOW, BERLIN, "minute")), SINGLE_RUNS),
    (Question(("runs",), make_steps(DAYS.start, NOW, ZoneInfo("Antarctica/Casey"), "none"), ("hour",)), SINGLE_RUNS),
]


@pytest.mark.parametrize(("question", "relation"), READ)
def test_cells_are_read_where_they_hold_all_that_is_asked(question: Question, relation: Relation) -> None:
    for compared in (None, earlier(question.steps, "previous_week")):
        composed = compose(question, scope(), LIMITS, compared)
        assert composed.relation is relation
        assert placeholders(composed.sql) <= set(composed.parameters)


def test_an_answer_has_no_more_rows_than_one_may(one_run: Store) -> None:
    hours = make_steps(NOW - timedelta(days=2), NOW, BERLIN, "hour")
    with pytest.raises(TooManyRows, match="1 groups in 49 steps"):
        ask_question(one_run, Question(("runs",), hours, ("model",)), scope(), Limits(2**31, 48))
    assert len(ask_question(one_run, Question(("runs",), hours, ("model",)), scope(), Limits(2**31, 49)).rows) == 49


def test_an_asker_sees_only_the_workspaces_it_may(one_run: Store) -> None:
    question = Question(("runs", "ratings", "post_handoff_iteration_rate"), DAYS, ("workspace_id",))
    assert ask_question(one_run, question, scope("other"), LIMITS).rows == []
    assert {row.group.key for row in ask_question(one_run, question, scope("acme"), LIMITS).rows} == {("acme",)}


def test_the_groups_after_one_come_next_and_all_others_are_the_rest(store: Store) -> None:
    insert(store, *(snapshot(f"r{n}", model=name) for n, name in enumerate(["a", "a", "b", "b", "c", "d", ""])))
    question = Question(("runs",), WHOLE, ("model",), limit=2, after=After(2, ("a",)))
    answer = ask_question(store, question, scope(), LIMITS)
    assert [(row.group.key, row.values["runs"]) for row in answer.rows] == [(("b",), 2), (("",), 1), (None, 4)]
    last = replace(question, after=After(1, ("d",)))
    assert [row.group.key for row in ask_question(store, last, scope(), LIMITS).rows] == [None]

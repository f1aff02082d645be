"""Groups chosen out of all of them are those that the store would choose, in the same order, and so is the rest."""

import random
from datetime import timedelta
from itertools import product

import pytest
from clickhouse.measures.test_group_counts import PLAIN, STEPS, Listening
from clickhouse.runs import NOW, insert, scope, snapshot
from runtally_clickhouse.client import Store
from runtally_clickhouse.measures.asking import ask_question
from runtally_clickhouse.measures.choosing import can_choose_here
from runtally_clickhouse.measures.composition import Limits
from runtally_clickhouse.measures.group_counts import GroupCounts
from runtally_clickhouse.measures.question import Filter, Order, Question
from runtally_clickhouse.measures.state_first import StateFirst

MEASURES = ("cost_usd", "runs", "success_rate", "total_tokens", "first_run_at", "avg_duration_ms")
ORDERS: list[tuple[Order, ...]] = [
    (),
    (Order("runs"),),
    (Order("cost_usd"),),
    (Order("cost_usd", descending=False), Order("model")),
    (Order("model"),),
    (Order("total_tokens", descending=False), Order("runs")),
    (Order("is_root"), Order("cost_usd")),
]


@pytest.fixture
def varied(store: Store) -> Store:
    """Many ties, unknown costs and tokens, names whose order depends on bytes, and runs of the week before."""
    draw = random.Random(7)
    names = ["", "a", "B", "ä", "z", "Z", "🤖", "aa", "10", "9"]
    insert(
        store,
        *(
            snapshot(
                f"r{place}",
                model=draw.choice(names),
                cost_usd=draw.choice((None, "0.1", "0.000000001", "12")),
                input_tokens=draw.choice((None, 1, 5)),
                duration_ms=draw.choice((None, 10, 2000)),
                parent_run_id=draw.choice(("", "p")),
                status=draw.choice(("failed", "succeeded", "running")),
                started_at=(NOW - timedelta(hours=draw.choice((1, 30, 200)))).isoformat(),
            )
            for place in range(120)
        ),
    )
    return store


def test_the_answer_is_that_of_the_stores_choice(varied: Store) -> None:
    counts = GroupCounts()
    for order, limit, other in product(ORDERS, (1, 3, 8, 9, 30), (True, False)):
        question = Question(MEASURES, STEPS["none"], ("model", "is_root"), order=order, limit=limit, other=other)
        assert can_choose_here(question)
        told = Listening(varied)
        here = ask_question(StateFirst(told, 30), question, scope(), Limits(2**30, 10_000, group_counts=counts))
        assert here == ask_question(StateFirst(varied, 30), question, scope(), PLAIN)
        assert told.chose == [False]


def test_the_range_before_is_asked_for_the_same_groups(varied: Store) -> None:
    question = Question(
        ("runs", "cost_usd"),
        STEPS["none"],
        ("model",),
        (Filter("is_root", "in", (1,)),),
        order=(Order("cost_usd"),),
        limit=3,
        compare="previous_week",
    )
    here = ask_question(varied, question, scope(), Limits(2**30, 10_000, group_counts=GroupCounts()))
    assert here == ask_question(varied, question, scope(), PLAIN)
    assert any(row.then and row.then["runs"] for row in here.rows)


@pytest.mark.parametrize(
    "question",
    [
        Question(("active_users",), STEPS["none"], ("model",)),
        Question(("p95_duration_ms",), STEPS["none"], ("model",)),
        Question(("runs", "avg_duration_ms"), STEPS["none"], ("model",), order=(Order("avg_duration_ms"),)),
        Question(("runs",), STEPS["day"], ("model",)),
    ],
    ids=["distinct users", "percentiles", "a quotient's order", "steps of time"],
)
def test_what_would_not_be_certain_is_the_stores(question: Question) -> None:
    assert not can_choose_here(question)

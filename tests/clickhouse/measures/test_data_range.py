"""The first and the last run, looked for from both ends: as if all had been read."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from clickhouse.rolling_up import mark, refresh
from clickhouse.runs import NOW, insert, scope, snapshot
from runtally_clickhouse.catalogue import RunScope, unix_ms
from runtally_clickhouse.client import Store
from runtally_clickhouse.measures.asking import ask_question
from runtally_clickhouse.measures.composition import Limits
from runtally_clickhouse.measures.data_range import Range, ask_data_range, ask_outside, join_ends
from runtally_clickhouse.measures.question import Filter, Question
from runtally_clickhouse.measures.state_first import StateFirst
from runtally_clickhouse.measures.time_steps import make_steps

ZONE = ZoneInfo("UTC")
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Limits(2**31, 10)
STEPS = make_steps(NOW, NOW + timedelta(days=1), ZONE, "none")
FILTERS: list[tuple[Filter, ...]] = [
    (),
    (Filter("agent_id", "in", ("rare",)),),
    (Filter("agent_id", "in", ("nobody",)),),
    (Filter("user_id", "in", ("u1",)),),
    (Filter("status", "in", ("stalled",)),),
]


@pytest.mark.parametrize("seed", range(4))
def test_what_is_found_from_the_ends_is_what_there_is(store: Store, seed: int) -> None:
    draw = random.Random(seed)
    runs = [
        snapshot(
            f"r{number}",
            workspace_id=draw.choice(["acme", "other"]),
            agent_id=draw.choice(["planner", "planner", "rare"]),
            user_id=draw.choice(["", "", "u1"]),
            status=draw.choice(["succeeded", "running"]),
            deleted=draw.random() < 0.2,
            started_at=(FIRST + timedelta(days=draw.random() ** 2 * 300)).isoformat(),
        )
        for number in range(draw.choice([1, 5, 30]))
    ]
    insert(store, *runs)
    for share in (0.0, 0.5):
        if share:
            mark(store, (unix_ms(one.start) for one in runs), draw)
            refresh(store, draw, share=share)
        for filters in FILTERS:
            asked = draw.choice([scope(), scope("acme")])
            truth = read_all(store, filters, asked)
            start = FIRST + timedelta(days=draw.randrange(-40, 340))
            steps = draw.choice([STEPS, make_steps(start, start + timedelta(days=draw.choice([1, 60])), ZONE, "none")])
            question = Question(("runs",), steps, filters=filters)
            reader = StateFirst(store, 60.0)
            assert ask_data_range(reader, question, asked) == truth, (share, filters)
            began = ask_question(reader, question, asked, LIMITS).began
            outside = ask_outside(reader, question, asked)
            assert join_ends(reader, question, asked, outside, began) == truth, (share, filters, steps)


def read_all(store: Store, filters: tuple[Filter, ...], asked: RunScope) -> Range | None:
    """Out of every run, one by one."""
    ever = make_steps(FIRST - timedelta(days=1), FIRST + timedelta(days=400), ZONE, "none")
    question = Question(("first_run_at", "last_run_at"), ever, filters=filters)
    totals = ask_question(store, question, asked, replace(LIMITS, use_rollups=False)).totals
    first, last = totals["first_run_at"], totals["last_run_at"]
    return (first, last) if isinstance(first, datetime) and isinstance(last, datetime) else None


def test_an_empty_store_has_none(store: Store) -> None:
    question = Question(("runs",), STEPS)
    assert ask_data_range(store, question, scope()) is None
    assert join_ends(store, question, scope(), ask_outside(store, question, scope()), None) is None

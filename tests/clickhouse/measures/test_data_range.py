"""The first and the last run, looked for from both ends: as if all had been read."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from clickhouse.rolling_up import mark, refresh
from clickhouse.runs import NOW, insert, scope, snapshot
from runtally_clickhouse.catalogue import unix_ms
from runtally_clickhouse.client import Store
from runtally_clickhouse.measures.data_range import ask_data_range
from runtally_clickhouse.measures.question import Filter, Question
from runtally_clickhouse.measures.time_steps import make_steps

STEPS = make_steps(NOW, NOW + timedelta(days=1), ZoneInfo("UTC"), "none")
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
            started_at=(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=draw.random() ** 2 * 300)).isoformat(),
        )
        for number in range(draw.choice([1, 5, 30]))
    ]
    insert(store, *runs)
    for share in (0.0, 0.5, 1.0):
        if share:
            mark(store, (unix_ms(one.start) for one in runs), draw)
            refresh(store, draw, share=share)
        for filters in FILTERS:
            question = Question(("runs",), STEPS, filters=filters)
            for asked in (scope(), scope("acme")):
                read = ask_data_range(store, question, asked)
                assert ask_data_range(store, question, asked, rows_to_look=0) == read, (share, filters)


def test_an_empty_store_has_none(store: Store) -> None:
    question = Question(("runs",), STEPS)
    assert ask_data_range(store, question, scope()) is None
    assert ask_data_range(store, question, scope(), rows_to_look=0) is None

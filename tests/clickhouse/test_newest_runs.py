"""The newest runs window by window: as if all had been read, at the same place of every page."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from clickhouse.runs import insert, scope, snapshot
from runtally_clickhouse.catalogue import RunQuestion, RunScope, ask
from runtally_clickhouse.client import Row, Store
from runtally_clickhouse.run_lists import LastRun, ListFilters, list_parameters, newest_runs

LAST = datetime(2026, 11, 21, 9, tzinfo=UTC)
SCOPES = [scope(), scope("acme"), scope(agent_id=("rare",)), scope(status=("stalled",)), scope(user_id=("nobody",))]


def all_read(store: Store, asked: RunScope, limit: int, filters: ListFilters = ListFilters()) -> list[Row]:  # noqa: B008
    """In one statement."""
    return ask(store, RunQuestion.RUNS_NEWEST_FIRST, asked, list_parameters(filters, limit))


@pytest.mark.parametrize("seed", range(2))
def test_windows_give_what_one_statement_gives(store: Store, seed: int) -> None:
    draw = random.Random(seed)
    insert(
        store,
        *(
            snapshot(
                f"r{number}",
                workspace_id=draw.choice(["acme", "other"]),
                agent_id=draw.choice(["planner", "planner", "rare"]),
                status=draw.choice(["succeeded", "running"]),
                session_id=draw.choice(["s1", "s2"]),
                deleted=draw.random() < 0.2,
                started_at=(LAST - timedelta(hours=draw.random() ** 3 * 2000)).isoformat(),
            )
            for number in range(60)
        ),
    )
    for asked in SCOPES:
        for filters in (ListFilters(), ListFilters(session_id=("s1",))):
            for limit in (1, 7, 100):
                assert newest_runs(store, asked, filters, limit) == all_read(store, asked, limit, filters)
    (second,) = all_read(store, scope(), 2)[1:]
    started_ms = round(second["started_at"].replace(tzinfo=UTC).timestamp() * 1000)
    place = LastRun(started_ms, second["run_id"], second["workspace_id"])
    assert newest_runs(store, scope(), ListFilters(), 5, place) == all_read(store, scope(), 7)[2:]


def test_an_empty_store_has_none(store: Store) -> None:
    assert newest_runs(store, scope(), ListFilters(), 5) == []

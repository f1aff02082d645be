"""Draws out of a store: no run twice, none of another tenant, the same each time, spread as the runs are."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse.runs import insert, scope, snapshot
from runtally_clickhouse.catalogue import RunQuestion, RunScope, ask
from runtally_clickhouse.client import Row, Store
from runtally_clickhouse.draw_places import MOST_PLACES
from runtally_clickhouse.measures.composition import Limits
from runtally_clickhouse.run_draws import Draw, draw_runs
from runtally_clickhouse.run_lists import ListFilters, list_parameters

LAST = datetime(2026, 11, 21, 9, tzinfo=UTC)
LIMITS = Limits(2**30, 10_000)
EVERYTHING = ListFilters()


def drawn(
    store: Store, asked: RunScope, sample: int, filters: ListFilters = EVERYTHING, limits: Limits = LIMITS
) -> Draw:
    return draw_runs(store, asked, filters, sample, limits)


def listed(store: Store, asked: RunScope, filters: ListFilters = EVERYTHING) -> list[Row]:
    """All of the list in one statement."""
    return ask(store, RunQuestion.RUNS_NEWEST_FIRST, asked, list_parameters(filters, 100_000))


def told(rows: list[Row]) -> list[tuple[object, ...]]:
    return [(row["workspace_id"], row["run_id"], row["status"], row["started_at"]) for row in rows]


def fill(store: Store, runs: int, seed: int, **fields: Any) -> None:
    """Most runs in the last days and in bursts, some in two versions, some deleted."""
    draw = random.Random(seed)
    snapshots = [
        snapshot(
            f"r{number}",
            workspace_id=draw.choice(["acme", "acme", "other", "third"]),
            agent_id=draw.choice(["planner", "planner", "rare"]),
            session_id=draw.choice(["s1", "s2"]),
            started_at=(LAST - timedelta(hours=draw.choice((0, draw.random() ** 3 * 700)))).isoformat(),
            **{"status": draw.choice(["running", "succeeded"]), "deleted": draw.random() < 0.1, **fields},
        )
        for number in range(runs)
    ]
    insert(store, *snapshots)
    late = [item for item in snapshots if item.status == "running" and not item.deleted][: runs // 10]
    insert(store, *(item.model_copy(update={"status": "failed", "updated_at": LAST}) for item in late))


@pytest.mark.parametrize("seed", range(2))
def test_a_draw_is_of_the_list(store: Store, seed: int) -> None:
    fill(store, 1500, seed)
    filters = (EVERYTHING, ListFilters(session_id=("s1",)))
    for asked in (scope(), scope("acme", "third"), scope(agent_id=("rare",)), scope(status=("failed",))):
        for narrowed in filters:
            everything = told(listed(store, asked, narrowed))
            for sample in (1, 7, 200, 5000):
                found = drawn(store, asked, sample, narrowed)
                assert found.drawn_from == len(everything)
                assert len(found.rows) == min(sample, len(everything))
                assert set(told(found.rows)) <= set(everything), "as they stand"
                assert len(set(told(found.rows))) == len(found.rows), "once each"
                starts = [row["started_at"] for row in found.rows]
                assert starts == sorted(starts, reverse=True), "newest first"
                assert told(drawn(store, asked, sample, narrowed).rows) == told(found.rows)


def test_a_draw_stays_within_its_range(store: Store) -> None:
    fill(store, 800, 3)
    week = replace(scope("acme"), start=LAST - timedelta(days=7), end=LAST - timedelta(days=1, minutes=7))
    for sample in (50, 5000):
        found = drawn(store, week, sample)
        assert found.drawn_from == len(listed(store, week))
        assert all(week.start <= row["started_at"].replace(tzinfo=UTC) < week.end for row in found.rows)
    assert drawn(store, replace(week, start=LAST + timedelta(days=1), end=LAST + timedelta(days=2)), 5) == Draw([], 0)


def test_every_day_has_its_share(store: Store) -> None:
    """Two thirds of the runs in every third day: so are two thirds of the draw."""
    draw = random.Random(1)
    for day in range(30):
        insert(
            store,
            *(
                snapshot(
                    f"d{day}-{number}",
                    workspace_id=draw.choice(["acme", "other"]),
                    started_at=(LAST - timedelta(days=day, hours=draw.random() * 8)).isoformat(),
                )
                for number in range(400 if day % 3 == 0 else 100)
            ),
        )
    found = drawn(store, scope(), 600)
    assert (len(found.rows), found.drawn_from) == (600, 6000)
    days = Counter((LAST.replace(tzinfo=None) - row["started_at"]).days for row in found.rows)
    assert set(days) <= set(range(30))
    assert sum(runs for day, runs in days.items() if day % 3 == 0) == pytest.approx(400, abs=600 / MOST_PLACES * 6)
    workspaces = Counter(row["workspace_id"] for row in found.rows)
    assert workspaces["acme"] == pytest.approx(300, abs=120)


def test_runs_in_one_instant_are_drawn_all_the_same(store: Store) -> None:
    """Wherever a place falls in a step, the runs of the step are found."""
    insert(store, *(snapshot(f"r{number}", started_at="2026-11-03T17:04:05.678Z") for number in range(3000)))
    found = drawn(store, scope(), 1000)
    assert (len({row["run_id"] for row in found.rows}), found.drawn_from) == (1000, 3000)


def test_more_steps_than_an_answer_may_have_are_counted_coarser(store: Store) -> None:
    fill(store, 300, 5)
    found = drawn(store, scope(), 100, limits=Limits(2**30, 12))
    assert (len(found.rows), found.drawn_from) == (100, len(listed(store, scope())))


def test_an_empty_store_has_none(store: Store) -> None:
    assert drawn(store, scope(), 5) == Draw([], 0)

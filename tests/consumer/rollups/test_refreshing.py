"""The refresher over a real store: a year of backfill in slices, failures, two at once, and what it never does."""

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pytest
from backends.clickhouse_backend import ClickHouseBackend
from clickhouse.rollup_reading import clean_buckets, raw_sums_by_bucket, sums_by_bucket
from clickhouse.runs import insert, snapshot
from clickhouse.stores import ENGINES, Engine, empty, migrated_store
from runtally_clickhouse.client import Row, Store
from runtally_clickhouse.errors import StoreUnavailable
from runtally_clickhouse.recomputing import RecomputeLimits
from runtally_clickhouse.rollup_levels import LEVELS
from runtally_clickhouse.rollups import dirty_buckets, mark_buckets, rollup_status
from runtally_consumer.metrics import ConsumerMetrics
from runtally_consumer.rollups.planning import PlannerLimits
from runtally_consumer.rollups.refreshing import DROP_EVERY_SECONDS, FAILURE_REST_SECONDS, Refresher, level_plans

NINE = 1_795_251_600
DAY_S = 86_400
FROM_S, TO_S = NINE - 400 * DAY_S, NINE + DAY_S
LIMITS = RecomputeLimits(max_memory_bytes=2**30, spill_bytes=2**29, max_threads=2)


class Time:
    """A monotonic clock that goes as it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Watched:
    """A store that notes what is written how, and may apply a command without telling, or refuse it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.commands: list[str] = []
        self.inserted: list[str] = []
        self.breaks: Callable[[str], str] = lambda sql: ""

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        return self._store.query(sql, parameters)

    def insert(self, table: str, rows: pa.Table) -> None:
        self.inserted.append(table)
        self._store.insert(table, rows)

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        self.commands.append(sql)
        how = self.breaks(sql)
        if how != "refused":
            self._store.command(sql, parameters)
        if how:
            raise StoreUnavailable(f"the answer was {how}")


@pytest.fixture(scope="module", params=ENGINES)
def shared_store(
    request: pytest.FixtureRequest, clickhouse: ClickHouseBackend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    engine: Engine = request.param
    with migrated_store(engine, clickhouse, tmp_path_factory.getbasetemp()) as store:
        yield store


@pytest.fixture
def store(shared_store: Store) -> Store:
    return empty(shared_store)


def refresher(store: Any, time: Time, seed: int = 1, **limits: Any) -> Refresher:
    return Refresher(
        store,
        level_plans(PlannerLimits(**limits), keep_seconds=30.0),
        LIMITS,
        ConsumerMetrics(),
        time,
        random.Random(seed).getrandbits,
    )


def year_of_runs(store: Store) -> None:
    """A run every 13 hours; nobody has marked any."""
    starts = [NINE - 13 * 3600 * n for n in range(670)]
    stamps = store.unmerged(
        "SELECT arrayMap(s -> toString(toDateTime(s, 'UTC')), {s:Array(UInt32)}) AS t", {"s": starts}
    )
    texts = stamps[0]["t"]
    insert(
        store,
        *(
            snapshot(f"run-{n}", started_at=text.replace(" ", "T") + "Z", cost_usd=f"0.{n + 1}", agent_id=f"a-{n % 3}")
            for n, text in enumerate(texts)
        ),
    )


def test_a_year_is_worked_off_in_slices_newest_first_and_every_answer_is_right(store: Store) -> None:
    year_of_runs(store)
    truth = raw_sums_by_bucket(store, FROM_S, TO_S)
    time, watched = Time(), Watched(store)
    keeper = refresher(watched, time, target_seconds=1000)
    slices: list[set[int]] = []
    clean: set[int] = set()
    for _ in range(80):
        time.now += keeper.step() + 1
        assert sums_by_bucket(store, FROM_S, TO_S) == truth
        now_clean = clean_buckets(store)
        assert now_clean >= clean
        slices += [now_clean - clean] if now_clean - clean else []
        clean = now_clean
        if clean == set(truth):
            break

    assert clean == set(truth)
    assert len(slices) >= 13, "no slice is longer than a month"
    assert max(map(max, slices[1:])) < max(slices[0])
    assert not watched.inserted, "insert() may send twice what it was told once"


@pytest.mark.parametrize("how", ["lost", "refused"])
@pytest.mark.parametrize("which", ["INSERT INTO run_rollup", "INSERT INTO {published:Identifier}", "ALTER TABLE"])
def test_a_step_that_fails_is_made_again_under_another_generation(store: Store, which: str, how: str) -> None:
    insert(store, snapshot("a"), snapshot("b", cost_usd="3"))
    time, watched = Time(), Watched(store)
    keeper = refresher(watched, time, hot_seconds=1)
    broken: list[str] = []

    def breaks(sql: str) -> str:
        if which in sql and len(broken) < 2:
            broken.append(sql)
            return how
        return ""

    watched.breaks = breaks
    truth = raw_sums_by_bucket(store, FROM_S, TO_S)
    rests = []
    for _ in range(12):
        rests.append(keeper.step())
        assert sums_by_bucket(store, FROM_S, TO_S) == truth
        if clean_buckets(store):
            mark_buckets(store)  # so that there is something to do, and something to drop
        time.now += DROP_EVERY_SECONDS + 1
    assert len(broken) == 2
    assert any(rest >= FAILURE_REST_SECONDS for rest in rests)
    generations = store.unmerged("SELECT bucket, generation, agent_id, count() AS n FROM run_rollup GROUP BY ALL")
    assert all(row["n"] == 1 for row in generations), "a generation was used twice"


def test_two_at_once_are_harmless_and_clean_up_after_each_other(store: Store) -> None:
    insert(store, snapshot("a"), snapshot("b", started_at="2026-11-21T09:20:00Z"))
    time = Time()
    both = [refresher(store, time, seed, hot_seconds=1) for seed in (1, 2)]
    truth = raw_sums_by_bucket(store, FROM_S, TO_S)
    for round_ in range(6):
        for one in both:
            one.step()
            assert sums_by_bucket(store, FROM_S, TO_S) == truth
        if round_ < 3:
            mark_buckets(store)
        time.now += DROP_EVERY_SECONDS + 1
    assert rollup_status(store)["generations"] == 2, "one of each bucket is left"
    assert dirty_buckets(store, 10).listed == []


def test_an_idle_refresher_does_nothing_but_look(store: Store) -> None:
    insert(store, snapshot("a"))
    time, watched = Time(), Watched(store)
    keeper = refresher(watched, time)
    for _ in LEVELS:  # the quarter hour, then the hour and the day that it lies in
        keeper.step()
    assert not any(dirty_buckets(store, 10, level=level).listed for level in LEVELS)
    watched.commands.clear()
    for _ in range(5):
        time.now += 1000
        assert keeper.step() >= 10
    assert not watched.commands

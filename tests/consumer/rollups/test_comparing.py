"""Rollups against their runs: what differs for good is told once and made anew, what changes meanwhile is no drift."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from backends.clickhouse_backend import ClickHouseBackend
from clickhouse.rolling_up import mark, refresh
from clickhouse.rollup_reading import raw_sums_by_bucket, sums_by_bucket
from clickhouse.runs import insert, snapshot
from clickhouse.stores import ENGINES, Engine, empty, migrated_store
from runtally_clickhouse.client import Store
from runtally_clickhouse.recomputing import RecomputeLimits
from runtally_clickhouse.rollup_drift import CleanBucket, clean_buckets, differing_buckets, rollups_checked
from runtally_clickhouse.rollups import BUCKET_SECONDS
from runtally_consumer.metrics import ConsumerMetrics
from runtally_consumer.rollups.comparing import COMPARE_EVERY_SECONDS, CONFIRM_SECONDS, DriftWatch, Suspects
from runtally_consumer.rollups.turns import Turns

NINE = 1_795_251_600
MONTH_BEFORE = NINE - 30 * 86_400
BUCKETS = [NINE + BUCKET_SECONDS * place for place in range(4)]
FROM_S, TO_S = BUCKETS[0], BUCKETS[-1] + BUCKET_SECONDS
LIMITS = RecomputeLimits(max_memory_bytes=2**30, spill_bytes=2**29, max_threads=2)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NOW_DONE = " SETTINGS mutations_sync = 1"


class Time:
    """A monotonic clock that goes as it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module", params=ENGINES)
def shared_store(
    request: pytest.FixtureRequest, clickhouse: ClickHouseBackend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    engine: Engine = request.param
    with migrated_store(engine, clickhouse, tmp_path_factory.getbasetemp()) as store:
        yield store


@pytest.fixture
def store(shared_store: Store) -> Store:
    """Two agents' runs in four buckets, one month earlier one more; all rolled up."""
    store = empty(shared_store)
    for start in [*BUCKETS, MONTH_BEFORE]:
        at = datetime.fromtimestamp(start, UTC).isoformat()
        insert(
            store,
            *(
                snapshot(f"{start}-{n}", started_at=at, cost_usd="0.25", duration_ms=n, agent_id=f"a-{n % 2}")
                for n in range(4)
            ),
        )
    mark(store, (start * 1000 for start in [*BUCKETS, MONTH_BEFORE]), random.Random(1))
    refresh(store, random.Random(2))
    assert len(clean_buckets(store)) == 5
    return store


class Watching:
    """A watch with a clock and metrics to look at."""

    def __init__(self, store: Store) -> None:
        self.store, self.time, self.metrics = store, Time(), ConsumerMetrics()
        self._watch = DriftWatch(store, LIMITS, self.metrics, self.time, Suspects(CONFIRM_SECONDS))

    def for_seconds(self, seconds: float) -> None:
        until = self.time.now + seconds
        while self.time.now < until:
            rest = self._watch.step()
            assert rest >= COMPARE_EVERY_SECONDS
            self.time.now += rest

    def told(self) -> tuple[int, ...]:
        return rollups_checked(self.store, LONG_AGO).drifted


PLANTED: list[Callable[[Store], None]] = [
    lambda store: store.command(
        f"ALTER TABLE run_rollup UPDATE cost_usd_sum = cost_usd_sum + toDecimal64('0.000000001', 9) "
        f"WHERE bucket = toDateTime({BUCKETS[0]}, 'UTC') AND agent_id = 'a-1'" + NOW_DONE
    ),
    lambda store: store.command(
        f"ALTER TABLE run_rollup DELETE WHERE bucket = toDateTime({BUCKETS[1]}, 'UTC') AND agent_id = 'a-0'" + NOW_DONE
    ),
    lambda store: store.command(
        f"INSERT INTO run_rollup SELECT * FROM run_rollup WHERE bucket = toDateTime({BUCKETS[2]}, 'UTC') LIMIT 1"
    ),
    lambda store: store.command(
        f"ALTER TABLE agent_runs DELETE WHERE toStartOfFifteenMinutes(started_at) = toDateTime({MONTH_BEFORE}, 'UTC')"
        + NOW_DONE
    ),
]


def test_what_differs_for_good_is_told_once_and_made_anew(store: Store) -> None:
    watching = Watching(store)
    watching.for_seconds(COMPARE_EVERY_SECONDS)
    assert rollups_checked(store, LONG_AGO).compared == 4, "one month at a time"
    for plant in PLANTED:
        plant(store)
    watching.for_seconds(CONFIRM_SECONDS - COMPARE_EVERY_SECONDS)
    assert watching.told() == ()
    assert refresh(store, random.Random(3)) == 0

    watching.for_seconds(2 * CONFIRM_SECONDS)

    assert watching.told() == (BUCKETS[2], BUCKETS[1], BUCKETS[0], MONTH_BEFORE)
    assert watching.metrics.rollup_drifted._value.get() == 4
    assert sums_by_bucket(store, FROM_S, TO_S) == raw_sums_by_bucket(store, FROM_S, TO_S), "they are read raw"
    assert refresh(store, random.Random(3)) == 4
    assert sums_by_bucket(store, FROM_S, TO_S) == raw_sums_by_bucket(store, FROM_S, TO_S)
    assert differing_buckets(store, clean_buckets(store, 4), LIMITS) == []
    watching.for_seconds(3 * CONFIRM_SECONDS)
    assert watching.metrics.rollup_drifted._value.get() == 4
    assert not watching.metrics.rollup_failures._value.get()


def unmarked_run(store: Store) -> None:
    insert(store, snapshot("late", started_at=datetime.fromtimestamp(BUCKETS[0], UTC).isoformat()))


@pytest.mark.parametrize("refreshed", [False, True])
def test_a_writer_between_its_insert_and_its_mark_is_no_drift(store: Store, refreshed: bool) -> None:
    watching = Watching(store)
    unmarked_run(store)
    clean = clean_buckets(store, 4)
    assert [one.start_s for one in differing_buckets(store, clean, LIMITS)] == [BUCKETS[0]]
    watching.for_seconds(CONFIRM_SECONDS - COMPARE_EVERY_SECONDS)
    mark(store, [BUCKETS[0] * 1000], random.Random(4))
    if refreshed:
        assert refresh(store, random.Random(5)) == 1
    assert differing_buckets(store, clean, LIMITS) == [], "they are clean no longer as they were"
    watching.for_seconds(2 * CONFIRM_SECONDS)
    assert watching.told() == ()
    assert watching.metrics.rollup_compared._value.get() > 10


def test_suspects_are_looked_at_again_after_their_time_and_by_month() -> None:
    first, again, before = (CleanBucket(NINE, 1, 7), CleanBucket(NINE, 2, 7), CleanBucket(MONTH_BEFORE, 1, 7))
    suspects = Suspects(300.0)
    suspects.add([first], 0.0)
    suspects.add([first, again, before], 100.0)  # found again, it does not begin anew
    assert suspects.due(299.0) == []
    assert suspects.due(300.0) == [first]
    assert suspects.due(1000.0) == [again]
    assert suspects.due(1000.0) == [before]
    assert suspects.due(5000.0) == []


class Counting:
    """Steps that take their time and say how long they rest."""

    def __init__(self, time: Time, takes: float, rests: float) -> None:
        self._time, self._takes, self._rests = time, takes, rests
        self.at: list[float] = []
        self.taken_over = 0

    def took_over(self) -> None:
        self.taken_over += 1

    def step(self) -> float:
        self.at.append(self._time.now)
        self._time.now += self._takes
        return self._rests


def test_each_kind_of_steps_keeps_its_pace() -> None:
    time = Time()
    often, seldom = Counting(time, 1.0, 9.0), Counting(time, 2.0, 58.0)
    turns = Turns([often, seldom], time)
    turns.took_over()
    assert (often.taken_over, seldom.taken_over) == (1, 1)
    while time.now < 120:
        rest = turns.step()
        time.now += rest
    assert seldom.at == [1.0, 61.0]
    assert often.at[:4] == [0.0, 10.0, 20.0, 30.0]
    assert len(often.at) == 12

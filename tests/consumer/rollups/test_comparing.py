"""Rollups against their runs: what differs for good is told once and made anew, what changes meanwhile is no drift."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from backends.clickhouse_backend import ClickHouseBackend
from clickhouse.rolling_up import mark, refresh
from clickhouse.rollup_reading import Sums, raw_sums_by_bucket, sums_by_bucket
from clickhouse.runs import insert, scope, snapshot
from clickhouse.stores import ENGINES, Engine, empty, migrated_store
from runtally_clickhouse.client import Store
from runtally_clickhouse.measures.asking import Answer, ask_question
from runtally_clickhouse.measures.composition import Limits
from runtally_clickhouse.measures.question import Question
from runtally_clickhouse.measures.time_steps import make_steps
from runtally_clickhouse.recomputing import RecomputeLimits
from runtally_clickhouse.rollup_drift import CleanBucket, clean_buckets, differing_buckets, rollups_checked, stretches
from runtally_clickhouse.rollup_levels import DAY, HOUR, LEVELS, QUARTER_HOUR, WIDE, RollupLevel
from runtally_clickhouse.rollups import BUCKET_SECONDS, dirty_buckets
from runtally_consumer.metrics import ConsumerMetrics
from runtally_consumer.rollups.comparing import COMPARE_EVERY_SECONDS, CONFIRM_SECONDS, DriftWatch, Suspects
from runtally_consumer.rollups.refreshing import refresh_slice
from runtally_consumer.rollups.turns import Turns

NINE = 1_795_251_600
MONTH_BEFORE = NINE - 30 * 86_400
BUCKETS = [NINE + BUCKET_SECONDS * place for place in range(4)]
DAYS = [NINE - place * DAY.seconds for place in range(4)]
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
    """Two agents' runs in four buckets of one hour, one month earlier one more; all rolled up."""
    return rolled_up(empty(shared_store), [*BUCKETS, MONTH_BEFORE])


@pytest.fixture
def store_of_days(shared_store: Store) -> Store:
    """Two agents' runs in one quarter hour of each of four days; all rolled up."""
    return rolled_up(empty(shared_store), DAYS)


def rolled_up(store: Store, starts: list[int]) -> Store:
    for start in starts:
        at = datetime.fromtimestamp(start, UTC).isoformat()
        insert(
            store,
            *(
                snapshot(f"{start}-{n}", started_at=at, cost_usd="0.25", duration_ms=n, agent_id=f"a-{n % 2}")
                for n in range(4)
            ),
        )
    mark(store, (start * 1000 for start in starts), random.Random(1))
    refresh(store, random.Random(2))
    assert len(clean_buckets(store)) == len(starts)
    for level in LEVELS:
        assert differing(store, level) == []
    return store


def differing(store: Store, level: RollupLevel) -> list[int]:
    """The starts of all clean buckets of a width that are not what the runs say, by months."""
    clean = clean_buckets(store, level=level)
    now = [one for one in clean if one.start_s > MONTH_BEFORE + DAY.seconds]
    before = [one for one in clean if one not in now]
    return [one.start_s for part in (now, before) for one in differing_buckets(store, part, LIMITS)]


def ask(store: Store, level: RollupLevel) -> tuple[Sums, Answer]:
    """What the product answers about `DAYS` in steps of a width, by the starts of those that have runs."""
    start, end = (datetime.fromtimestamp(DAY.start_of(at), UTC) for at in (DAYS[-1], DAYS[0] + DAY.seconds))
    steps = make_steps(start, end, ZoneInfo("UTC"), "hour" if level is HOUR else "day")
    answer = ask_question(store, Question(("runs", "cost_usd"), steps), scope(), Limits(2**30, 1000))
    first = int(start.timestamp())
    sums = {
        first + level.seconds * row.step: (int(str(row.values["runs"])), Decimal(str(row.values["cost_usd"])))
        for row in answer.rows
        if row.step is not None and row.values["runs"]
    }
    return sums, answer


def truth(store: Store, level: RollupLevel) -> Sums:
    """Each width has the runs of one quarter hour."""
    found = raw_sums_by_bucket(store, DAY.start_of(DAYS[-1]), DAY.start_of(DAYS[0]) + DAY.seconds)
    return {level.start_of(bucket): sums for bucket, sums in found.items()}


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

    def until_told(self, buckets: int) -> None:
        """Or for half an hour."""
        until = self.time.now + 6 * CONFIRM_SECONDS
        while len(self.told()) < buckets and self.time.now < until:
            self.time.now += self._watch.step()

    def drifted(self, *levels: RollupLevel) -> int:
        """How many the metric counts, of these widths."""
        return int(sum(self.metrics.rollup_drifted.labels(one.name)._value.get() for one in levels or LEVELS))

    def compared(self, level: RollupLevel) -> int:
        return int(self.metrics.rollup_compared.labels(level.name)._value.get())

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
    for level in WIDE:
        store.command(f"TRUNCATE TABLE {level.published}")
    watching = Watching(store)
    watching.for_seconds(COMPARE_EVERY_SECONDS)
    assert rollups_checked(store, LONG_AGO).compared == 4, "one month at a time"
    for plant in PLANTED:
        plant(store)
    watching.for_seconds(CONFIRM_SECONDS - COMPARE_EVERY_SECONDS)
    assert watching.told() == ()
    assert dirty_buckets(store, 9).total == 0

    watching.for_seconds(2 * CONFIRM_SECONDS)

    assert watching.told() == (BUCKETS[2], BUCKETS[1], BUCKETS[0], MONTH_BEFORE)
    assert watching.drifted() == 4
    assert sums_by_bucket(store, FROM_S, TO_S) == raw_sums_by_bucket(store, FROM_S, TO_S), "they are read raw"
    assert refresh(store, random.Random(3)) == 4
    assert sums_by_bucket(store, FROM_S, TO_S) == raw_sums_by_bucket(store, FROM_S, TO_S)
    assert differing_buckets(store, clean_buckets(store, 4), LIMITS) == []
    watching.for_seconds(3 * CONFIRM_SECONDS)
    assert watching.drifted() == 4
    assert not watching.metrics.rollup_failures._value.get()


PLANTED_BESIDE: list[Callable[[Store], None]] = [
    lambda store: store.command("ALTER TABLE error_runs UPDATE user_id = 'nobody' WHERE 1" + NOW_DONE),
    lambda store: store.command("TRUNCATE TABLE error_runs"),
    lambda store: store.command("INSERT INTO error_runs SELECT * FROM error_runs LIMIT 1"),
    lambda store: store.command(
        "ALTER TABLE session_cells UPDATE last_end_ms = last_end_ms + 1 WHERE user_id = 'u1'" + NOW_DONE
    ),
    lambda store: store.command("ALTER TABLE session_cells DELETE WHERE user_id = 'u1'" + NOW_DONE),
    lambda store: store.command("INSERT INTO session_cells SELECT * FROM session_cells WHERE user_id = 'u1' LIMIT 1"),
]
PLACES_BESIDE = [f"{of}: {what}" for of in ("errors", "sessions") for what in ("another value", "gone", "one twice")]


@pytest.mark.parametrize("plant", PLANTED_BESIDE, ids=PLACES_BESIDE)
def test_what_stands_beside_cells_and_differs_is_found_though_the_cells_do_not(
    store: Store, plant: Callable[[Store], None]
) -> None:
    start = datetime.fromtimestamp(BUCKETS[1], UTC).isoformat()
    insert(store, snapshot("failed", started_at=start, status="failed", user_id="u1"))
    mark(store, [BUCKETS[1] * 1000], random.Random(8))
    refresh(store, random.Random(9))
    clean = clean_buckets(store)
    assert differing_buckets(store, clean, LIMITS) == []
    plant(store)
    assert [one.start_s for one in differing_buckets(store, clean, LIMITS)] == [BUCKETS[1]]


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
    assert all(watching.compared(level) > 3 for level in LEVELS)


PLANTED_WIDE: list[Callable[[Store, RollupLevel, int], None]] = [
    lambda store, level, start: store.command(
        f"ALTER TABLE {level.cells} UPDATE cost_usd_sum = cost_usd_sum + toDecimal64('0.000000001', 9) "
        f"WHERE bucket = toDateTime({start}, 'UTC') AND agent_id = 'a-1'" + NOW_DONE
    ),
    lambda store, level, start: store.command(
        f"ALTER TABLE {level.cells} DELETE WHERE bucket = toDateTime({start}, 'UTC') AND agent_id = 'a-0'" + NOW_DONE
    ),
    lambda store, level, start: store.command(
        f"INSERT INTO {level.cells} SELECT * FROM {level.cells} WHERE bucket = toDateTime({start}, 'UTC') LIMIT 1"
    ),
]


@pytest.mark.parametrize("level", WIDE, ids=lambda level: level.name)
def test_cells_of_hours_and_days_that_differ_are_told_and_made_anew(store_of_days: Store, level: RollupLevel) -> None:
    store, watching = store_of_days, Watching(store_of_days)
    for plant, start in zip(PLANTED_WIDE, DAYS, strict=False):
        plant(store, level, level.start_of(start))
    told, answer = ask(store, level)
    wrong = {start for start, sums in truth(store, level).items() if told[start] != sums}
    assert (len(wrong), answer.buckets[level.name]) == (3, 4), "what was planted is read"
    watching.for_seconds(CONFIRM_SECONDS)
    assert watching.told() == ()

    watching.until_told(3)

    assert watching.told() == tuple(level.start_of(start) for start in DAYS[:3])
    assert (watching.drifted(level), watching.drifted()) == (3, 3)
    told, answer = ask(store, level)
    assert told == truth(store, level), "they are read raw"
    assert answer.buckets["raw"] >= 3
    assert refresh(store, random.Random(3)) == 3
    told, answer = ask(store, level)
    assert (told, answer.buckets[level.name]) == (truth(store, level), 4)
    assert [differing(store, each) for each in LEVELS] == [[], [], []]
    assert not watching.metrics.rollup_failures._value.get()


@pytest.mark.parametrize("level", WIDE, ids=lambda level: level.name)
def test_a_clean_hour_or_day_of_dirty_quarter_hours_is_no_drift(store_of_days: Store, level: RollupLevel) -> None:
    """It is compared with the runs there, and so what a writer has inserted and not yet marked differs."""
    store, watching = store_of_days, Watching(store_of_days)
    insert(store, snapshot("more", started_at=datetime.fromtimestamp(NINE, UTC).isoformat()))
    mark(store, [NINE * 1000], random.Random(4))
    refresh_slice(store, dirty_buckets(store, 9, level=level).listed, LIMITS, random.Random(5).getrandbits, level)
    assert NINE not in {one.start_s for one in clean_buckets(store)}
    assert level.start_of(NINE) in {one.start_s for one in clean_buckets(store, level=level)}
    assert differing(store, level) == []

    insert(store, snapshot("late", started_at=datetime.fromtimestamp(NINE, UTC).isoformat()))
    assert differing(store, level) == [level.start_of(NINE)]
    watching.for_seconds(CONFIRM_SECONDS - COMPARE_EVERY_SECONDS)
    mark(store, [NINE * 1000], random.Random(6))
    assert differing(store, level) == []
    watching.for_seconds(2 * CONFIRM_SECONDS)
    assert (watching.told(), watching.drifted()) == ((), 0)
    assert watching.compared(level) > 3


@pytest.mark.parametrize(("seconds", "told"), [(0, BUCKETS[2]), (COMPARE_EVERY_SECONDS, NINE)])
def test_an_hour_of_a_quarter_hour_that_drifted_is_told_once_with_it(store: Store, seconds: float, told: int) -> None:
    """Whichever is found first: then all quarter hours of it are made anew, or it would be made of a wrong one."""
    watching = Watching(store)
    watching.for_seconds(seconds)
    store.command(
        f"ALTER TABLE run_rollup UPDATE runs = runs + 1 WHERE bucket = toDateTime({BUCKETS[2]}, 'UTC')" + NOW_DONE
    )
    watching.until_told(1)
    assert (watching.told(), watching.drifted()) == ((told,), 1)
    refresh(store, random.Random(7))
    assert sums_by_bucket(store, FROM_S, TO_S) == raw_sums_by_bucket(store, FROM_S, TO_S)
    assert [differing(store, each) for each in LEVELS] == [[], [], []]
    watching.for_seconds(CONFIRM_SECONDS + 3 * COMPARE_EVERY_SECONDS)
    assert watching.drifted() == 1


@pytest.mark.parametrize("level", WIDE, ids=lambda level: level.name)
def test_cells_of_which_nothing_else_is_left_are_made_anew_as_well(store_of_days: Store, level: RollupLevel) -> None:
    store, watching = store_of_days, Watching(store_of_days)
    for table in ("agent_runs", "bucket_changes", "bucket_rollups"):
        store.command(f"TRUNCATE TABLE {table}")
    refresh_slice(store, dirty_buckets(store, 9, level=level).listed, LIMITS, random.Random(8).getrandbits, level)
    clean = clean_buckets(store, level=level)
    assert [(one.start_s, one.changes) for one in clean] == [(level.start_of(start), 0) for start in DAYS]
    assert differing(store, level) == []
    store.command(
        f"INSERT INTO {level.cells} SELECT * REPLACE ({clean[0].generation} AS generation) FROM {level.cells} "
        f"WHERE bucket = toDateTime({clean[0].start_s}, 'UTC') LIMIT 1"
    )
    assert list(ask(store, level)[0]) == [clean[0].start_s]
    watching.until_told(1)
    assert watching.told() == (clean[0].start_s,)
    assert ask(store, level)[0] == {}
    refresh(store, random.Random(9))
    assert differing(store, level) == []


def test_suspects_are_looked_at_again_after_their_time_by_month_width_and_stretch() -> None:
    first, again, before = (CleanBucket(NINE, 1, 7), CleanBucket(NINE, 2, 7), CleanBucket(MONTH_BEFORE, 1, 7))
    far, hour = CleanBucket(NINE - 32 * BUCKET_SECONDS, 1, 7), CleanBucket(NINE, 1, 7, HOUR)
    near = CleanBucket(NINE - 31 * BUCKET_SECONDS, 1, 7)
    suspects = Suspects(300.0)

    def due(now: float) -> list[CleanBucket]:
        return suspects.due(now, {QUARTER_HOUR: 32, HOUR: 8}.__getitem__)

    suspects.add([first], 0.0)
    suspects.add([first, again, hour, far, near, before], 100.0)  # found again, it does not begin anew
    assert due(299.0) == []
    assert due(300.0) == [first]
    assert due(1000.0) == [again, near]
    assert due(1000.0) == [hour]
    assert due(1000.0) == [far]
    assert due(1000.0) == [before]
    assert due(5000.0) == []


def test_stretches_go_on_without_a_gap() -> None:
    quarters = [CleanBucket(NINE + BUCKET_SECONDS * place, 1, 7) for place in (5, 1, 2)]
    assert stretches(quarters) == [
        (NINE + BUCKET_SECONDS, NINE + 3 * BUCKET_SECONDS),
        (NINE + 5 * BUCKET_SECONDS, NINE + 6 * BUCKET_SECONDS),
    ]
    assert stretches([CleanBucket(DAY.start_of(NINE), 1, 7, DAY)]) == [
        (DAY.start_of(NINE), DAY.start_of(NINE) + DAY.seconds)
    ]
    assert stretches([]) == []


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

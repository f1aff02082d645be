"""A reader that never stops, while writers write and two refreshers refresh, drop and merge as fast as they can.

Each answer holds, in each bucket, at least the runs acknowledged (inserted and marked) before it was asked, and at most
those that were on their way when it came: so no bucket vanishes, and none counts twice, while it turns clean or dirty.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from backends.clickhouse_backend import ClickHouseBackend
from clickhouse.rolling_up import refresh
from clickhouse.runs import insert, scope, snapshot
from clickhouse.stores import ENGINES, Engine, migrated_store
from runtally_clickhouse.client import Store
from runtally_clickhouse.measures.asking import ask_question
from runtally_clickhouse.measures.composition import Limits
from runtally_clickhouse.measures.question import Question
from runtally_clickhouse.measures.state_first import StateFirst
from runtally_clickhouse.measures.time_steps import make_steps
from runtally_clickhouse.recomputing import RecomputeLimits
from runtally_clickhouse.rollup_drift import clean_buckets, differing_buckets
from runtally_clickhouse.rollup_levels import LEVELS
from runtally_clickhouse.rollups import BUCKET_SECONDS
from runtally_consumer.metrics import ConsumerMetrics
from runtally_consumer.rollups.planning import PlannerLimits
from runtally_consumer.rollups.refreshing import Refresher, level_plans

FIRST_S = 1_795_251_600
BUCKETS = [FIRST_S + BUCKET_SECONDS * place for place in range(8)]
STEPS = make_steps(
    datetime.fromtimestamp(BUCKETS[0], UTC),
    datetime.fromtimestamp(BUCKETS[-1] + BUCKET_SECONDS, UTC),
    ZoneInfo("UTC"),
    "quarter_hour",
)
QUESTION = Question(("runs", "cost_usd"), STEPS)
HOURS = Question(QUESTION.measures, make_steps(STEPS.start, STEPS.end, STEPS.zone, "hour"))
READ = Limits(max_memory_bytes=2**30, max_rows=1000)
RECOMPUTE = RecomputeLimits(max_memory_bytes=2**30, spill_bytes=2**29, max_threads=1)
ANSWERS, DEADLINE_SECONDS, CALM_SECONDS = 60, 120.0, 20.0


class Storm:
    """What was begun and what was acknowledged, by bucket, and whatever went wrong in a thread."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.begun = Counter[int]()
        self.acknowledged = Counter[int]()
        self.refreshed = 0
        self.sources = Counter[str]()
        self.failures: list[BaseException] = []
        self.hours_read = 0
        self._calm = threading.Event()
        self._over = threading.Event()
        self._lock = threading.Lock()

    def blow(self) -> None:
        """Until the reader has its answers, or something failed."""
        threads = [
            threading.Thread(target=self._guarded, args=(work,))
            for work in (
                lambda: self._write(1),
                lambda: self._write(2),
                lambda: self._refresh(3),
                lambda: self._refresh(4),
            )
        ]
        for thread in threads:
            thread.start()
        try:
            self._read()
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self.failures.append(error)
            self._over.set()

    def _write(self, seed: int) -> None:
        drawn, number = random.Random(seed), 0
        while not self._over.is_set():
            if self._calm.is_set():
                self._over.wait(0.05)
                continue
            bucket = drawn.choice(BUCKETS)
            number += 1
            at = datetime.fromtimestamp(bucket + number % 900, UTC).isoformat()
            runs = [snapshot(f"{seed}-{number}-{n}", started_at=at, cost_usd="0.25") for n in range(3)]
            with self._lock:
                self.begun[bucket] += len(runs)
            for _ in range(drawn.choice((1, 2))):  # and delivered again
                insert(self.store, *runs)
            mark = {
                "bucket": pa.array([bucket], pa.uint32()),
                "changes": pa.array([drawn.getrandbits(64)], pa.uint64()),
            }
            self.store.insert("bucket_changes", pa.table(mark))
            with self._lock:
                self.acknowledged[bucket] += len(runs)
            self._over.wait(drawn.uniform(0, 0.3))

    def _refresh(self, seed: int) -> None:
        """Without rests. Its clock runs fast, but what is kept is kept for as long as an answer may take."""
        metrics = ConsumerMetrics()
        refresher = Refresher(
            self.store,
            level_plans(PlannerLimits(hot_seconds=0.01), keep_seconds=60 * 10.0),  # ten seconds
            RECOMPUTE,
            metrics,
            lambda: 60 * time.monotonic(),  # so that drops come every five seconds
            random.Random(seed).getrandbits,
        )
        while not self._over.is_set():
            refresher.step()
        assert not metrics.rollup_failures._value.get()
        self.refreshed += int(metrics.rollup_refreshed._value.get())

    def _read(self) -> None:
        """Quarter hours and hours, in two steps and in one; calm now and then, as no hour is up to date in a storm."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        answers = 0
        while answers < ANSWERS and not self._over.is_set() and time.monotonic() < deadline:
            self._ask(HOURS if answers % 3 == 2 else QUESTION, two_steps=answers % 2 == 1)
            answers += 1
            if answers % 20 == 0:
                self._read_calm(two_steps=answers % 40 == 0)

    def _read_calm(self, *, two_steps: bool) -> None:
        """Until an hour was read, and once more in the storm."""
        self._calm.set()
        deadline, before = time.monotonic() + CALM_SECONDS, self.hours_read
        while self.hours_read == before and not self._over.is_set() and time.monotonic() < deadline:
            self._ask(HOURS, two_steps=two_steps)
        self._calm.clear()
        self._ask(HOURS, two_steps=two_steps)

    def _ask(self, question: Question, *, two_steps: bool) -> None:
        with self._lock:
            least = Counter(self.acknowledged)
        reader = StateFirst(self.store, 30.0) if two_steps else self.store
        answer = ask_question(reader, question, scope(), READ)
        with self._lock:
            most = Counter(self.begun)
        quarters = 4 if question is HOURS else 1
        for row in answer.rows:
            first = quarters * (row.step or 0)
            buckets = BUCKETS[first : first + quarters]
            runs = int(str(row.values["runs"]))
            low, high = sum(least[bucket] for bucket in buckets), sum(most[bucket] for bucket in buckets)
            assert low <= runs <= high, (buckets, least, runs, most, answer.buckets)
            assert Decimal(str(row.values["cost_usd"] or 0)) * 4 == runs
        self.sources[answer.source] += 1
        self.hours_read += answer.buckets["hour"]


@pytest.fixture(params=ENGINES)
def store(
    request: pytest.FixtureRequest, clickhouse: ClickHouseBackend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    engine: Engine = request.param
    with migrated_store(engine, clickhouse, tmp_path_factory.getbasetemp()) as store:
        yield store


def test_no_bucket_vanishes_or_counts_twice_in_a_storm(store: Store) -> None:
    storm = Storm(store)
    storm.blow()
    assert not storm.failures, storm.failures
    assert storm.refreshed > len(BUCKETS)
    assert storm.sources["mixed"] + storm.sources["rollup"] > 0, "the rollups were never read"
    assert storm.hours_read, "hours were never read"
    assert_cells_are_what_runs_say(store)
    refresh(store, random.Random(5))
    assert all(assert_cells_are_what_runs_say(store)), "nothing was up to date in the end"


def assert_cells_are_what_runs_say(store: Store) -> list[int]:
    """Of each clean bucket, cell by cell in every column. How many of each width there are."""
    found = []
    for level in LEVELS:
        clean = clean_buckets(store, level=level)
        assert differing_buckets(store, clean, RECOMPUTE) == [], level.name
        found.append(len(clean))
    return found

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
from clickhouse.runs import insert, scope, snapshot
from clickhouse.stores import ENGINES, Engine, migrated_store
from runtally_clickhouse.client import Store
from runtally_clickhouse.measures.asking import ask_question
from runtally_clickhouse.measures.composition import Limits
from runtally_clickhouse.measures.question import Question
from runtally_clickhouse.measures.time_steps import make_steps
from runtally_clickhouse.rollups import BUCKET_SECONDS, RecomputeLimits
from runtally_consumer.metrics import ConsumerMetrics
from runtally_consumer.rollups.dropping import GenerationClock
from runtally_consumer.rollups.planning import Planner, PlannerLimits
from runtally_consumer.rollups.refreshing import Refresher

FIRST_S = 1_795_251_600
BUCKETS = [FIRST_S + BUCKET_SECONDS * place for place in range(8)]
STEPS = make_steps(
    datetime.fromtimestamp(BUCKETS[0], UTC),
    datetime.fromtimestamp(BUCKETS[-1] + BUCKET_SECONDS, UTC),
    ZoneInfo("UTC"),
    "quarter_hour",
)
QUESTION = Question(("runs", "cost_usd"), STEPS)
READ = Limits(max_memory_bytes=2**30, max_rows=1000)
RECOMPUTE = RecomputeLimits(max_memory_bytes=2**30, spill_bytes=2**29, max_threads=1)
ANSWERS, DEADLINE_SECONDS = 60, 120.0


class Storm:
    """What was begun and what was acknowledged, by bucket, and whatever went wrong in a thread."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.begun = Counter[int]()
        self.acknowledged = Counter[int]()
        self.refreshed = 0
        self.sources = Counter[str]()
        self.failures: list[BaseException] = []
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
            Planner(PlannerLimits(hot_seconds=0.01)),
            GenerationClock(60 * 10.0),  # ten seconds
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
        deadline = time.monotonic() + DEADLINE_SECONDS
        answers = 0
        while answers < ANSWERS and not self._over.is_set() and time.monotonic() < deadline:
            with self._lock:
                least = Counter(self.acknowledged)
            answer = ask_question(self.store, QUESTION, scope(), READ)
            with self._lock:
                most = Counter(self.begun)
            told = {BUCKETS[row.step]: row.values for row in answer.rows if row.step is not None}
            for bucket in BUCKETS:
                runs = int(str(told[bucket]["runs"]))
                assert least[bucket] <= runs <= most[bucket], (answers, bucket, least, told, most)
                assert Decimal(str(told[bucket]["cost_usd"] or 0)) * 4 == runs
            self.sources[answer.source] += 1
            answers += 1


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

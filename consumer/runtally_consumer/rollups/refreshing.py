"""Recomputing buckets that are not up to date, a bounded piece at a time.

Safe to kill at any moment, to run twice at once, and to be late with any step: a generation is used once, rows of one
that is not published are read by nobody, and what is published says exactly which marks it had seen.
"""

from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

import structlog
from runtally_clickhouse.errors import StoreError
from runtally_clickhouse.rollups import (
    BUCKETS_AT_ONCE,
    DirtyBucket,
    ReaderWriter,
    RecomputeLimits,
    dirty_buckets,
    drop_generations,
    mark_unmarked_buckets,
    new_generation,
    publish,
    recompute,
    superseded_generations,
    sync_replica,
)

from runtally_consumer.metrics import ConsumerMetrics
from runtally_consumer.rollups.dropping import GenerationClock
from runtally_consumer.rollups.planning import Planner

LOOK_EVERY_SECONDS = 10.0
DROP_EVERY_SECONDS = 300.0
FAILURE_REST_SECONDS = 15.0
LISTED_BUCKETS = 4_000
LISTED_SUPERSEDED = 1_000

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger(__name__)


def refresh_slice(
    store: ReaderWriter, dirty: Sequence[DirtyBucket], limits: RecomputeLimits, random_bits: Callable[[int], int]
) -> None:
    """Recompute buckets of one month and publish them: they hold what had been marked when `dirty` was read, and more.

    Blocks; raises `StoreError`, and then nothing was published, or all of it.
    """
    buckets = [bucket.start_s for bucket in dirty]
    sync_replica(store, store)
    generation = new_generation(store, buckets, random_bits)
    recompute(store, buckets, generation, limits)
    publish(store, {bucket.start_s: bucket.changes for bucket in dirty}, generation)


class Refresher:
    """Keeps the rollups up to date. Not thread-safe: one `step` at a time."""

    def __init__(
        self,
        store: ReaderWriter,
        planner: Planner,
        generations: GenerationClock,
        limits: RecomputeLimits,
        metrics: ConsumerMetrics,
        monotonic: Callable[[], float],
        random_bits: Callable[[int], int],
    ) -> None:
        self._store = store
        self._planner = planner
        self._generations = generations
        self._limits = limits
        self._metrics = metrics
        self._monotonic = monotonic
        self._random_bits = random_bits
        self._looked_for_unmarked = False
        self._next_drop = monotonic() + DROP_EVERY_SECONDS

    def took_over(self) -> None:
        """Whoever did this before may have left buckets without a mark."""
        self._looked_for_unmarked = False

    def step(self) -> float:
        """Look, and do one piece of what is to be done. Returns the seconds to rest before the next call.

        Blocks for seconds. Raises nothing that the store says: the same is tried again, in smaller pieces.
        """
        began = self._monotonic()
        try:
            worked = self._work(began)
        except StoreError as error:
            self._metrics.rollup_failures.inc()
            self._planner.failed()
            log.warning("rollups not refreshed, answers read the runs there", reason=str(error)[:500])
            return max(FAILURE_REST_SECONDS, self._planner.rest_after(self._monotonic() - began))
        rest = self._planner.rest_after(self._monotonic() - began)
        return rest if worked else max(rest, LOOK_EVERY_SECONDS)

    def _work(self, now: float) -> bool:
        if not self._looked_for_unmarked:
            self._timed("look", mark_unmarked_buckets, self._store)
            self._looked_for_unmarked = True
        if now >= self._next_drop:
            self._next_drop = now + DROP_EVERY_SECONDS
            if self._drop():
                return True
        return self._refresh(now)

    def _refresh(self, now: float) -> bool:
        for before_s in self._planner.looks():
            found = self._timed("look", dirty_buckets, self._store, LISTED_BUCKETS, before_s)
            if before_s is None:
                self._metrics.rollup_dirty_buckets.set(found.total)
            chosen = self._planner.choose(found.listed, now)
            if chosen:
                began = self._monotonic()
                self._timed("refresh", refresh_slice, self._store, chosen, self._limits, self._random_bits)
                self._planner.took(chosen, self._monotonic() - began)
                self._metrics.rollup_refreshed.inc(len(chosen))
                return True
            self._planner.nothing_below()
        return False

    def _drop(self) -> bool:
        listed = self._timed("look", superseded_generations, self._store, LISTED_SUPERSEDED)
        # By the clock after the look: what it saw as current may have become so during it.
        ripe = self._generations.ripe(listed, self._monotonic())[:BUCKETS_AT_ONCE]
        if not ripe:
            return False
        self._timed("drop", drop_generations, self._store, ripe)
        self._metrics.rollup_dropped.inc(len(ripe))
        return True

    def _timed(self, step: str, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        began = self._monotonic()
        try:
            return call(*args, **kwargs)
        finally:
            self._metrics.rollup_seconds.labels(step).inc(self._monotonic() - began)

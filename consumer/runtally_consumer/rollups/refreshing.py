"""Recomputing buckets that are not up to date, a bounded piece at a time.

Safe to kill at any moment, to run twice at once, and to be late with any step: a generation is used once, rows of one
that is not published are read by nobody, and what is published says exactly which marks it had seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, ParamSpec, TypeVar

import structlog
from runtally_clickhouse.errors import StoreError
from runtally_clickhouse.recomputing import RecomputeLimits
from runtally_clickhouse.rollup_levels import DAY, HOUR, LEVELS, QUARTER_HOUR, RollupLevel
from runtally_clickhouse.rollups import (
    BUCKETS_AT_ONCE,
    DirtyBucket,
    DirtyBuckets,
    ReaderWriter,
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
from runtally_consumer.rollups.planning import Planner, PlannerLimits, settled

LOOK_EVERY_SECONDS = 10.0
DROP_EVERY_SECONDS = 300.0
FAILURE_REST_SECONDS = 15.0
LISTED_BUCKETS = 4_000
LISTED_SUPERSEDED = 1_000
# How much less often than a quarter hour an hour or a day is recomputed that is being written, and how many at first.
CALMER: Final = {QUARTER_HOUR: 1, HOUR: 4, DAY: 16}
AT_FIRST: Final = {QUARTER_HOUR: 32, HOUR: 8, DAY: 1}

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LevelPlan:
    """How the buckets of one width are kept."""

    level: RollupLevel
    planner: Planner
    generations: GenerationClock


def level_plans(limits: PlannerLimits, keep_seconds: float) -> list[LevelPlan]:
    """For every width, the narrowest first. `limits` are those of quarter hours."""
    return [
        LevelPlan(
            level,
            Planner(replace(limits, hot_seconds=CALMER[level] * limits.hot_seconds, first_buckets=AT_FIRST[level])),
            GenerationClock(keep_seconds),
        )
        for level in LEVELS
    ]


def refresh_slice(
    store: ReaderWriter,
    dirty: Sequence[DirtyBucket],
    limits: RecomputeLimits,
    random_bits: Callable[[int], int],
    level: RollupLevel = QUARTER_HOUR,
) -> None:
    """Recompute buckets of one month and publish them: they hold what had been marked when `dirty` was read, and more.

    Blocks; raises `StoreError`, and then nothing was published, or all of it.
    """
    buckets = [bucket.start_s for bucket in dirty]
    sync_replica(store, store, level)
    generation = new_generation(store, buckets, random_bits, level)
    recompute(store, buckets, generation, limits, level)
    publish(store, {bucket.start_s: bucket.changes for bucket in dirty}, generation, level)


class Refresher:
    """Keeps the rollups up to date. Not thread-safe: one `step` at a time."""

    def __init__(
        self,
        store: ReaderWriter,
        plans: Sequence[LevelPlan],
        limits: RecomputeLimits,
        metrics: ConsumerMetrics,
        monotonic: Callable[[], float],
        random_bits: Callable[[int], int],
    ) -> None:
        self._store = store
        self._plans = list(plans)
        self._at = self._plans[0]  # what the step is about
        self._wide_turn = 0
        self._is_wide_turn = False
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
        self._at = self._plans[0]
        try:
            worked = self._work(began)
        except StoreError as error:
            self._metrics.rollup_failures.inc()
            self._at.planner.failed()
            log.warning("rollups not refreshed, answers read the runs there", reason=str(error)[:500])
            return max(FAILURE_REST_SECONDS, self._at.planner.rest_after(self._monotonic() - began))
        rest = self._at.planner.rest_after(self._monotonic() - began)
        return rest if worked else max(rest, LOOK_EVERY_SECONDS)

    def _work(self, now: float) -> bool:
        if not self._looked_for_unmarked:
            self._timed("look", mark_unmarked_buckets, self._store)
            self._looked_for_unmarked = True
        if now >= self._next_drop:
            self._next_drop = now + DROP_EVERY_SECONDS
            if any([self._drop(plan) for plan in self._plans]):
                return True
        return any(self._refresh(plan, now) for plan in self._by_turns())

    def _by_turns(self) -> list[LevelPlan]:
        """Quarter hours every other time, hours and days between; each when the others have nothing to do."""
        narrow, *wide = self._plans
        if not self._is_wide_turn:
            self._is_wide_turn = True
            return [narrow, *wide]
        self._is_wide_turn = False
        self._wide_turn = (self._wide_turn + 1) % len(wide)
        return [*wide[self._wide_turn :], *wide[: self._wide_turn], narrow]

    def _refresh(self, plan: LevelPlan, now: float) -> bool:
        self._at = plan
        for before_s in plan.planner.looks():
            found = self._timed("look", self._dirty, plan.level, before_s)
            if before_s is None:
                self._metrics.rollup_dirty_buckets.labels(plan.level.name).set(found.total)
            chosen = plan.planner.choose(self._due(plan.level, found), now)
            if chosen:
                began = self._monotonic()
                self._timed("refresh", refresh_slice, self._store, chosen, self._limits, self._random_bits, plan.level)
                plan.planner.took(chosen, self._monotonic() - began)
                self._metrics.rollup_refreshed.inc(len(chosen))
                return True
            plan.planner.nothing_below()
        return False

    def _due(self, level: RollupLevel, found: DirtyBuckets) -> list[DirtyBucket]:
        if level is QUARTER_HOUR or not found.listed:
            return found.listed
        return settled(found.listed, level, self._timed("look", self._dirty, QUARTER_HOUR, None))

    def _dirty(self, level: RollupLevel, before_s: int | None) -> DirtyBuckets:
        return dirty_buckets(self._store, LISTED_BUCKETS, before_s, level=level)

    def _drop(self, plan: LevelPlan) -> bool:
        self._at = plan
        listed = self._timed("look", superseded_generations, self._store, LISTED_SUPERSEDED, plan.level)
        # By the clock after the look: what it saw as current may have become so during it.
        ripe = plan.generations.ripe(listed, self._monotonic())[:BUCKETS_AT_ONCE]
        if not ripe:
            return False
        self._timed("drop", drop_generations, self._store, ripe, plan.level)
        self._metrics.rollup_dropped.inc(len(ripe))
        return True

    def _timed(self, step: str, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        began = self._monotonic()
        try:
            return call(*args, **kwargs)
        finally:
            self._metrics.rollup_seconds.labels(step).inc(self._monotonic() - began)

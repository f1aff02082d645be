"""Puts the refreshing of rollups together, and lets it run beside a consumer."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from runtally.events import RunSnapshot
from runtally_clickhouse.recomputing import RecomputeLimits
from runtally_clickhouse.rollups import ReaderWriter

from runtally_consumer.metrics import ConsumerMetrics
from runtally_consumer.records import Partition
from runtally_consumer.rollups.comparing import CONFIRM_SECONDS, DriftWatch, Suspects
from runtally_consumer.rollups.keeping import RollupKeeper
from runtally_consumer.rollups.planning import PlannerLimits
from runtally_consumer.rollups.refreshing import Refresher, level_plans
from runtally_consumer.rollups.turns import Turns
from runtally_consumer.settings import ConsumerSettings

# So that one of the group does it; that two do it at once for a while is harmless.
OWNED_WITH: Final = Partition(RunSnapshot.topic, 0)
RECOMPUTE_THREADS: Final = 2


@asynccontextmanager
async def rollups_kept(
    store: ReaderWriter, settings: ConsumerSettings, metrics: ConsumerMetrics, owns: Callable[[Partition], bool]
) -> AsyncIterator[None]:
    """Rollups are kept up to date meanwhile, whenever the partition is owned that they go with. Raises nothing."""
    refresher = Refresher(
        store,
        level_plans(
            PlannerLimits(hot_seconds=settings.rollup_hot_seconds, share=settings.rollup_share),
            settings.rollup_keep_seconds,
        ),
        recompute_limits(settings),
        metrics,
        time.monotonic,
        secrets.randbits,
    )
    watch = DriftWatch(store, recompute_limits(settings), metrics, time.monotonic, Suspects(CONFIRM_SECONDS))
    keeper = RollupKeeper(Turns([refresher, watch], time.monotonic), lambda: owns(OWNED_WITH))
    keeping = asyncio.create_task(keeper.run())
    try:
        yield
    finally:
        keeper.stop()
        await keeping


def recompute_limits(settings: ConsumerSettings) -> RecomputeLimits:
    """Half of the memory for groups; beyond it they go to disk."""
    return RecomputeLimits(settings.rollup_memory_bytes, settings.rollup_memory_bytes // 2, RECOMPUTE_THREADS)

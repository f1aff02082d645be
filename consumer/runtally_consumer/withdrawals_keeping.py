"""Withdrawals at the consumer: the list that its writer keeps to, and the work of erasures and retention beside it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import structlog
from runtally_clickhouse.erasing import DONE, Eraser, ErasureStore, due_jobs
from runtally_clickhouse.retention import apply_horizons
from runtally_clickhouse.withdrawals import WithdrawalList

from runtally_consumer.metrics import ConsumerMetrics
from runtally_consumer.rollups.keeping import RollupKeeper

REST_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


class StoredWithdrawals(WithdrawalList):
    """`WithdrawnData` over the store."""

    def __init__(self, store: ErasureStore, wall_clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(store)
        self._store = store
        self._wall_clock = wall_clock

    def drop_retired(self) -> None:
        """Drop what lies before the horizons. Blocks; raises `StoreError`."""
        apply_horizons(self._store, self._wall_clock())


class WithdrawalSteps:
    """Looks for erasures and horizons with work left, and does it; whoever requested them may do so at once."""

    def __init__(self, store: ErasureStore, metrics: ConsumerMetrics, wall_clock: Callable[[], datetime]) -> None:
        self._store = store
        self._metrics = metrics
        self._wall_clock = wall_clock
        self._eraser = Eraser(store, wall_clock)

    def took_over(self) -> None:
        """Nothing is remembered between steps."""

    def step(self) -> float:
        """Blocks until all that was found is done. Raises `StoreError`; returns the seconds to rest."""
        open_jobs = 0
        for job in due_jobs(self._store, self._wall_clock()):
            finished = self._eraser.finish(job)
            open_jobs += finished.state != DONE
            tell = log.info if finished.state == DONE else log.error
            tell("erasure", id=str(job.id), state=finished.state, rows=sum(job.counts_before.values()))
        self._metrics.erasures_failed.set(open_jobs)
        for month in apply_horizons(self._store, self._wall_clock()):
            log.info("month dropped", table=month.event_table, month=month.month, rows=month.rows)
        return REST_SECONDS


@asynccontextmanager
async def withdrawals_kept(
    store: ErasureStore,
    metrics: ConsumerMetrics,
    is_owner: Callable[[], bool],
    wall_clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AsyncIterator[None]:
    """Erasures and retention are done meanwhile, by whoever is the owner. Raises nothing."""
    keeper = RollupKeeper(WithdrawalSteps(store, metrics, wall_clock), is_owner, "erasures and retention")
    keeping = asyncio.create_task(keeper.run())
    try:
        yield
    finally:
        keeper.stop()
        await keeping

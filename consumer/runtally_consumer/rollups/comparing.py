"""Comparing rollups that pass for up to date with their runs, a few buckets after the other, all the time.

The protocol lets no difference arise. Should one be there all the same (runs changed by SQL and not marked, a part
lost, a mistake of ours), it is told, and the bucket marked: so it is read from its runs at once, and rolled up anew.
"""

from collections.abc import Callable, Sequence
from typing import Final

import structlog
from runtally_clickhouse.errors import StoreError
from runtally_clickhouse.recomputing import RecomputeLimits
from runtally_clickhouse.rollup_drift import (
    CleanBucket,
    RollupsChecked,
    clean_buckets,
    differing_buckets,
    tell_checked,
)
from runtally_clickhouse.rollups import BUCKET_SECONDS, ReaderWriter, mark_buckets

from runtally_consumer.metrics import ConsumerMetrics
from runtally_consumer.rollups.planning import SliceSize, same_month

COMPARE_EVERY_SECONDS: Final = 60.0
SHARE: Final = 0.01
TARGET_SECONDS: Final = 0.5
# A writer marks within moments of its insert, and the next owner of its partitions inserts and marks again.
CONFIRM_SECONDS: Final = 300.0
TELL_EVERY_SECONDS: Final = 3_600.0

log = structlog.get_logger(__name__)


class Suspects:
    """Buckets that differed, since when. It is drift once the same rollup differs after a time that no writer needs
    between its insert and its mark. Pure.
    """

    def __init__(self, confirm_seconds: float) -> None:
        self._confirm_seconds = confirm_seconds
        self._since: dict[CleanBucket, float] = {}

    def add(self, differing: Sequence[CleanBucket], now: float) -> None:
        for one in differing:
            self._since.setdefault(one, now)

    def due(self, now: float) -> list[CleanBucket]:
        """Those of one month to be looked at again; they are suspects no longer."""
        waited = [one for one, since in self._since.items() if now - since >= self._confirm_seconds]
        chosen = [one for one in waited if same_month(one.start_s, waited[0].start_s)]
        for one in chosen:
            del self._since[one]
        return chosen


class DriftWatch:
    """Goes down through all clean buckets, and begins anew. Not thread-safe: one `step` at a time."""

    def __init__(
        self,
        store: ReaderWriter,
        limits: RecomputeLimits,
        metrics: ConsumerMetrics,
        monotonic: Callable[[], float],
        suspects: Suspects,
    ) -> None:
        self._store = store
        self._limits = limits
        self._metrics = metrics
        self._monotonic = monotonic
        self._suspects = suspects
        self._size = SliceSize(TARGET_SECONDS)
        self._below_s: int | None = None
        self._compared = 0
        self._next_tell = monotonic()

    def took_over(self) -> None:
        """Suspects stay suspects: they are compared again before anything is said."""

    def step(self) -> float:
        """Compare some buckets, and tell what is due. Returns the seconds to rest before the next call.

        Blocks for about a second. Raises nothing that the store says: the next step goes on with other buckets.
        """
        began = self._monotonic()
        try:
            self._work(began)
        except StoreError as error:
            self._metrics.rollup_failures.inc()
            self._size.failed()
            log.warning("rollups not compared with their runs", reason=str(error)[:500])
        seconds = self._monotonic() - began
        self._metrics.rollup_seconds.labels("compare").inc(seconds)
        return max(COMPARE_EVERY_SECONDS, seconds * (1 / SHARE - 1))

    def _work(self, now: float) -> None:
        drifted = differing_buckets(self._store, self._suspects.due(now), self._limits)
        if not drifted:
            self._compare_some(now)
        if drifted or (self._compared and now >= self._next_tell):
            self._tell(drifted, now)

    def _compare_some(self, now: float) -> None:
        clean = clean_buckets(self._store, self._size.buckets, self._below_s)
        clean = [one for one in clean if same_month(one.start_s, clean[0].start_s)]
        self._below_s = clean[-1].start_s if clean else None
        began = self._monotonic()
        self._suspects.add(differing_buckets(self._store, clean, self._limits), began)
        self._size.took(len(clean), self._monotonic() - began)
        self._compared += len(clean)
        self._metrics.rollup_compared.inc(len(clean))

    def _tell(self, drifted: Sequence[CleanBucket], now: float) -> None:
        starts = [one.start_s for one in drifted]
        tell_checked(self._store, RollupsChecked(self._compared, tuple(starts)))
        self._compared, self._next_tell = 0, now + TELL_EVERY_SECONDS
        for start in starts:
            mark_buckets(self._store, start, start + BUCKET_SECONDS)
        if starts:
            self._metrics.rollup_drifted.inc(len(starts))
            log.error("rollups had drifted from their runs, and are made anew", buckets_unix_s=starts[:20])

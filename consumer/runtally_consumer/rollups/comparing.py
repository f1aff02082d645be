"""Comparing rollups that pass for up to date with their runs, a few buckets after the other, all the time.

The protocol lets no difference arise. Should one be there all the same (runs changed by SQL and not marked, a part
lost, a mistake of ours), it is told, and the bucket marked: so it is read from its runs at once, and rolled up anew.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from runtally_clickhouse.errors import StoreError
from runtally_clickhouse.recomputing import RecomputeLimits
from runtally_clickhouse.rollup_drift import (
    CleanBucket,
    RollupsChecked,
    clean_buckets,
    differing_buckets,
    stretches,
    tell_checked,
)
from runtally_clickhouse.rollup_levels import LEVELS, RollupLevel
from runtally_clickhouse.rollups import ReaderWriter, mark_buckets

from runtally_consumer.metrics import ConsumerMetrics
from runtally_consumer.rollups.planning import SliceSize, same_month
from runtally_consumer.rollups.refreshing import AT_FIRST

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

    def due(self, now: float, most: Callable[[RollupLevel], int]) -> list[CleanBucket]:
        """Those to be looked at again, of one width and month, within a stretch of `most` buckets: what lies between
        them is read, too. They are suspects no longer.
        """
        waited = [one for one, since in self._since.items() if now - since >= self._confirm_seconds]
        if not waited:
            return []
        first = waited[0]
        reach_s = most(first.level) * first.level.seconds
        chosen = [
            one
            for one in waited
            if one.level is first.level
            and same_month(one.start_s, first.start_s)
            and 0 <= first.start_s - one.start_s < reach_s
        ]
        for one in chosen:
            del self._since[one]
        return chosen


@dataclass(slots=True)
class Descent:
    """How far down the clean buckets of one width have been compared, and how many are compared at once."""

    level: RollupLevel
    size: SliceSize
    below_s: int | None = None


class DriftWatch:
    """Goes down through the clean buckets of each width, by turns, and begins anew. Not thread-safe."""

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
        self._descents = {level: Descent(level, SliceSize(TARGET_SECONDS, AT_FIRST[level])) for level in LEVELS}
        self._at = self._descents[LEVELS[0]]  # what the step is about
        self._turn = 0
        self._compared = 0
        self._next_tell = monotonic()
        for level in LEVELS:  # so that they are there at 0: no rise is seen of what begins at 1
            metrics.rollup_drifted.labels(level.name)
            metrics.rollup_compared.labels(level.name)

    def took_over(self) -> None:
        """Suspects stay suspects: they are compared again before anything is said."""

    def step(self) -> float:
        """Compare some buckets, and tell what is due. Returns the seconds to rest before the next call.

        Blocks for about a second, or for as long as one bucket takes. Raises nothing that the store says: the next
        step goes on with other buckets.
        """
        began = self._monotonic()
        try:
            self._work(began)
        except StoreError as error:
            self._metrics.rollup_failures.inc()
            self._at.size.failed()
            log.warning("rollups not compared with their runs", reason=str(error)[:500])
        seconds = self._monotonic() - began
        self._metrics.rollup_seconds.labels("compare").inc(seconds)
        return max(COMPARE_EVERY_SECONDS, seconds * (1 / SHARE - 1))

    def _work(self, now: float) -> None:
        drifted = self._confirmed(now)
        if not drifted:
            self._compare_one_width()
        if drifted or (self._compared and now >= self._next_tell):
            self._tell(drifted, now)

    def _confirmed(self, now: float) -> list[CleanBucket]:
        due = self._suspects.due(now, lambda level: self._descents[level].size.buckets)
        if due:
            self._at = self._descents[due[0].level]
        return differing_buckets(self._store, due, self._limits)

    def _compare_one_width(self) -> None:
        """That whose turn it is, else the next that has anything to compare."""
        descents = list(self._descents.values())
        by_turns = [*descents[self._turn :], *descents[: self._turn]]
        self._turn = (self._turn + 1) % len(descents)
        for descent in by_turns:
            if self._compare_some(descent):
                return

    def _compare_some(self, descent: Descent) -> bool:
        self._at = descent
        clean = clean_buckets(self._store, descent.size.buckets, descent.below_s, level=descent.level)
        clean = [one for one in clean if same_month(one.start_s, clean[0].start_s)]
        descent.below_s = clean[-1].start_s if clean else None
        if not clean:
            return False
        began = self._monotonic()
        self._suspects.add(differing_buckets(self._store, clean, self._limits), began)
        descent.size.took(len(clean), self._monotonic() - began)
        self._compared += len(clean)
        self._metrics.rollup_compared.labels(descent.level.name).inc(len(clean))
        return True

    def _tell(self, drifted: Sequence[CleanBucket], now: float) -> None:
        starts = [one.start_s for one in drifted]
        tell_checked(self._store, RollupsChecked(self._compared, tuple(starts)))
        self._compared, self._next_tell = 0, now + TELL_EVERY_SECONDS
        # All quarter hours of an hour or day: any of them may be what is wrong, and it would be made of them again.
        for start_s, end_s in stretches(drifted):
            mark_buckets(self._store, start_s, end_s)
        if drifted:
            width = drifted[0].level.name
            self._metrics.rollup_drifted.labels(width).inc(len(starts))
            log.error("rollups had drifted from their runs, and are made anew", width=width, buckets_unix_s=starts[:20])

"""Which buckets are recomputed next, how many at once, and how long to rest afterwards. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from runtally_clickhouse.rollup_levels import RollupLevel
from runtally_clickhouse.rollups import BUCKETS_AT_ONCE, DirtyBucket, DirtyBuckets

FIRST_BUCKETS = 32


class SliceSize:
    """How many buckets one recomputation takes: it follows the time that they take, not their number.

    Where each bucket costs a scan of its month, more of them at once cost no more; where they cost by their rows,
    fewer at once hold less memory.
    """

    def __init__(self, target_seconds: float, first: int = FIRST_BUCKETS) -> None:
        self._target_seconds = target_seconds
        self.buckets = first

    def took(self, buckets: int, seconds: float) -> None:
        """A slice of this many was done in this time."""
        if seconds > self._target_seconds:
            self.buckets = max(1, min(self.buckets, buckets) // 2)
        elif buckets >= self.buckets and seconds < self._target_seconds / 2:
            self.buckets = min(BUCKETS_AT_ONCE, 2 * self.buckets)

    def failed(self) -> None:
        """It needed more memory or time than it may have, say."""
        self.buckets = max(1, self.buckets // 2)


def newest_slice(due: Sequence[DirtyBucket], most: int) -> list[DirtyBucket]:
    """The first of these, newest first, as far as they lie in one month (UTC): one INSERT SELECT."""
    if not due:
        return []
    return [bucket for bucket in due[:most] if same_month(bucket.start_s, due[0].start_s)]


def settled(wide: Sequence[DirtyBucket], level: RollupLevel, quarters: DirtyBuckets) -> list[DirtyBucket]:
    """Those hours or days in which every quarter hour is up to date, as far down as the dirty ones are listed.

    They are made of quarter hours then, which is cheap, and nobody is writing to them.
    """
    unsettled = {level.start_of(one.start_s) for one in quarters.listed}
    known_from = quarters.listed[-1].start_s if quarters.total > len(quarters.listed) else 0
    return [one for one in wide if one.start_s not in unsettled and one.start_s >= known_from]


@dataclass(frozen=True, slots=True)
class PlannerLimits:
    """`hot_seconds`: how often a bucket that is being written is recomputed at most. `share` of the time is spent.

    `first_buckets` are recomputed at once at first.
    """

    hot_seconds: float = 45.0
    target_seconds: float = 3.0
    share: float = 0.1
    first_buckets: int = FIRST_BUCKETS


class Planner:
    """Newest first by turns with going down from there, so that a month that is written all the time starves no other.

    A look goes down from `looks()`; tell `choose` what it found, and `took` or `failed` what became of that.
    """

    def __init__(self, limits: PlannerLimits) -> None:
        self._limits = limits
        self._size = SliceSize(limits.target_seconds, limits.first_buckets)
        self._tried_at: dict[int, float] = {}
        self._below_s: int | None = None
        self._goes_down = False

    def looks(self) -> list[int | None]:
        """Before which bucket to look for dirty ones, in turn until something is chosen; None is from the newest."""
        return [self._below_s, None] if self._goes_down and self._below_s is not None else [None]

    def choose(self, dirty: Sequence[DirtyBucket], now: float) -> list[DirtyBucket]:
        """Of these, newest first, those to recompute now."""
        oldest = now - self._limits.hot_seconds
        self._tried_at = {bucket: at for bucket, at in self._tried_at.items() if at > oldest}
        due = [bucket for bucket in dirty if bucket.start_s not in self._tried_at]
        chosen = newest_slice(due, self._size.buckets)
        self._tried_at |= {bucket.start_s: now for bucket in chosen}
        if chosen:
            if self._goes_down or self._below_s is None:
                self._below_s = chosen[-1].start_s
            self._goes_down = not self._goes_down
        return chosen

    def nothing_below(self) -> None:
        """The way down has come to its end, and begins anew."""
        self._below_s = None

    def took(self, chosen: Sequence[DirtyBucket], seconds: float) -> None:
        self._size.took(len(chosen), seconds)

    def failed(self) -> None:
        self._size.failed()

    def rest_after(self, seconds: float) -> float:
        """So that no more than the share of the time is spent."""
        return seconds * (1 / self._limits.share - 1)


def same_month(one_s: int, other_s: int) -> bool:
    """Whether two instants (Unix seconds) lie in one month (UTC), and so their runs in one partition."""
    one, other = (datetime.fromtimestamp(instant, UTC) for instant in (one_s, other_s))
    return (one.year, one.month) == (other.year, other.month)

"""The steps of a time series as local clocks have them, across changes of the clocks; and their forerunners. Pure."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from runtally_clickhouse.catalogue import EPOCH, FIRST_INSTANT, LAST_INSTANT, unix_ms

Granularity = Literal["minute", "quarter_hour", "hour", "day", "week", "month", "none"]
GRANULARITIES: Final = ("minute", "quarter_hour", "hour", "day", "week", "month", "auto", "none")
Comparison = Literal["previous_period", "previous_week", "previous_year"]
COMPARISONS: Final[tuple[Comparison, ...]] = ("previous_period", "previous_week", "previous_year")
CELL_MS: Final = 900_000
_WIDTHS: Final = {"minute": timedelta(minutes=1), "quarter_hour": timedelta(minutes=15), "hour": timedelta(hours=1)}
# Up to this length, a range is shown in steps of this kind.
_FITTING: Final[tuple[tuple[timedelta, Granularity], ...]] = (
    (timedelta(hours=2), "minute"),
    (timedelta(days=1, hours=1), "quarter_hour"),
    (timedelta(days=7, hours=1), "hour"),
    (timedelta(days=100), "day"),
    (timedelta(days=731), "week"),
)


@dataclass(frozen=True, slots=True)
class TimeSteps:
    """A half-open range of instants, and the instants (Unix ms, ascending) at which its steps begin.

    The first step may begin before the range does. Without steps the granularity is `none`.
    """

    start: datetime
    end: datetime
    zone: ZoneInfo
    granularity: Granularity
    starts_ms: tuple[int, ...]
    last_end_ms: int

    def minutes(self, step: int | None) -> float:
        """The minutes of a step that lie in the range; of the whole range for None."""
        first, last = unix_ms(self.start), unix_ms(self.end)
        if step is not None:
            first = max(first, self.starts_ms[step])
            last = min(last, self.end_ms(step))
        return max(1, last - first) / 60_000

    def end_ms(self, step: int) -> int:
        """Where the step ends, as Unix ms."""
        return self.starts_ms[step + 1] if step + 1 < len(self.starts_ms) else self.last_end_ms

    def segments(self) -> tuple[list[int], list[int]]:
        """The steps, as few (first start, width) as tell them all: equal steps in a row are one."""
        firsts: list[int] = []
        widths: list[int] = []
        for step, start in enumerate(self.starts_ms):
            width = self.end_ms(step) - start
            if width > 0 and (not widths or widths[-1] != width):
                firsts.append(start)
                widths.append(width)
        return firsts, widths

    def local(self, step: int) -> datetime:
        """When the step begins, in the zone."""
        return (EPOCH + timedelta(milliseconds=self.starts_ms[step])).astimezone(self.zone)

    @property
    def fits_cells(self) -> bool:
        """Whether no step begins within the 15 minutes of a cell."""
        return all(start % CELL_MS == 0 for start in (*self.starts_ms[1:], *self.starts_ms[:1]))


def fitting_granularity(start: datetime, end: datetime) -> Granularity:
    """What `auto` means for a range."""
    return next((name for longest, name in _FITTING if end - start <= longest), "month")


def count_steps(start: datetime, end: datetime, granularity: Granularity) -> int:
    """About how many steps a range has, without making them."""
    widths = {**_WIDTHS, "day": timedelta(days=1), "week": timedelta(weeks=1), "month": timedelta(days=28)}
    return 0 if granularity == "none" else (end - start) // widths[granularity] + 1


def make_steps(start: datetime, end: datetime, zone: ZoneInfo, granularity: Granularity) -> TimeSteps:
    """The steps of a range; weeks begin on Monday."""
    if granularity == "none":
        return TimeSteps(start, end, zone, granularity, (), unix_ms(end))
    starts = (
        _clock_steps(start, end, zone, granularity) if granularity in _WIDTHS else _days(start, end, zone, granularity)
    )
    return TimeSteps(start, end, zone, granularity, tuple(starts[:-1]), starts[-1])


def earlier(steps: TimeSteps, comparison: Comparison) -> TimeSteps:
    """The range that this one is compared with, step by step: `starts_ms[n]` of both belong together.

    A range of whole days is moved by days of the calendar, so that days stay days when the clocks change between.
    """
    zone = steps.zone

    def moved(instant: datetime) -> datetime:
        local = instant.astimezone(zone)
        if comparison == "previous_year":
            return _a_year_before(local).astimezone(UTC)
        if comparison == "previous_week":
            return _days_before(local, 7).astimezone(UTC)
        days = _whole_days(steps)
        return instant - (steps.end - steps.start) if days is None else _days_before(local, days).astimezone(UTC)

    def moved_ms(instant_ms: int) -> int:
        return unix_ms(moved(EPOCH + timedelta(milliseconds=instant_ms)))

    last_end = moved_ms(steps.last_end_ms)
    starts: list[int] = []
    # A local time that the earlier day skips is that of the step after it: such a step is empty, none is out of order.
    for start in reversed(steps.starts_ms):
        starts.append(min(moved_ms(start), starts[-1] if starts else last_end))
    return TimeSteps(moved(steps.start), moved(steps.end), zone, steps.granularity, tuple(reversed(starts)), last_end)


@lru_cache(maxsize=64)
def zone_offsets(zone: ZoneInfo) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """From which Unix ms on the zone is how many seconds ahead of UTC, over all years that runs can have."""
    starts, offsets = [unix_ms(FIRST_INSTANT)], [_offset(zone, FIRST_INSTANT)]
    day, instant = timedelta(days=1), FIRST_INSTANT
    while instant < LAST_INSTANT:
        following = instant + day
        if _offset(zone, following) != offsets[-1]:
            change = _change_between(zone, instant, following)
            starts.append(unix_ms(change))
            offsets.append(_offset(zone, change))
        instant = following
    return tuple(starts), tuple(offsets)


def _offset(zone: ZoneInfo, instant: datetime) -> int:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def _change_between(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first whole minute at which the zone's clocks are as they are at `after`."""
    minutes = range((after - before) // timedelta(minutes=1) + 1)
    is_late = bisect_right(
        minutes, 0, key=lambda n: int(_offset(zone, before + timedelta(minutes=n)) != _offset(zone, before))
    )
    return before + timedelta(minutes=is_late)


def _clock_steps(start: datetime, end: datetime, zone: ZoneInfo, granularity: Granularity) -> list[int]:
    """Steps of a fixed width by the local clock. Where the clocks change, a step ends and another begins."""
    width = _WIDTHS[granularity] // timedelta(milliseconds=1)
    changes, offsets = zone_offsets(zone)
    last = unix_ms(end)
    instant = unix_ms(start)
    place = bisect_right(changes, instant) - 1
    instant -= (instant + offsets[place] * 1000) % width
    starts = []
    while instant < last:
        starts.append(instant)
        following = instant + width - (instant + offsets[place] * 1000) % width
        if place + 1 < len(changes) and changes[place + 1] <= following:
            place += 1
            following = changes[place]
        instant = following
    return [*starts, instant]


def _days(start: datetime, end: datetime, zone: ZoneInfo, granularity: Granularity) -> list[int]:
    day = start.astimezone(zone).date()
    if granularity == "week":
        day -= timedelta(days=day.weekday())
    elif granularity == "month":
        day = day.replace(day=1)
    starts = []
    while _midnight(day, zone) < end:
        starts.append(unix_ms(_midnight(day, zone)))
        day = _following(day, granularity)
    return [*starts, unix_ms(_midnight(day, zone))]


def _following(day: date, granularity: Granularity) -> date:
    if granularity == "month":
        return (day + timedelta(days=32)).replace(day=1)
    return day + timedelta(days=7 if granularity == "week" else 1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _whole_days(steps: TimeSteps) -> int | None:
    """How many local days the range is made of; None when it begins or ends within one."""
    first, last = (bound.astimezone(steps.zone) for bound in (steps.start, steps.end))
    if (first.time(), last.time()) != (time(), time()):
        return None
    return (last.date() - first.date()).days


def _days_before(local: datetime, days: int) -> datetime:
    return (local.replace(tzinfo=None) - timedelta(days=days)).replace(tzinfo=local.tzinfo, fold=local.fold)


def _a_year_before(local: datetime) -> datetime:
    day = 28 if (local.month, local.day) == (2, 29) else local.day
    return local.replace(year=local.year - 1, day=day)

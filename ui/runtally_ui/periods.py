"""From what the reader picked to the very instants that are asked for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Params = tuple[tuple[str, str], ...]

PRESET_DAYS = {"7d": 7, "30d": 30, "90d": 90}
HOURS = "24h"
ALL = "All"
CUSTOM = "Custom"
RANGES = (HOURS, *PRESET_DAYS, ALL, CUSTOM)
DEFAULT_RANGE = "30d"
DEFAULT_TIMEZONE = "UTC"
LONGEST_DAYS = 400
"""What the API answers at most in one question, as it is set by default."""

COMPARISONS = {
    "vs previous period": "previous_period",
    "vs previous week": "previous_week",
    "vs previous year": "previous_year",
    "no comparison": None,
}
"""The words of the filter bar and the API's names for them."""

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """From `start` to before `end`, both with their zone. `preset` is empty for a custom one."""

    start: datetime
    end: datetime
    timezone: str
    preset: str = ""

    @property
    def first(self) -> date:
        return self.start.date()

    @property
    def last(self) -> date:
        """The last day of which any moment belongs to the period."""
        return max(self.first, (_naive(self.end) - timedelta(microseconds=1)).date())

    @property
    def whole_days(self) -> bool:
        return self.start.time() == time() and self.end.time() == time()

    def __len__(self) -> int:
        """How many days it touches."""
        return (self.last - self.first).days + 1

    def params(self) -> Params:
        """The API's `from`, `to` and `timezone`."""
        start, end = self.bounds()
        return (("from", start), ("to", end), ("timezone", self.timezone))

    def bounds(self) -> tuple[str, str]:
        """`from` and `to` as the API reads them: days, the last included, or instants."""
        if self.whole_days:
            return self.first.isoformat(), self.last.isoformat()
        return _instant(self.start), _instant(self.end)

    def before(self, comparison: str = "previous_period") -> "Period":
        """The period that this one is compared with, by the calendar of its zone."""
        if comparison == "previous_week":
            return self._moved(7 * _DAY)
        if comparison == "previous_year":
            return self._a_year_earlier()
        if self.whole_days:
            return self._moved(_DAY * len(self))
        length = self.end.astimezone(UTC) - self.start.astimezone(UTC)
        zone = ZoneInfo(self.timezone)
        start = (self.start.astimezone(UTC) - length).astimezone(zone)
        return replace(self, start=start, end=self.start, preset="")

    def within(self, other: "Period") -> "Period":
        """What of it lies in `other`: a range begins and ends in the midst of a week or a month."""
        return replace(self, start=max(self.start, other.start), end=min(self.end, other.end))

    def _moved(self, step: timedelta) -> "Period":
        # Arithmetic within one zone is by the wall clock, so that days stay whole when clocks change.
        return replace(self, start=self.start - step, end=self.end - step, preset="")

    def _a_year_earlier(self) -> "Period":
        return replace(self, start=_year_before(self.start), end=_year_before(self.end), preset="")


def days_period(first: date, last: date, timezone: str, preset: str = "") -> Period:
    """Whole days of one zone, both ends included."""
    zone = ZoneInfo(timezone)
    return Period(datetime.combine(first, time(), zone), datetime.combine(last + _DAY, time(), zone), timezone, preset)


def newest_days(last: date, length: int, timezone: str, preset: str = "") -> Period:
    """The `length` days that end with `last`."""
    return days_period(last - timedelta(days=length - 1), last, timezone, preset)


def newest_hours(now: datetime, length: int, timezone: str, preset: str = "") -> Period:
    """The `length` hours that end with the running one."""
    end = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    zone = ZoneInfo(timezone)
    return Period((end - timedelta(hours=length)).astimezone(zone), end.astimezone(zone), timezone, preset)


def local_today(now: datetime, timezone: str) -> date:
    """The day it is in `timezone` at the instant `now`."""
    return now.astimezone(ZoneInfo(timezone)).date()


def resolve_period(
    chosen: str | None, bounds: Sequence[str], timezone: str, now: datetime, begin: date | None = None
) -> Period:
    """What a range means at `now`. `bounds` are the texts of `from` and `to`; one that cannot be read is left out.
    `begin` is the day of the first run of all, for the range "All".
    """
    today = local_today(now, timezone)
    if chosen == CUSTOM:
        found = _custom(bounds, timezone)
        if found is not None:
            return found
    if chosen == HOURS:
        return newest_hours(now, 24, timezone, HOURS)
    if chosen == ALL:
        earliest = today - timedelta(days=LONGEST_DAYS - 2)
        return days_period(min(today, max(begin or earliest, earliest)), today, timezone, ALL)
    preset = chosen if chosen in PRESET_DAYS else DEFAULT_RANGE
    return newest_days(today, PRESET_DAYS[preset], timezone, preset)


def moved_to(period: Period, now: datetime) -> Period:
    """A relative period as it is at `now`; a custom one stays."""
    if not period.preset:
        return period
    return resolve_period(period.preset, (), period.timezone, now, period.first)


def parse_bound(text: str, timezone: str, *, upper: bool) -> datetime | None:
    """A day, a wall-clock time or an instant; None when it is none. A day as upper bound is included."""
    zone = ZoneInfo(timezone)
    try:
        if _DATE.fullmatch(text):
            return datetime.combine(date.fromisoformat(text) + (_DAY if upper else timedelta()), time(), zone)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return found.astimezone(zone) if found.tzinfo else found.replace(tzinfo=zone)


def before_words(period: Period, comparison: str) -> str:
    """What a change is against: `than last week`."""
    if comparison == "previous_year":
        return "than last year"
    if comparison == "previous_week" or period.preset == "7d":
        return "than last week"
    if period.preset == HOURS or not period.whole_days:
        return "than the 24 hours before" if period.preset == HOURS else "than the hours before"
    days = len(period)
    return "than the day before" if days == 1 else f"than the {days} days before"


def _custom(bounds: Sequence[str], timezone: str) -> Period | None:
    start_text, end_text = (*bounds, "", "")[:2]
    start = parse_bound(start_text or end_text, timezone, upper=False)
    end = parse_bound(end_text or start_text, timezone, upper=True)
    if start is None or end is None:
        return None
    if end <= start:
        start = parse_bound(end_text, timezone, upper=False) or start
        end = parse_bound(start_text, timezone, upper=True) or end
    return Period(start, end, timezone) if start < end else None


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _naive(value: datetime) -> datetime:
    return value.replace(tzinfo=None)


def _year_before(value: datetime) -> datetime:
    try:
        return value.replace(year=value.year - 1)
    except ValueError:  # 29 February
        return value.replace(year=value.year - 1, day=28)

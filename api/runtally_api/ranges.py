"""From what an asker writes ("-7d", "2026-11-21", an instant) to two instants and the local days between them."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from runtally.fields import FIRST_YEAR, LAST_YEAR, parse_instant
from runtally_clickhouse.catalogue import FIRST_INSTANT, LAST_INSTANT, unix_ms

from runtally_api.problems import FieldError, InvalidRequest

DEFAULT_DAYS = 30
_DAY = timedelta(days=1)
_RELATIVE = re.compile(r"-(\d{1,5})([hdw])", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# "+02:00" in a query string that was not percent-encoded arrives as " 02:00".
_UNESCAPED_PLUS = re.compile(r" (?=\d\d:?\d\d$)")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A half-open range of instants, seen from a time zone."""

    start: datetime
    end: datetime
    zone: ZoneInfo

    @property
    def timezone(self) -> str:
        return self.zone.key

    def days(self) -> dict[int, date]:
        """The local calendar days that the range touches, ascending, by their first Unix millisecond."""
        first = self.start.astimezone(self.zone).date()
        last = (self.end - timedelta(microseconds=1)).astimezone(self.zone).date()
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        return {unix_ms(midnight(day, self.zone)): day for day in days}


def resolve_range(
    from_: str | None, to: str | None, timezone: str | None, now: datetime, longest: timedelta
) -> TimeRange:
    """The range that the parameters mean at `now`. Raises `InvalidRequest` that names the parameter.

    Without both, the 30 calendar days that end with today. A date as upper bound includes its day.
    """
    zone = _zone(timezone or "UTC")
    today = now.astimezone(zone).date()
    end = _bound("to", to, zone, now, upper=True) if to else _default_end(from_, zone, now, today)
    if from_:
        start = _bound("from", from_, zone, now, upper=False)
    else:
        last_day = (end - timedelta(microseconds=1)).astimezone(zone).date()
        start = midnight(last_day - timedelta(days=DEFAULT_DAYS - 1), zone)
    return _checked(TimeRange(start, end, zone), longest)


def resolve_open_range(
    from_: str | None, to: str | None, timezone: str | None, now: datetime, longest: timedelta
) -> TimeRange:
    """As `resolve_range`, but a bound that is not given does not bind, and only a range with both can be too long."""
    zone = _zone(timezone or "UTC")
    start = _bound("from", from_, zone, now, upper=False) if from_ else FIRST_INSTANT
    end = _bound("to", to, zone, now, upper=True) if to else LAST_INSTANT
    return _checked(TimeRange(start, end, zone), longest if from_ and to else timedelta.max)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which the local day begins."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _default_end(from_: str | None, zone: ZoneInfo, now: datetime, today: date) -> datetime:
    return now if from_ and _RELATIVE.fullmatch(from_) else midnight(today + timedelta(days=1), zone)


def _checked(time_range: TimeRange, longest: timedelta) -> TimeRange:
    start, end, zone = time_range.start, time_range.end, time_range.zone
    if start >= end:
        raise InvalidRequest(FieldError("from", "must lie before to", "swap the two bounds, or widen the range"))
    # Whole days are counted as the calendar does: a change of the clocks makes none of them longer.
    on_the_wall = end.astimezone(zone).replace(tzinfo=None) - start.astimezone(zone).replace(tzinfo=None)
    if min(end - start, on_the_wall) > longest:
        raise InvalidRequest(
            FieldError("from", f"the range is longer than {longest.days} days", "ask for a shorter range")
        )
    return time_range


@cache
def _known_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(name: str) -> ZoneInfo:
    if name not in _known_zones():
        raise InvalidRequest(
            FieldError("timezone", f"unknown time zone '{name[:60]}'", "send an IANA name such as Europe/Berlin")
        )
    return ZoneInfo(name)


def _bound(field: str, text: str, zone: ZoneInfo, now: datetime, *, upper: bool) -> datetime:
    try:
        instant = _instant(text, zone, now, upper=upper)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(
            FieldError(field, f"not a time: '{text[:60]}'", "send an instant with a zone, a date, or -24h, -7d, -30d")
        ) from error
    # A day of room on both sides: the first and the last year are meant in any zone.
    if not FIRST_INSTANT - _DAY <= instant <= LAST_INSTANT + _DAY:
        message = f"lies outside the years {FIRST_YEAR} to {LAST_YEAR}: '{text[:60]}'"
        raise InvalidRequest(FieldError(field, message, "no run is outside these years"))
    return instant


def _instant(text: str, zone: ZoneInfo, now: datetime, *, upper: bool) -> datetime:
    relative = _RELATIVE.fullmatch(text)
    if relative:
        return now - int(relative.group(1)) * _UNITS[relative.group(2)]
    if _DATE.fullmatch(text):
        return midnight(date.fromisoformat(text) + timedelta(days=int(upper)), zone)
    return parse_instant(_UNESCAPED_PLUS.sub("+", text))

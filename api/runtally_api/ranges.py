"""From what an asker writes ("-7d", "2026-11-21", an instant) to two instants and the local days between them."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from runtally.fields import FIRST_YEAR, LAST_YEAR, parse_instant

from runtally_api.problems import FieldError, InvalidRequest

DEFAULT_DAYS = 30
_RELATIVE = re.compile(r"-(\d{1,5})([hdw])")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
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

    def days(self) -> list[date]:
        """The local calendar days that the range touches, ascending."""
        first = self.start.astimezone(self.zone).date()
        last = (self.end - timedelta(microseconds=1)).astimezone(self.zone).date()
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]


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
    if start >= end:
        raise InvalidRequest(FieldError("from", "must lie before to", "swap the two bounds, or widen the range"))
    if end - start > longest + timedelta(hours=2):  # a range of whole days may hold a clock change
        raise InvalidRequest(
            FieldError("from", f"the range is longer than {longest.days} days", "ask for a shorter range")
        )
    return TimeRange(start, end, zone)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which the local day begins."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _default_end(from_: str | None, zone: ZoneInfo, now: datetime, today: date) -> datetime:
    return now if from_ and _RELATIVE.fullmatch(from_) else midnight(today + timedelta(days=1), zone)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidRequest(
            FieldError("timezone", f"unknown time zone '{name[:60]}'", "send an IANA name such as Europe/Berlin")
        ) from error


def _bound(field: str, text: str, zone: ZoneInfo, now: datetime, *, upper: bool) -> datetime:
    relative = _RELATIVE.fullmatch(text)
    if relative:
        return now - int(relative.group(1)) * _UNITS[relative.group(2)]
    try:
        if _DATE.fullmatch(text):
            day = date.fromisoformat(text)
            if not FIRST_YEAR <= day.year <= LAST_YEAR:
                raise ValueError(f"outside the years {FIRST_YEAR} to {LAST_YEAR}")
            return midnight(day + timedelta(days=int(upper)), zone)
        return parse_instant(_UNESCAPED_PLUS.sub("+", text))
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(
            FieldError(field, f"not a time: '{text[:60]}'", "send an instant with a zone, a date, or -24h, -7d, -30d")
        ) from error

"""How values are written in answers (CONTRACT section 2)."""

from datetime import UTC, datetime
from decimal import Decimal

from runtally.events import format_money

NAME_CHARACTERS = 100


def instant(value: datetime | None) -> str | None:
    """RFC 3339 in UTC with `Z`: whole seconds, milliseconds or microseconds, the shortest that is exact."""
    if value is None:
        return None
    utc = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    precision = "seconds" if utc.microsecond == 0 else "microseconds" if utc.microsecond % 1000 else "milliseconds"
    return utc.isoformat(timespec=precision).replace("+00:00", "Z")


def money(value: Decimal | None) -> str | None:
    """Plain decimal text, trailing zeros trimmed."""
    return None if value is None else format_money(value)


def ratio(part: float, whole: float) -> float | None:
    """part / whole, or None when there is nothing to divide by."""
    return part / whole if whole else None


def shortened(text: str) -> str:
    """A message as lists show it: its first hundred characters, and an ellipsis when there was more."""
    return text if len(text) <= NAME_CHARACTERS else text[:NAME_CHARACTERS] + "…"

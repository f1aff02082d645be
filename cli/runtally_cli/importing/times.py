"""Times as strangers write them: ISO 8601 with or without a zone, counts since 1970, or a pattern of their own."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, Inexact
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from runtally.fields import shown
from runtally.identity import EPOCH
from runtally.json_text import JsonValue

from runtally_cli.importing.json_values import EXACT, as_number

ISO = "iso"
EPOCH_UNITS = {
    "epoch_s": Decimal(1_000_000),
    "epoch_ms": Decimal(1_000),
    "epoch_us": Decimal(1),
    "epoch_ns": Decimal("0.001"),
}
# To milliseconds.
DURATION_UNITS = {
    "ns": Decimal("0.000001"),
    "us": Decimal("0.001"),
    "ms": Decimal(1),
    "s": Decimal(1000),
    "min": Decimal(60_000),
    "h": Decimal(3_600_000),
}
_FAR = Decimal(10) ** 18
# What `fromisoformat` does not take: a zone by name, also after an offset as Go prints it, and a space before it.
_ZONE_TAIL = re.compile(r"\s*(?:(Z|UTC|GMT)|([+-]\d\d(?::?\d\d)?)(?:\s+[A-Z]{3,5})?)$", re.ASCII | re.IGNORECASE)
_DATE = re.compile(r"\d{4}-?\d\d-?\d\d(?:[Tt ]|$)", re.ASCII)


class UnreadableTime(ValueError):
    """No instant could be read. `str()` says why, `remedy` what to write into the map."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


@cache
def known_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def read_time(value: JsonValue, form: str, zone: str | None) -> datetime:
    """The instant in UTC; digits finer than a microsecond are cut. Raises `UnreadableTime`."""
    if form in EPOCH_UNITS:
        return _since_epoch(value, form)
    if not isinstance(value, str):
        forms = "epoch_s, epoch_ms or epoch_us" if as_number(value) is not None else "iso over text"
        raise UnreadableTime(f"is no text that holds a time, got {shown(value)}", f"write `time: {forms}` beside it")
    local = _iso(value) if form == ISO else _by_pattern(value, form)
    if local.tzinfo is not None:
        return _in_utc(local, value)
    if zone is None:
        raise UnreadableTime(
            f"has no zone, got {shown(value)}", "write `zone: UTC`, or the zone that its clock had, into the map"
        )
    return _in_zone(local, ZoneInfo(zone), value)


def _since_epoch(value: JsonValue, form: str) -> datetime:
    number = as_number(value)
    if number is None:
        raise UnreadableTime(f"must be a number for {form}, got {shown(value)}", "write `time: iso` for times in text")
    if Decimal(number).copy_abs() < _FAR * 1000:
        try:
            micros = EXACT.multiply(Decimal(number), EPOCH_UNITS[form]).to_integral_value(ROUND_FLOOR, EXACT)
            return EPOCH + timedelta(microseconds=int(micros))
        except (OverflowError, Inexact):
            pass
    raise UnreadableTime(f"is a time that no calendar has, got {shown(value)}", f"is it really {form}?")


def _iso(text: str) -> datetime:
    stripped = text.strip()
    if as_number(stripped) is not None:
        raise UnreadableTime(
            f"is a number, got {shown(text)}", "write `time: epoch_s`, `epoch_ms` or `epoch_us` beside it"
        )
    tail = _ZONE_TAIL.search(stripped)
    if tail and ":" in stripped[: tail.start()]:  # the end of a plain date (`2026-03-22`) looks like an offset too
        stripped = stripped[: tail.start()] + (tail.group(2) or "+00:00")
    try:
        if not _DATE.match(stripped):  # else `2026-03-22+02:00` would be two o'clock
            raise ValueError(stripped)
        return datetime.fromisoformat(stripped)
    except ValueError as error:
        raise UnreadableTime(
            f"is no ISO 8601 time, got {shown(text)}", 'write its pattern beside it, such as `time: "%d.%m.%Y %H:%M"`'
        ) from error


def _by_pattern(text: str, pattern: str) -> datetime:
    try:
        return datetime.strptime(text.strip(), pattern)
    except ValueError as error:
        raise UnreadableTime(f"does not match {pattern}, got {shown(text)}", "mend the pattern in the map") from error


def _in_utc(instant: datetime, text: str) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise UnreadableTime(f"is a time that no calendar has, got {shown(text)}", "send the real time") from error


def _in_zone(local: datetime, zone: tzinfo, text: str) -> datetime:
    """The first of the two where clocks were set back; refused where they were set forward over it."""
    instant = _in_utc(local.replace(tzinfo=zone), text)
    if instant.astimezone(zone).replace(tzinfo=None) != local:
        raise UnreadableTime(f"is a time that {zone} skipped, got {shown(text)}", "is it the right zone?")
    return instant


def whole_milliseconds(value: JsonValue, unit: str) -> JsonValue:
    """The duration in whole milliseconds, half to even; what is no number comes back as it is."""
    number = as_number(value)
    if number is None or Decimal(number).copy_abs() > _FAR:
        return value
    try:
        exact = EXACT.multiply(Decimal(number), DURATION_UNITS[unit])
    except Inexact:  # of more than a thousand digits
        return value
    return int(exact.to_integral_value(ROUND_HALF_EVEN, EXACT))

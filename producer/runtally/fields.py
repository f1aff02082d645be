"""The types of the contract's fields: what each accepts, and the words in which it refuses.

Every check is strict: a number in quotes is no integer, `true` is no number, a time needs a zone.
Messages are written for the sender of the value; `violations` adds the remedy.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from runtally.json_text import NotFinite, RepeatingObject

MAX_INTEGER = 2**53 - 1
MAX_TEXT = 256
MAX_MESSAGE_BYTES = 4096
MAX_TAGS, MAX_TAG_KEY, MAX_TAG_VALUE = 32, 64, 256
FIRST_YEAR, LAST_YEAR = 2015, 2100
MONEY_LIMIT = Decimal(10**9)
NANO = Decimal("1e-9")

_EXACT = Context(prec=400_000, Emax=999_999_999, Emin=-999_999_999)
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,9})?", re.ASCII)
# RFC 3339, and the spellings beside it that are as clear: seconds left out, an offset without a colon.
_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)",
    re.ASCII,
)


def shown(value: object) -> str:
    """The value as an error message shows it: short, and never a page of text."""
    text = value.text if isinstance(value, NotFinite) else str(value)
    if value is None:
        text = "null"
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, dict | list):
        text = "an object" if isinstance(value, dict) else "a list"
    elif isinstance(value, str):
        text = f"'{printable(value)}'"
    return text if len(text) <= 60 else f"{text[:57]}..."


def printable(text: str) -> str:
    """The text with lone surrogates written out: JSON can hold them, no answer and no log can."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def refusal(kind: str, reason: str) -> PydanticCustomError:
    """The error a field's check raises; `kind` chooses the remedy in `violations`."""
    return PydanticCustomError(kind, "{reason}", {"reason": reason})


def _text(value: object, longest: int, shortest: int = 0) -> str:
    bound = f"{shortest} to {longest}" if shortest else f"at most {longest}"
    if not isinstance(value, str):
        raise refusal("text", f"must be a string of {bound} characters, got {shown(value)}")
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise refusal("text", "must be valid Unicode, got a lone surrogate") from error
    if not shortest <= len(value) <= longest:
        raise refusal("text", f"must be a string of {bound} characters, got {len(value)}")
    return value


def _identifier(value: object) -> str:
    return _text(value, longest=128, shortest=1)


def _label(value: object) -> str:
    return "" if value is None else _text(value, longest=MAX_TEXT)


def _message(value: object) -> str:
    if value is None:
        return ""
    text = _text(value, longest=10**9)
    encoded = text.encode("utf-8")
    return text if len(encoded) <= MAX_MESSAGE_BYTES else encoded[:MAX_MESSAGE_BYTES].decode("utf-8", "ignore")


def _integer(value: object, least: int, greatest: int, phrase: str) -> int | None:
    if value is None:
        return None
    number = value
    if isinstance(number, float):
        number = Decimal(repr(number)) if number == number and abs(number) != float("inf") else NotFinite(repr(number))
    if isinstance(number, Decimal) and -(2**64) < number < 2**64 and number == number.to_integral_value():
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise refusal("number", f"must be {phrase}, got {shown(value)}")
    if number > greatest:
        raise refusal("number", f"must be at most {greatest}, got {shown(value)}")
    return number


def _count(value: object) -> int | None:
    return _integer(value, 0, MAX_INTEGER, "an integer >= 0")


def _rating(value: object) -> int:
    number = _integer(value, 1, MAX_INTEGER, "an integer from 1 to 5")
    if number is None or number > 5:
        raise refusal("rating", f"must be an integer from 1 to 5, got {shown(value)}")
    return number


def _decimal(value: object, phrase: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise refusal("number", f"must be {phrase}, got {shown(value)}")
    text = repr(value) if isinstance(value, float) else str(value)
    if not _NUMBER.fullmatch(text):
        raise refusal("number", f"must be {phrase}, got {shown(value)}")
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise refusal("number", f"must be {phrase}, got {shown(value)}") from error


def round_money(amount: Decimal) -> Decimal:
    """Half-even to nine decimals, from the exact decimal value."""
    return amount.quantize(NANO, rounding=ROUND_HALF_EVEN, context=_EXACT)


def _money(value: object) -> Decimal | None:
    if value is None:
        return None
    amount = _decimal(value, "a number or a decimal string >= 0")
    if amount < 0:
        raise refusal("number", f"must be >= 0, got {shown(value)}")
    if amount >= MONEY_LIMIT or (amount := round_money(amount)) >= MONEY_LIMIT:
        raise refusal("number", f"must be below 1000000000, rounded to nine decimals, got {shown(value)}")
    return abs(amount)  # -0 is 0


def _score(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, str):
        raise refusal("number", f"must be a number, got {shown(value)}")
    number = float(_decimal(value, "a number"))
    if not -1e300 < number < 1e300:
        raise refusal("number", f"must be a number between -1e300 and 1e300, got {shown(value)}")
    return number


def _instant(value: object) -> datetime:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise refusal("time", "must be a time with a zone, got one without")
        instant = value.astimezone(UTC)
    elif isinstance(value, str):
        instant = parse_instant(value)
    else:
        raise refusal("time", f"must be an RFC 3339 time in a string, got {shown(value)}")
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise refusal("year", f"must lie in the years {FIRST_YEAR} to {LAST_YEAR} (UTC), got {shown(value)}")
    return instant


def parse_instant(text: str) -> datetime:
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise refusal("time", f"must be an RFC 3339 time with a zone, got {shown(text)}")
    year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = match.groups()
    micros = int((fraction or "")[:6].ljust(6, "0"))  # finer digits are cut
    try:
        local = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micros, tzinfo=UTC)
        offset = timedelta(hours=int(zone_hours or 0), minutes=int(zone_minutes or 0))
        if int(zone_hours or 0) > 23 or int(zone_minutes or 0) > 59:
            raise ValueError("offset out of range")
        return local + offset if sign == "-" else local - offset
    except (ValueError, OverflowError) as error:
        raise refusal("time", f"must be a time that exists, got {shown(text)} ({error})") from error


def _optional_instant(value: object) -> datetime | None:
    return None if value is None else _instant(value)


def _boolean(value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise refusal("flag", f"must be true or false, got {shown(value)}")


def _flag(value: object) -> bool:
    return bool(_boolean(value))


def _string_map(value: object, most: int) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise refusal("strings", f"must be an object of strings, got {shown(value)}")
    if isinstance(value, RepeatingObject):
        raise refusal("strings", f"must not repeat a key, got {shown(value.repeated)} twice")
    if len(value) > most:
        raise refusal("strings", f"must hold at most {most} entries, got {len(value)}")
    for key, text in value.items():
        if not isinstance(text, str) or len(text) > MAX_TAG_VALUE or not 1 <= len(key) <= MAX_TAG_KEY:
            raise refusal(
                "strings",
                f"must map keys of 1 to {MAX_TAG_KEY} characters to strings of at most {MAX_TAG_VALUE}, "
                f"got {shown(text)} under {shown(key)}",
            )
        _text(key, MAX_TAG_KEY), _text(text, MAX_TAG_VALUE)
    return dict(value)


def _tags(value: object) -> dict[str, str]:
    return _string_map(value, MAX_TAGS)


def _one_of(*names: str, absent: str | None = None) -> Callable[[object], object]:
    def check(value: object) -> object:
        if value is None and absent is not None:
            return absent
        if not isinstance(value, str) or value not in names:
            raise refusal("choice", f"must be one of {', '.join(names)}, got {shown(value)}")
        return value

    return check


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


_TEXT = {"type": "string", "maxLength": MAX_TEXT}
_TIME = {"type": "string", "format": "date-time", "description": "RFC 3339 with a zone, years 2015 to 2100"}
_COUNT = {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER}
_AMOUNT = {
    "anyOf": [
        {"type": "number", "minimum": 0, "exclusiveMaximum": 10**9},
        {"type": "string", "pattern": r"^\+?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"},
        {"type": "null"},
    ]
}
_STRINGS = {
    "type": "object",
    "additionalProperties": _TEXT,
    "propertyNames": {"minLength": 1, "maxLength": MAX_TAG_KEY},
}
STATUSES = ("queued", "running", "succeeded", "failed", "cancelled", "timed_out", "unknown")
COST_SOURCES = ("reported", "inferred", "unknown")


def _status_schema(names: tuple[str, ...]) -> dict[str, Any]:
    return {"type": "string", "enum": list(names)}


Identifier = Annotated[
    str, BeforeValidator(_identifier), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 128})
]
Label = Annotated[str, BeforeValidator(_label), WithJsonSchema(_nullable(_TEXT))]
Message = Annotated[str, BeforeValidator(_message), WithJsonSchema(_nullable({"type": "string"}))]
Count = Annotated[int | None, BeforeValidator(_count), WithJsonSchema(_nullable(_COUNT))]
Rating = Annotated[int, BeforeValidator(_rating), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 5})]
Money = Annotated[Decimal | None, BeforeValidator(_money), WithJsonSchema(_AMOUNT)]
Score = Annotated[float | None, BeforeValidator(_score), WithJsonSchema(_nullable({"type": "number"}))]
Instant = Annotated[datetime, BeforeValidator(_instant), WithJsonSchema(_TIME)]
OptionalInstant = Annotated[datetime | None, BeforeValidator(_optional_instant), WithJsonSchema(_nullable(_TIME))]
Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema(_nullable({"type": "boolean"}))]
Tristate = Annotated[bool | None, BeforeValidator(_boolean), WithJsonSchema(_nullable({"type": "boolean"}))]
Tags = Annotated[
    dict[str, str], BeforeValidator(_tags), WithJsonSchema(_nullable({**_STRINGS, "maxProperties": MAX_TAGS}))
]
Status = Annotated[str, BeforeValidator(_one_of(*STATUSES)), WithJsonSchema(_status_schema(STATUSES))]
CostSource = Annotated[
    str | None,
    BeforeValidator(lambda value: None if value is None else _one_of(*COST_SOURCES)(value)),
    WithJsonSchema(_nullable(_status_schema(COST_SOURCES))),
]

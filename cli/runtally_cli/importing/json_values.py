"""Values as `read_json` returns them: their plain text, their numbers, and JSON text that keeps every digit."""

import json
import re
from collections.abc import Callable
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow

from runtally.json_text import JsonValue, NotFinite

# Sums are exact or refused: no file may make a sum of a million digits, and none is rounded unseen.
EXACT = Context(prec=1000, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact, InvalidOperation, Overflow, DivisionByZero])
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,9})?", re.ASCII)
_LONGEST_PLAIN = 400  # digits and zeros that a number may have when it is written without an exponent


def as_number(value: JsonValue) -> int | Decimal | None:
    """The number in the value: a number, or text that is one (a CSV cell). None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(text := value.strip()):
        try:
            return Decimal(text)
        except InvalidOperation:  # an exponent that not even a Decimal holds
            return None
    return None


def number_text(number: int | Decimal) -> str:
    """One text for equal numbers: 5, 5.0 and 5e0 are "5"."""
    if isinstance(number, int):
        return str(number)
    if number == 0:
        return "0"
    if abs(number.adjusted()) > _LONGEST_PLAIN:
        return str(number)
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def scalar_text(value: JsonValue) -> str | None:
    """The text of a text, a number or a truth value; None for what is none of these."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, NotFinite):
        return value.text
    return number_text(value) if isinstance(value, int | Decimal) else None


def canonical_json(value: JsonValue) -> str:
    """The same text for equal values, however they were written and in whatever order their keys stood."""
    return _written(value, number_text, sort=True)


def faithful_json(value: JsonValue) -> str:
    """JSON text with every number as it was read."""
    return _written(value, str, sort=False)


def _written(value: JsonValue, number: Callable[[int | Decimal], str], *, sort: bool) -> str:
    if isinstance(value, dict):
        items = sorted(value.items()) if sort else value.items()
        return "{" + ",".join(f"{_quoted(key)}:{_written(item, number, sort=sort)}" for key, item in items) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_written(item, number, sort=sort) for item in value) + "]"
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return number(value)
    return _quoted(value.text if isinstance(value, NotFinite) else value)


def _quoted(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode("utf-8")

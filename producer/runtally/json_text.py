"""Strict JSON reading: keeps decimal text exact, and remembers what the contract forbids.

What JSON's own grammar allows but the contract does not (a repeated key, NaN) does not fail the whole
document here: it is marked at its place, so that one bad item in an array costs no good neighbour.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

JsonValue = object


class InvalidJson(ValueError):
    """The bytes are not one JSON document in UTF-8. `str()` says where, in words for the sender."""


@dataclass(frozen=True, slots=True)
class NotFinite:
    """Stands where the text said NaN, Infinity, -Infinity, or a number that no decimal can hold."""

    text: str


class RepeatingObject(dict[str, JsonValue]):
    """A JSON object in which a key stood more than once; `repeated` names the first such key."""

    repeated: str


def _read_object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    marked = RepeatingObject(fields)
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            marked.repeated = key
            break
        seen.add(key)
    return marked


def _read_integer(digits: str) -> int | Decimal:
    # int() refuses more than 4300 digits; as a Decimal the value reaches the field's own range check.
    return int(digits) if len(digits) < 40 else Decimal(digits)


def _read_fraction(text: str) -> Decimal | NotFinite:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond what any decimal holds: no field takes it
        return NotFinite(text)


def is_deeper(value: JsonValue, levels: int) -> bool:
    """Whether objects and lists are nested more than `levels` deep in a value that `read_json` returned."""
    layer = [value]
    for _ in range(levels):
        layer = [inner for outer in layer for inner in _members(outer) if isinstance(inner, dict | list)]
        if not layer:
            return False
    return True


def _members(value: JsonValue) -> Iterable[JsonValue]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


_DECODER = json.JSONDecoder(
    object_pairs_hook=_read_object, parse_float=_read_fraction, parse_int=_read_integer, parse_constant=NotFinite
)


def read_json(data: bytes) -> JsonValue:
    """Decode one JSON document.

    Numbers with a fraction or exponent come back as `Decimal`, so money keeps its decimal text.
    Raises `InvalidJson` for invalid UTF-8, a syntax error, or nesting too deep to read.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidJson(f"invalid UTF-8 at byte {error.start}") from error
    try:
        value: JsonValue = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise InvalidJson(f"not JSON: {error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise InvalidJson("not readable: nested too deeply") from error
    return value

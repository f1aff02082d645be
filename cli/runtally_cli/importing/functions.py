"""The functions of a map's expressions: JMESPath's own, made exact and honest about null, and a few more.

They differ from JMESPath's in this: numbers are exact decimals, a cell that holds a number counts as one, a
function of null gives null instead of an error, and a sum, mean, least or greatest of no known values is null.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from typing import Any

from runtally.fields import shown
from runtally.json_text import InvalidJson, NotFinite, read_json

from runtally_cli.importing.json_values import EXACT, as_number, canonical_json, scalar_text

DIGEST_DIGITS = 32


class FunctionFailed(ValueError):
    """A function got what it cannot take. `str()` says which and what."""


@dataclass(frozen=True, slots=True)
class Function:
    """`call` takes from `least` to `most` arguments (None: any number); null only where `takes_null`."""

    call: Callable[..., Any]
    least: int = 1
    most: int | None = 1
    takes_null: bool = False


class RowFunctions:
    """What the JMESPath interpreter asks for functions."""

    def call_function(self, name: str, arguments: list[Any]) -> Any:
        function = FUNCTIONS[name]
        if not function.takes_null and any(argument is None for argument in arguments):
            return None
        try:
            return function.call(*arguments)
        except FunctionFailed as error:
            raise FunctionFailed(f"{name}() {error}") from error
        except (ArithmeticError, TypeError, AttributeError, ValueError) as error:
            raise FunctionFailed(f"{name}() cannot take {', '.join(map(shown, arguments))}") from error


def _number(value: Any) -> int | Decimal:
    number = as_number(value)
    if number is None:
        raise FunctionFailed(f"takes numbers, got {shown(value)}")
    return number


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise FunctionFailed(f"takes a list, got {shown(value)}")
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FunctionFailed(f"takes an object, got {shown(value)}")
    return value


def _text(value: Any) -> str:
    text = None if isinstance(value, NotFinite) else scalar_text(value)
    if text is None:
        raise FunctionFailed(f"takes text, got {shown(value)}")
    return text


def _known(values: Any) -> list[Any]:
    return [value for value in _list(values) if value is not None]


def _add(*values: Any) -> Decimal:
    with localcontext(EXACT):
        return sum((Decimal(_number(value)) for value in values), Decimal(0))


def _sum(values: Any) -> Decimal | None:
    known = _known(values)
    return _add(*known) if known else None


def _average(values: Any) -> Decimal | None:
    known = _known(values)
    return _add(*known) / len(known) if known else None


def _subtract(left: Any, right: Any) -> Decimal:
    with localcontext(EXACT):
        return Decimal(_number(left)) - Decimal(_number(right))


def _multiply(left: Any, right: Any) -> Decimal:
    with localcontext(EXACT):
        return Decimal(_number(left)) * Decimal(_number(right))


def _comparable(values: list[Any]) -> list[Any]:
    """Keys to compare by: numbers when all are numbers, cells that hold them included, else texts."""
    numbers = [as_number(value) for value in values]
    if all(number is not None for number in numbers):
        return numbers
    if not all(isinstance(value, str) for value in values):
        raise FunctionFailed("takes all numbers or all texts")
    return values


def _keyed(values: Any, by: Any = None) -> list[tuple[Any, Any]]:
    items = [(value, value if by is None else by.visit(by.expression, value)) for value in _list(values)]
    items = [(value, key) for value, key in items if key is not None]
    keys = _comparable([key for _, key in items])
    return [(value, key) for (value, _), key in zip(items, keys, strict=True)]


def _sorted(values: Any, by: Any = None) -> list[Any]:
    return [value for value, _ in sorted(_keyed(values, by), key=lambda item: item[1])]


def _greatest(values: Any, by: Any = None) -> Any:
    return max(_keyed(values, by), key=lambda item: item[1], default=(None, None))[0]


def _least(values: Any, by: Any = None) -> Any:
    return min(_keyed(values, by), key=lambda item: item[1], default=(None, None))[0]


def _join(separator: str, values: Any) -> str | None:
    parts = _list(values)
    return None if any(part is None for part in parts) else separator.join(map(_text, parts))


def _length(value: Any) -> int:
    if not isinstance(value, str | list | dict):
        raise FunctionFailed(f"takes a list, an object or text, got {shown(value)}")
    return len(value)


def _contains(subject: Any, search: Any) -> bool:
    return _text(search) in subject if isinstance(subject, str) else search in _list(subject)


def _merge(*objects: Any) -> dict[str, Any]:
    return {key: value for item in objects for key, value in _object(item).items()}


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    names: dict[type, str] = {str: "string", dict: "object", list: "array", type(None): "null"}
    return next((name for kind, name in names.items() if isinstance(value, kind)), "number")


def _to_string(value: Any) -> str:
    text = scalar_text(value)
    return canonical_json(value) if text is None else text


def _from_json(text: str) -> Any:
    try:
        return read_json(text.encode("utf-8", "surrogatepass"))
    except InvalidJson as error:
        raise FunctionFailed(f"takes JSON text: {error}") from error


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical_json(value).encode("utf-8")).hexdigest()[:DIGEST_DIGITS]


FUNCTIONS: dict[str, Function] = {
    "abs": Function(lambda value: Decimal(_number(value)).copy_abs()),
    "add": Function(_add, 1, None),
    "avg": Function(_average),
    "ceil": Function(lambda value: Decimal(_number(value)).to_integral_value(ROUND_CEILING, EXACT)),
    "contains": Function(_contains, 2, 2),
    "digest": Function(_digest),
    "ends_with": Function(lambda text, suffix: _text(text).endswith(suffix), 2, 2),
    "floor": Function(lambda value: Decimal(_number(value)).to_integral_value(ROUND_FLOOR, EXACT)),
    "from_json": Function(_from_json),
    "join": Function(_join, 2, 2),
    "keys": Function(lambda value: list(_object(value))),
    "left": Function(lambda text, count: _text(text)[: int(_number(count))], 2, 2),
    "length": Function(_length),
    "lower": Function(lambda text: _text(text).lower()),
    "map": Function(lambda by, values: [by.visit(by.expression, value) for value in _list(values)], 2, 2),
    "max": Function(_greatest),
    "max_by": Function(_greatest, 2, 2),
    "merge": Function(_merge, 1, None),
    "min": Function(_least),
    "min_by": Function(_least, 2, 2),
    "multiply": Function(_multiply, 2, 2),
    "not_null": Function(
        lambda *values: next((value for value in values if value is not None), None), 1, None, takes_null=True
    ),
    "reverse": Function(lambda value: value[::-1]),
    "sort": Function(_sorted),
    "sort_by": Function(_sorted, 2, 2),
    "split": Function(lambda text, separator: list(_text(text).split(separator)), 2, 2),
    "starts_with": Function(lambda text, prefix: _text(text).startswith(prefix), 2, 2),
    "subtract": Function(_subtract, 2, 2),
    "sum": Function(_sum),
    "to_array": Function(lambda value: value if isinstance(value, list) else [value], takes_null=True),
    "to_number": Function(as_number),
    "to_string": Function(_to_string),
    "type": Function(_type, takes_null=True),
    "values": Function(lambda value: list(_object(value).values())),
}

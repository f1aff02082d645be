"""JMESPath over rows: compiled once, checked for functions that do not exist, exact in its numbers."""

import difflib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import jmespath
from jmespath import visitor
from jmespath.exceptions import JMESPathError
from runtally.json_text import JsonValue

from runtally_cli.importing.functions import FUNCTIONS, FunctionFailed, RowFunctions

Expression = Callable[[JsonValue], JsonValue]
_INTERPRETER = visitor.TreeInterpreter(visitor.Options(custom_functions=RowFunctions()))


class InvalidExpression(ValueError):
    """The text is no expression. `str()` says why."""


class ExpressionFailed(ValueError):
    """The expression could not be computed over this row. `str()` says why."""


def compile_expression(text: str) -> Expression:
    """A function from a row to the expression's value. Raises `InvalidExpression`; the function, `ExpressionFailed`."""
    try:
        tree = _exact(jmespath.compile(text).parsed)
    except JMESPathError as error:
        reason = " ".join(str(error).split())
        raise InvalidExpression(f"`{text}` is no JMESPath expression: {reason}") from error
    if tree["type"] == "field":
        name = tree["value"]
        return lambda row: row.get(name) if isinstance(row, dict) else None

    def evaluate(row: JsonValue) -> JsonValue:
        try:
            value: JsonValue = _INTERPRETER.visit(tree, row)
        except FunctionFailed as error:
            raise ExpressionFailed(str(error)) from error
        except (TypeError, ArithmeticError) as error:
            raise ExpressionFailed("compares values of different types (to_number() makes a number of text)") from error
        return value

    return evaluate


def _exact(node: dict[str, Any]) -> dict[str, Any]:
    """The tree with decimal literals; its functions checked."""
    if node["type"] == "function_expression":
        _check_function(node["value"], len(node["children"]))
    children = [_exact(child) if isinstance(child, dict) else child for child in node.get("children", [])]
    value = _decimals(node["value"]) if node["type"] == "literal" else node.get("value")
    return {**node, "children": children, **({"value": value} if "value" in node else {})}


def _check_function(name: str, arguments: int) -> None:
    function = FUNCTIONS.get(name)
    if function is None:
        close = difflib.get_close_matches(name, FUNCTIONS, n=1)
        hint = f"did you mean {close[0]}()?" if close else f"there are {', '.join(sorted(FUNCTIONS))}"
        raise InvalidExpression(f"there is no function {name}(); {hint}")
    if arguments < function.least or (function.most is not None and arguments > function.most):
        takes = f"at least {function.least}" if function.most is None else str(function.least)
        raise InvalidExpression(f"{name}() takes {takes} argument(s), got {arguments}")


def _decimals(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict):
        return {key: _decimals(item) for key, item in value.items()}
    return [_decimals(item) for item in value] if isinstance(value, list) else value

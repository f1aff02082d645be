"""Expressions over rows: exact numbers, null instead of nothing, and functions that say what they cannot take."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runtally.json_text import read_json
from runtally_cli.importing.expressions import ExpressionFailed, InvalidExpression, compile_expression

ROW = rb"""{"a": 1.10, "b": 2.20, "none": null, "id": 5, "cell": "7", "word": "Hello", "model": "openai/gpt-4",
 "calls": [{"tools": [1, 2]}, {"tools": null}, {}, {"tools": []}], "counts": {"Bash": 9, "Read": 4}, "empty": [],
 "text_list": "[1, 2, 3]", "nan": NaN, "object": {"b": 1.50, "a": [true, null]}}"""
Numbers = st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=0, max_value=10**9))


def computed(expression: str, row: bytes = ROW) -> Any:
    return compile_expression(expression)(read_json(row))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("sum([a, b])", Decimal("3.30")),
        ("sum([a, none, cell])", Decimal("8.10")),
        ("sum([none, none])", None),
        ("sum(empty)", None),
        ("sum(missing[].x)", None),
        ("avg(empty)", None),
        ("max([none])", None),
        ("add(a, b, cell)", Decimal("10.30")),
        ("add(a, none)", None),
        ("subtract(b, a)", Decimal("1.10")),
        ("multiply(a, `0.01`)", Decimal("0.0110")),
        ("multiply(none, `2`)", None),
        ("avg([a, b])", Decimal("1.65")),
        ("max([cell, '10'])", "10"),  # numbers, although cells are text
        ("min([cell, id])", 5),
        ("max(['b', 'a'])", "b"),
        ("sum(values(counts))", 13),
        ("length(counts)", 2),
        ("length(calls[].tools[])", 2),
        ("length(empty)", 0),
        ("length(missing[].tools[])", None),
        ("join('-', [to_string(id), to_string(a)])", "5-1.1"),
        ("join('-', [id, word])", "5-Hello"),
        ("join('-', [id, none])", None),
        ("to_string(none)", None),
        ("to_number(cell)", 7),
        ("to_number(word)", None),
        ("not_null(none, id)", 5),
        ("none || word", "Hello"),
        ("a == `1.1` && 'yes' || 'no'", "yes"),
        ("to_number(cell) > `6.5`", True),
        ("lower(word)", "hello"),
        ("left(word, `2`)", "He"),
        ("split(model, '/')[0]", "openai"),
        ("starts_with(none, 'x')", None),
        ("contains(word, 'ell')", True),
        ("sum(from_json(text_list))", 6),
        ("sort_by(calls[?tools], &length(tools))[0].tools", [1, 2]),
        ("max_by(calls, &length(tools)).tools", [1, 2]),
        ("type(a)", "number"),
        ("floor(b)", 2),
        ("abs(`-2.5`)", Decimal("2.5")),
    ],
)
def test_values(expression: str, value: object) -> None:
    found = computed(expression)
    assert found == value
    assert (found is None) == (value is None)
    assert not isinstance(found, float)


@given(Numbers)
def test_a_sum_is_exact_and_a_sum_of_nothing_is_null(numbers: list[Decimal]) -> None:
    row = {"numbers": [*numbers, None]}
    found = compile_expression("sum(numbers)")(row)
    micros = sum(int(number.scaleb(12)) for number in numbers)
    assert found == (Decimal(micros).scaleb(-12) if numbers else None)


@given(st.permutations(["a", "b", "c", "d"]))
def test_a_digest_depends_on_what_the_row_says_and_not_on_how(names: list[str]) -> None:
    values = {"a": b"5", "b": b'"\xc3\xa4"', "c": b"[1.0, null]", "d": b'{"x": 1, "y": 2}'}
    row = b"{" + b",".join(b'"%s": %s' % (name.encode(), values[name]) for name in names) + b"}"
    same = b'{"a": 5.0, "b": "\\u00e4", "c": [1, null], "d": {"y": 2, "x": 1.00}}'
    assert computed("digest(@)", row) == computed("digest(@)", same)
    assert computed("digest(@)", row) != computed("digest(@)", same.replace(b"5.0", b'"5"'))


def test_a_digest_stays_what_it_is() -> None:
    """Ids made by it are in stores: another digest would be another run."""
    assert computed("digest([id, a, word, none])") == "62d6e4ab2fa453b03ec5f9ac71ce55ea"


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("sum(word)", "sum() takes a list, got 'Hello'"),
        ("sum([word])", "sum() takes numbers, got 'Hello'"),
        ("sum([nan])", "sum() takes numbers, got NaN"),
        ("add(id, `true`)", "add() takes numbers, got true"),
        ("length(id)", "length() takes a list, an object or text, got 5"),
        ("max([id, word])", "max() takes all numbers or all texts"),
        ("from_json(word)", "from_json() takes JSON text: not JSON"),
        ("cell > `6`", "compares values of different types"),
        ("sum([`1`, big])", "sum() cannot take a list"),
    ],
)
def test_what_cannot_be_computed(expression: str, reason: str) -> None:
    with pytest.raises(ExpressionFailed) as caught:
        computed(expression, ROW[:-1] + b', "big": 1e5000}')
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("a b", "`a b` is no JMESPath expression"),
        ("", "no JMESPath expression"),
        ("smu(a)", "there is no function smu(); did you mean sum()?"),
        ("a[?zzzzz(b)]", "there is no function zzzzz(); there are abs, add"),
        ("join('-')", "join() takes 2 argument(s), got 1"),
        ("add()", "add() takes at least 1 argument(s), got 0"),
    ],
)
def test_what_is_no_expression(expression: str, reason: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        compile_expression(expression)
    assert reason in str(caught.value)

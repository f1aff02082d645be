"""Cells of answers as numbers: what is not one is unknown."""

from decimal import Decimal
from typing import Any

import pytest
from runtally_ui.answers import QueryAnswer, QueryRow


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        (0, 0.0), (3, 3.0), (0.25, 0.25), ("0.000000001", 1e-9), (2**128, float(2**128)),
        (None, None), ("", None), ("no", None), (True, None), ([1], None), (float("nan"), None), (float("inf"), None),
    ],
)  # fmt: skip
def test_a_cell_is_a_finite_number_or_unknown(cell: Any, number: float | None) -> None:
    row = QueryRow(cells={"cost_usd": cell})
    assert row.number("cost_usd") == number
    exact = row.exact("cost_usd")
    assert (None if exact is None else float(exact)) == number


def test_money_is_exact() -> None:
    assert QueryRow(cells={"cost_usd": "12345678.000000001"}).exact("cost_usd") == Decimal("12345678.000000001")


def test_a_chart_hands_out_what_it_draws_and_no_other_measure() -> None:
    row = {"time": "2026-11-20T00:00:00Z", "runs": 2, "cost_usd": "1", "retries": 0, "compare": {"runs": 1}}
    answer = QueryAnswer(data=[row], totals={"runs": 2, "cost_usd": "1"})
    assert answer.only("runs", "cost_usd", "unheard_of").data == [
        {"time": "2026-11-20T00:00:00Z", "runs": 2, "cost_usd": "1"}
    ]
    assert answer.only("runs").total.number("runs") == 2
    assert answer.data == [row]

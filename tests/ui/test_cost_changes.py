"""Why the cost changed, by plain arithmetic."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from runtally_ui.answers import QueryRow
from runtally_ui.cost_changes import changes, changes_frame, in_sum, priced_runs, signed_money, unpriced_rows
from runtally_ui.model_mix import with_model_mix


def row(group: str, runs: int, cost: str | None, coverage: float = 1.0) -> QueryRow:
    cells: dict[str, Any] = {"group": group, "runs": runs, "cost_usd": cost, "cost_coverage": coverage}
    return QueryRow(cells=cells)


def changed(now: list[QueryRow], then: list[QueryRow]) -> Any:
    return changes(now, then, lambda one: one.text("group"), lambda one: one.text("group").title())


def test_more_runs_and_dearer_runs_are_told_apart() -> None:
    (one,) = changed([row("a", 20, "60")], [row("a", 10, "20")])
    # Ten runs more at $2.50 on average, and a dollar more for each of 15 runs on average.
    assert (one.name, one.whole, one.by_runs, one.by_price) == ("A", Decimal(40), Decimal(25), Decimal(15))


def test_other_models_are_told_from_the_same_ones_at_another_cost() -> None:
    found = changed([row("a", 20, "60")], [row("a", 10, "20")])
    now = [of_model("a", "small", 10, "10"), of_model("a", "large", 10, "50")]
    then = [of_model("a", "small", 8, "8"), of_model("a", "large", 2, "12")]
    (one,) = with_model_mix(found, now, then, lambda one: one.text("group"))
    # Of the large model, a dollar cheaper, the mean share is 35%: for the mean of 10 and 20 runs that is 15 x -$0.35.
    # Its share rose by 30 points, and it costs $4.50 more than the small one at the mean: 15 x 0.3 x $4.50.
    assert one.parts == (Decimal(25), Decimal("20.25"), Decimal("-5.25"))
    assert sum(one.parts) == one.whole
    spans = {mark["part"]: (mark["start"], mark["end"]) for mark in changes_frame([one]).to_dict("records")}
    assert spans == {"Runs": (0.0, 25.0), "Mix of models": (25.0, 45.25), "Cost per run": (0.0, -5.25)}


def test_models_that_nothing_is_known_of_are_no_mix() -> None:
    found = changed([row("a", 20, "60")], [row("a", 10, "20")])
    (one,) = with_model_mix(found, [], [], lambda one: one.text("group"))
    assert one.parts == (Decimal(25), Decimal(0), Decimal(15))


def test_a_model_that_is_new_is_mix() -> None:
    found = changed([row("a", 10, "30")], [row("a", 10, "20")])
    now, then = [of_model("a", "large", 10, "30")], [of_model("a", "small", 10, "20")]
    (one,) = with_model_mix(found, now, then, lambda one: one.text("group"))
    assert one.parts == (Decimal(0), Decimal(10), Decimal(0))


def of_model(group: str, model: str, runs: int, cost: str) -> QueryRow:
    return QueryRow(cells={**row(group, runs, cost).cells, "model": model})


def test_runs_of_no_known_cost_do_not_count() -> None:
    (one,) = changed([row("a", 100, "40", 0.2)], [row("a", 20, "20")])
    assert (one.runs_now, one.by_runs, one.by_price) == (20, Decimal(0), Decimal(20))


def test_what_is_new_or_gone_is_by_its_runs() -> None:
    new, gone = changed([row("new", 3, "9")], [row("gone", 2, "4"), row("silent", 1, None, 0.0)])
    assert (new.name, new.by_runs, new.by_price) == ("New", Decimal(9), Decimal(0))
    assert (gone.name, gone.whole, gone.by_runs) == ("Gone", Decimal(-4), Decimal(-4))


AMOUNTS = some.decimals(0, 10**6, places=6)


@given(some.lists(some.tuples(some.integers(0, 10**6), AMOUNTS, some.integers(0, 10**6), AMOUNTS), max_size=8))
def test_the_parts_are_the_whole(figures: list[tuple[int, Decimal, int, Decimal]]) -> None:
    now = [row(str(place), runs, str(cost) if runs else None) for place, (runs, cost, _, _) in enumerate(figures)]
    then = [row(str(place), runs, str(cost) if runs else None) for place, (_, _, runs, cost) in enumerate(figures)]
    whole, by_runs, by_price = in_sum(changed(now, then))
    known = sum(((one.exact("cost_usd") or Decimal(0)) for one in now), Decimal(0))
    before = sum(((one.exact("cost_usd") or Decimal(0)) for one in then), Decimal(0))
    assert float(whole) == pytest.approx(float(known - before), abs=1e-9)
    assert whole == by_runs + by_price


def test_bars_of_both_parts_do_not_cover_each_other() -> None:
    frame = changes_frame(changed([row("a", 20, "60"), row("b", 5, "30")], [row("a", 10, "20"), row("b", 20, "20")]))
    spans = {(mark["group"], mark["part"]): (mark["start"], mark["end"]) for mark in frame.to_dict("records")}
    assert spans["A", "Runs"] == (0.0, 25.0)
    assert spans["A", "Cost per run"] == (25.0, 40.0)
    assert spans["B", "Runs"][1] < 0 < spans["B", "Cost per run"][1]
    assert spans["B", "Cost per run"][0] == 0.0


def test_signs_and_unknown_costs() -> None:
    assert [signed_money(Decimal(text)) for text in ("12.1", "-0.04", "0")] == ["+$12.10", "−$0.040", "$0"]
    assert priced_runs(row("a", 3, "1", 2 / 3)) == 2
    assert [one["unknown_cost_runs"] for one in unpriced_rows([row("a", 3, "1", 2 / 3), row("b", 4, "1")])] == [1]

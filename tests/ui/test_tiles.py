"""What a figure says about the period it is compared with."""

from datetime import UTC, datetime
from typing import Any

import pytest
from runtally_ui.answers import QueryAnswer
from runtally_ui.catalogue import MeasureBook
from runtally_ui.filters import Filters
from runtally_ui.page import Asked
from runtally_ui.periods import resolve_period
from runtally_ui.tiles import Tile, measure_tile

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
THEN: dict[str, Any] = {"runs": 200}


def tile(name: str, now: Any, then: Any, *, compare: str | None = "previous_period", runs: int = 240,
         begun: str = "2026-01-01T00:00:00Z", earlier_runs: int = 200) -> Tile:  # fmt: skip
    row: dict[str, Any] = {"runs": runs, name: now}
    if compare:
        row["compare"] = {"runs": earlier_runs, name: then}
    meta = {"coverage": {"cost_usd": {"known": 231, "runs": 240}}, "data_range": {"first": begun, "last": begun}}
    answer = QueryAnswer.model_validate({"data": [], "totals": row, "meta": meta})
    asked = Asked(resolve_period("7d", (), "UTC", NOW), Filters(), compare, "auto", NOW)
    return measure_tile(name, answer, asked, MeasureBook())


@pytest.mark.parametrize(
    ("name", "now", "then", "change", "arrow", "colour"),
    [
        ("avg_duration_ms", 1200.0, 1000.0, "20% slower", "up", "red"),
        ("avg_duration_ms", 900.0, 1000.0, "10% faster", "down", "green"),
        ("success_rate", 0.844, 0.9, "5.6 pp lower", "down", "red"),
        ("failure_rate", 0.2, 0.1, "10.0 pp higher", "up", "red"),
        ("cost_usd", "7.41", "6", "24% more", "up", "gray"),
        ("cost_per_run_usd", "0.03", "0.04", "25% cheaper", "down", "green"),
        ("llm_calls", 90, 100, "10% fewer", "down", "gray"),
        ("total_tokens", 100, 100, "no change", "off", "gray"),
        ("success_rate", 0.0, 0.0, "no change", "off", "gray"),
        ("retries", 0, 0, "no change", "off", "gray"),
    ],
)
def test_a_change_says_which_way_and_whether_that_is_good(
    name: str, now: Any, then: Any, change: str, arrow: str, colour: str
) -> None:
    shown = tile(name, now, then)
    assert (shown.change, shown.arrow, shown.colour, shown.versus) == (change, arrow, colour, "than last week")


def test_zero_is_zero_and_unknown_is_not_available_with_its_reason() -> None:
    assert tile("success_rate", 0.0, 0.5).value == "0%"
    assert tile("cost_usd", "0", "1").value == "$0"
    unknown = tile("cost_usd", None, "1")
    assert (unknown.value, unknown.rests_on, unknown.change) == ("N/A", "no run has a known cost", None)
    assert tile("success_rate", None, None).rests_on == "no run has ended yet"


def test_coverage_stands_under_the_figure() -> None:
    assert tile("cost_usd", "7.41", "6").rests_on == "known for 96.2% of runs"
    assert tile("cost_per_run_usd", "0.03", "0.02").rests_on == "of runs of known cost", (
        "how much is known is told once"
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"compare": None}, "no comparison"),
        ({"earlier_runs": 0}, "no earlier runs"),
        ({"earlier_runs": 19}, "too few runs to compare (under 20)"),
        ({"runs": 3}, "too few runs to compare (under 20)"),
        ({"begun": "2026-11-10T08:00:00Z"}, "runs begin 10 Nov"),
        ({"then": None}, "no earlier figure"),
        ({"then": 0}, "nothing to compare with: it was 0"),
    ],
)
def test_what_is_not_comparable_says_why(changes: dict[str, Any], reason: str) -> None:
    given: dict[str, Any] = {"now": 12, "then": 10} | changes
    shown = tile("retries", **given)
    assert (shown.change, shown.versus) == (None, reason)

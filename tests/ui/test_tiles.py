"""The six figures and what they say about the period before."""

from datetime import date
from decimal import Decimal

from runtally_ui.answers import Coverage, StatusCounts, Totals
from runtally_ui.tiles import Tile, tiles

NOW = Totals(
    runs=240,
    root_runs=200,
    status_counts=StatusCounts(running=1, succeeded=200, failed=30, timed_out=4, cancelled=3, unknown=2),
    success_rate=0.8438818565400844,
    avg_duration_ms=1834.25,
    input_tokens=120_000,
    output_tokens=34_000,
    total_tokens=154_000,
    cost_usd=Decimal("7.412"),
    coverage=Coverage(cost=231, duration=238, tokens=236),
)
THEN = NOW.model_copy(update={"runs": 200, "success_rate": 0.9, "cost_usd": Decimal("6"), "avg_duration_ms": 2000.0})
NOTHING_KNOWN = Totals(runs=30, status_counts=StatusCounts(running=30))


def by_label(now: Totals, then: Totals | None, *, by_status: bool = False) -> dict[str, Tile]:
    return {tile.label: tile for tile in tiles(now, then, 30, by_status=by_status)}


def test_values_changes_and_what_they_rest_on() -> None:
    shown = by_label(NOW, THEN)
    assert {label: (tile.value, tile.change, tile.rests_on) for label, tile in shown.items()} == {
        "Runs": ("240", "+20.0%", "200 root · 8 a day"),
        "Success rate": ("84.4%", "-5.6 pp", "200 of 237 ended"),
        "Total cost": ("$7.41", "+23.5%", "known for 96.2% of runs"),
        "Cost per run": ("$0.032", "+23.5%", "over 231 priced runs"),
        "Avg response": ("1.8 s", "-8.3%", "over 238 timed runs"),
        "Tokens": ("154.0k", "0", "120.0k in · 34.0k out"),
    }
    assert {tile.versus for tile in shown.values()} == {"vs prev. 30d"}


def test_only_what_is_good_or_bad_is_coloured() -> None:
    judgements = {label: tile.judgement for label, tile in by_label(NOW, THEN).items()}
    assert judgements == {
        "Runs": "off",
        "Success rate": "normal",
        "Total cost": "off",
        "Cost per run": "inverse",
        "Avg response": "inverse",
        "Tokens": "off",
    }


def test_nothing_computable_says_why() -> None:
    shown = by_label(NOTHING_KNOWN, None)
    assert {label: (tile.value, tile.rests_on) for label, tile in shown.items() if label != "Runs"} == {
        "Success rate": ("N/A", "no run has ended yet"),
        "Total cost": ("N/A", "no run has a known cost"),
        "Cost per run": ("N/A", "no priced run"),
        "Avg response": ("N/A", "no run has a known duration"),
        "Tokens": ("N/A", "no run reports tokens"),
    }
    assert all(tile.change is None for tile in shown.values())


def test_zero_is_a_value() -> None:
    failed = Totals(
        runs=30,
        status_counts=StatusCounts(failed=30),
        success_rate=0.0,
        cost_usd=Decimal(0),
        coverage=Coverage(cost=30),
    )
    shown = by_label(failed, None)
    assert shown["Success rate"].value == "0%"
    assert shown["Total cost"].value == "$0"
    assert shown["Cost per run"].value == "$0"


def test_no_change_without_a_sound_comparison() -> None:
    assert by_label(NOW, None)["Runs"].versus.startswith("no comparison")
    assert by_label(NOW, Totals())["Runs"].versus == "no earlier data"
    partly = tiles(NOW, THEN, 30, by_status=False, begun_within=date(2026, 10, 22))
    assert {(tile.change, tile.versus) for tile in partly} == {(None, "runs begin 22 Oct")}
    few = by_label(NOW, THEN.model_copy(update={"runs": 19}))["Runs"]
    assert (few.change, few.versus) == (None, "too few runs to compare (under 20)")
    unpriced = by_label(NOW, THEN.model_copy(update={"cost_usd": None}))["Total cost"]
    assert (unpriced.change, unpriced.versus) == (None, "no earlier cost")


def test_a_status_filter_is_named() -> None:
    tile = by_label(NOW, THEN, by_status=True)["Success rate"]
    assert tile.rests_on.endswith("filtered")
    assert "filtered runs only" in tile.explanation

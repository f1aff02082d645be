"""Trends: steps by the wall clock, what stands out, and what is drawn of it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import altair as alt
import pandas as pd
import pytest
from runtally_ui.agent_series import agent_runs_frame, runs_by_agent
from runtally_ui.answers import QueryAnswer, QueryRow
from runtally_ui.chart_data import Palette
from runtally_ui.drawing import named_spec
from runtally_ui.trend_data import Series, rolling_mean, steps, trend_frame, two_sigma
from runtally_ui.trends import Look, bar_trend, line_trend

COST = Series("cost_usd", "money", "Total cost")
PER_RUN = Series("cost_per_run_usd", "money", "Cost per run")
RATE = Series("success_rate", "share", "Success rate")
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def answer(values: list[Any], measure: str = "cost_usd", granularity: str = "day", runs: int = 50) -> QueryAnswer:
    first = 22 - len(values)
    data = [
        {"time": f"2026-11-{first + place:02}T00:00:00+01:00", "runs": runs, measure: value}
        for place, value in enumerate(values)
    ]
    return QueryAnswer.model_validate({"data": data, "meta": {"granularity": granularity}})


def drawn(chart: alt.LayerChart | alt.Chart) -> dict[str, Any]:
    body = named_spec(chart)
    del body["datasets"]
    return body


def test_steps_are_wall_clock_days_and_the_running_one_says_so() -> None:
    frame = trend_frame(answer(["1", "2", None]), COST, NOW)
    assert list(frame["key"]) == ["2026-11-19T00:00:00", "2026-11-20T00:00:00", "2026-11-21T00:00:00"]
    assert frame["start"].dt.tz is None
    assert list(frame["done"]) == [1, 1, 0]
    assert list(frame["Step"])[1:] == ["Fri 20 Nov 2026", "Sat 21 Nov 2026, in progress"]
    assert list(frame["Total cost"]) == ["$1.00", "$2.00", "–"]
    assert pd.isna(frame["value"].iloc[2])


def test_a_month_ends_where_the_next_begins() -> None:
    (december,) = steps([QueryRow(cells={"time": "2026-12-01T00:00:00Z"})], "month", NOW)
    assert december.end == datetime(2027, 1, 1)
    assert december.text == "December 2026, in progress"


def test_the_rolling_mean_waits_for_seven_days_and_skips_the_running_one() -> None:
    values: list[float | None] = [1.0, 2.0, 3.0, None, 5.0, 6.0, 7.0, 8.0, 100.0]
    times = steps(answer(list(values)).rows, "day", NOW)
    means = rolling_mean(values, [step.done for step in times], times)
    assert means[:6] == [None] * 6
    assert means[6] == pytest.approx(4.0)
    assert means[7] == pytest.approx(31 / 6)
    assert means[8] is None


@pytest.mark.parametrize("granularity", ["hour", "day", "week", "month"])
def test_the_rolling_mean_is_over_the_whole_steps_of_seven_days(granularity: str) -> None:
    every = {"hour": timedelta(hours=1), "day": timedelta(days=1)}.get(granularity, timedelta(days=7))
    starts = [datetime(2026, 9, 1, tzinfo=UTC) + place * every for place in range(200)]
    if granularity == "month":
        starts = [datetime(2020 + place // 12, place % 12 + 1, 1, tzinfo=UTC) for place in range(80)]
    rows = [QueryRow(cells={"time": start.isoformat()}) for start in starts]
    times = steps(rows, granularity, NOW)
    values = [None if place % 5 == 0 else float(place**2) for place in range(len(times))]
    done = [step.done for step in times]
    for place, (mean, step) in enumerate(zip(rolling_mean(values, done, times), times, strict=True)):
        since = step.end - timedelta(days=7)
        within = [n for n, other in enumerate(times) if since <= other.start and other.end <= step.end and done[n]]
        known = [value for n in within if (value := values[n]) is not None]
        expected = bool(known) and done[place] and times[0].start <= since
        assert mean == (pytest.approx(sum(known) / len(known)) if expected else None)


def test_rows_of_one_time_share_its_step() -> None:
    rows = [QueryRow(cells={"time": time}) for time in ("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z") * 2]
    found = steps([*rows, QueryRow(cells={})], "day", NOW)
    assert [step.start.day for step in found] == [20, 21, 20, 21]
    assert found[:2] == found[2:]


def test_a_spike_stands_out_and_does_not_widen_the_band_after_it() -> None:
    values: list[float | None] = [10, 11, 10, 9, 10, 11, 10, 40, 10, 41]
    found = two_sigma(values, [50.0] * 10, [True] * 10, is_share=False)
    assert [beyond for _, _, beyond in found] == [False] * 7 + [True, False, True]
    low, high, _ = found[-1]
    assert low is not None
    assert high is not None
    assert high < 13


def test_few_runs_the_running_step_and_chance_alone_are_no_outliers() -> None:
    values = [0.9] * 7 + [0.5]
    assert two_sigma(values, [50.0] * 7 + [3.0], [True] * 8, is_share=True)[-1][2] is False
    assert two_sigma(values, [50.0] * 8, [True] * 7 + [False], is_share=True)[-1][2] is False
    assert two_sigma([0.9] * 7 + [0.85], [50.0] * 8, [True] * 8, is_share=True)[-1][2] is False
    assert two_sigma(values, [50.0] * 8, [True] * 8, is_share=True)[-1][2] is True


def test_an_axis_of_nothing_but_zeros_still_begins_at_the_bottom() -> None:
    assert set(trend_frame(answer([0.0, 0.0, None], "success_rate"), RATE, NOW)["top"]) == {0.05}
    assert set(trend_frame(answer(["0", "0"]), COST, NOW)["top"]) == {1.0}
    assert set(trend_frame(answer(["0", "0.001"]), COST, NOW)["top"]) == {0.0}


@pytest.mark.parametrize("second", [None, PER_RUN])
@pytest.mark.parametrize("draw", [bar_trend, line_trend])
def test_data_changes_data_and_nothing_else(draw: Any, second: Series | None) -> None:
    specs = [
        drawn(draw(trend_frame(answer(values), COST, NOW, second), COST, second, Look(rolling=True, outliers=True)))
        for values in (["1"] * 12, [None, "3"])
    ]
    assert specs[0] == specs[1]
    assert "NaN" not in json.dumps(specs[0])


def test_sums_are_bars_from_zero_with_the_second_measure_on_an_axis_of_its_own() -> None:
    body = drawn(bar_trend(trend_frame(answer(["1", "2"]), COST, NOW, PER_RUN), COST, PER_RUN))
    assert body["resolve"] == {"scale": {"y": "independent"}}
    left, right = body["layer"]
    bars = left["layer"][0]
    assert (bars["mark"]["type"], bars["encoding"]["y2"]) == ("bar", {"datum": 0})
    assert bars["encoding"]["opacity"]["scale"]["range"][0] < 0.5
    assert {layer["encoding"]["y"]["axis"]["orient"] for layer in right["layer"]} == {"right"}
    assert {layer["encoding"]["color"]["value"] for layer in right["layer"]} == {"orange"}


def test_one_layer_of_a_trend_can_be_clicked_and_dragged_over() -> None:
    for draw in (bar_trend, line_trend):
        body = drawn(draw(trend_frame(answer(["1", "2"]), COST, NOW), COST))
        assert sorted(param["name"] for param in body["params"]) == ["step", "zoom"]
        assert len({view for param in body["params"] for view in param["views"]}) == 1


def test_the_band_and_the_mean_are_drawn_where_they_are_switched_on() -> None:
    frame = trend_frame(answer([0.9] * 9, "success_rate"), RATE, NOW)
    plain = len(drawn(line_trend(frame, RATE))["layer"])
    assert len(drawn(line_trend(frame, RATE, look=Look(rolling=True)))["layer"]) == plain + 1
    assert len(drawn(line_trend(frame, RATE, look=Look(outliers=True)))["layer"]) == plain + 2
    assert len(drawn(line_trend(frame, RATE, look=Look(target=0.4)))["layer"]) == plain + 1


PALETTE = Palette({("acme", "a"): "Planner", ("acme", "b"): "Coder"}, {("acme", "a"): 1, ("acme", "b"): 0})


def agent_rows() -> QueryAnswer:
    rows = [("a", 5, 1), ("b", 3, 0), ("z", 2, 0), (None, 4, 0), ("idle", 0, 0)]
    data = [
        {
            "time": "2026-11-21T00:00:00Z", "workspace_id": agent and "acme", "agent_id": agent, "other": agent is None,
            "runs": runs, "succeeded": runs - failed, "errors": failed,
        }
        for agent, runs, failed in rows
    ]  # fmt: skip
    return QueryAnswer.model_validate({"data": data, "meta": {"granularity": "day"}})


def test_agents_stand_in_slot_order_and_those_without_a_colour_are_one() -> None:
    frame = agent_runs_frame(agent_rows(), PALETTE, NOW)
    assert list(zip(frame["slot"], frame["series"], frame["runs"], strict=True)) == [
        (0, "Coder", 3), (1, "Planner", 5), (8, "Other", 6),
    ]  # fmt: skip
    assert set(frame["All agents"]) == {"14 runs"}
    assert list(frame["done"]) == [0, 0, 0]


def many_days() -> QueryAnswer:
    """Two agents over twelve days; the tenth has many more runs than the others."""
    data = [
        {"time": f"2026-11-{day:02}T00:00:00Z", "workspace_id": "acme", "agent_id": agent,
         "runs": 500 if day == 10 else 20 + day % 3, "succeeded": 1, "errors": 0}
        for day in range(1, 13) for agent in ("a", "b")
    ]  # fmt: skip
    return QueryAnswer.model_validate({"data": data, "meta": {"granularity": "day"}})


def test_what_is_said_of_all_agents_of_a_step_stands_in_its_first_row() -> None:
    frame = agent_runs_frame(many_days(), PALETTE, NOW)
    assert len(frame) == 24
    beyond = frame[frame["outlier"].notna()]
    assert list(zip(beyond["key"], beyond["outlier"], strict=True)) == [("2026-11-10T00:00:00", 1000.0)]
    means = frame.dropna(subset=["rolling"])
    assert list(means["key"].str[8:10]) == ["07", "08", "09", "10", "11", "12"]
    assert means["rolling"].iloc[0] == pytest.approx(sum(2 * (20 + day % 3) for day in range(1, 8)) / 7)


@pytest.mark.parametrize(
    ("rolling", "outliers", "kinds"),
    [
        (True, False, ["bar", "line"]),
        (False, True, ["area", "bar", "point"]),
        (True, True, ["area", "bar", "line", "point"]),
    ],
)
def test_the_mean_and_the_band_of_agents_are_layers_of_their_own(
    rolling: bool, outliers: bool, kinds: list[str]
) -> None:
    domain = [*(f"agent {slot}" for slot in range(8)), "Other"]
    frame = agent_runs_frame(many_days(), PALETTE, NOW)
    body = drawn(runs_by_agent(frame, domain, domain, rolling=rolling, outliers=outliers))
    assert [layer["mark"]["type"] for layer in body["layer"]] == kinds
    bars = body["layer"][kinds.index("bar")]
    assert bars["name"] == "marks"
    assert {param["name"] for param in body["params"]} == {"hidden", "step", "zoom"}


def test_a_hidden_agent_leaves_the_stack_and_its_place_in_the_legend() -> None:
    domain = [*(f"agent {slot}" for slot in range(8)), "Other"]
    body = drawn(runs_by_agent(agent_runs_frame(agent_rows(), PALETTE, NOW), domain, domain))
    kept, stacked = body["transform"]
    assert kept == {"filter": {"not": {"param": "hidden", "empty": False}}}
    assert stacked["as"] == ["y0", "y1"]
    assert body["encoding"]["color"]["scale"]["domain"] == domain
    hidden = next(param for param in body["params"] if param["name"] == "hidden")
    assert hidden["bind"] == "legend"

"""What is drawn, on the charts' dicts."""

import json
import re
from collections.abc import Callable
from datetime import date
from typing import Any

import altair as alt
import pandas as pd
import pytest
import vl_convert
from runtally_ui import chart_data, charts
from runtally_ui.answers import Analytics
from runtally_ui.chart_data import Palette
from runtally_ui.colours import AgentKey, assign_slots, display_names
from runtally_ui.drawing import DATA_NAME, drawing, named_spec
from ui.fleet import fleet
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)

Drawn = Callable[[Analytics, Palette], alt.Chart | alt.LayerChart]


def answer(query: dict[str, list[str]] | None = None) -> Analytics:
    body = StubApi(fleet(TODAY, history=35), TODAY).analytics(query or {})
    return Analytics.model_validate(body)


def palette(found: Analytics) -> Palette:
    keys: list[AgentKey] = [(agent.workspace_id or "", agent.agent_id or "") for agent in found.agents]
    names = display_names(zip(keys, (agent.agent_name or "" for agent in found.agents), strict=True))
    return Palette(names, assign_slots(keys, {}))


def cost(found: Analytics, colours: Palette) -> alt.LayerChart:
    frame = chart_data.cumulative_cost_frame(
        found.runs_per_day, [*chart_data.daily_cost(found.runs_per_day).values()], TODAY
    )
    return charts.cumulative_cost(frame)


def response(found: Analytics, colours: Palette) -> alt.LayerChart:
    return charts.response_time(chart_data.response_time_frame(found.agents, colours))


def outcomes(found: Analytics, colours: Palette) -> alt.LayerChart:
    return charts.outcomes(chart_data.outcomes_frame(found.agents, colours))


def failure(found: Analytics, colours: Palette) -> alt.LayerChart:
    return charts.failure_share(chart_data.failure_share_frame(found.agents, colours))


ALL: tuple[Drawn, ...] = (cost, response, outcomes, failure)


def spec(draw: Drawn, query: dict[str, list[str]] | None = None) -> dict[str, Any]:
    """The chart without its rows, colours as in the unfiltered view."""
    body = named_spec(draw(answer(query), palette(answer())))
    del body["datasets"]
    return body


@pytest.mark.parametrize("draw", ALL)
def test_filters_change_data_and_nothing_else(draw: Drawn) -> None:
    assert spec(draw, {"agent_id": ["qa-smoke"], "workspace_id": ["acme"]}) == spec(draw)


def test_the_frame_goes_beside_the_spec() -> None:
    chart = response(answer(), palette(answer()))
    body = named_spec(chart)
    assert body["data"] == {"name": DATA_NAME}
    assert body["datasets"][DATA_NAME] is chart.data


CHARTS = (charts.cumulative_cost, charts.response_time, charts.outcomes, charts.failure_share)


@pytest.mark.parametrize(("draw", "chart"), list(zip(ALL, CHARTS, strict=True)))
def test_rows_do_not_change_a_spec(draw: Drawn, chart: Callable[[pd.DataFrame], alt.LayerChart]) -> None:
    assert json.loads(drawing(chart, pd.DataFrame()).spec) == spec(draw)


def test_a_cost_that_was_not_known_before_is_no_layer() -> None:
    found = answer()
    frame = chart_data.cumulative_cost_frame(found.runs_per_day, [], TODAY)
    layers = named_spec(charts.cumulative_cost(frame, compared=False))["layer"]
    assert layers == spec(cost)["layer"][1:]


@pytest.mark.parametrize("draw", ALL)
def test_no_colour_is_written_into_a_mark(draw: Drawn) -> None:
    """Theme names work in encodings only; in a mark they are CSS colours, the same by day and night."""
    body = spec(draw)
    marks = [layer["mark"] for layer in body.get("layer", [body])]
    assert not [mark for mark in marks if {"color", "fill", "stroke"} & set(mark)]
    assert "#" not in json.dumps(body).replace("schema#", "")


@pytest.mark.parametrize("draw", ALL)
def test_nothing_is_nan(draw: Drawn) -> None:
    assert "NaN" not in json.dumps(draw(answer(), palette(answer())).to_dict())


def test_the_mean_and_unusual_days_lie_over_the_cost_so_far() -> None:
    found = answer()
    frame = chart_data.cumulative_cost_frame(
        found.runs_per_day, [*chart_data.daily_cost(found.runs_per_day).values()], TODAY
    )
    layers = named_spec(charts.cumulative_cost(frame, rolling=True, outliers=True))["layer"]
    assert layers[:4] == spec(cost)["layer"]
    assert [layer["mark"]["type"] for layer in layers[4:]] == ["line", "point"]
    assert layers[5]["mark"]["shape"] == "diamond"


def test_cost_is_an_area_from_zero_before_a_dashed_line() -> None:
    layers = spec(cost)["layer"]
    kinds = [layer["mark"]["type"] for layer in layers]
    assert kinds == ["line", "area", "line", "point"]
    assert layers[0]["mark"]["strokeDash"] == [4, 4]
    assert layers[0]["encoding"]["color"]["value"] == "gray"
    assert layers[1]["encoding"]["y"]["scale"]["zero"] is True


def test_failure_is_never_green() -> None:
    scale = spec(outcomes)["layer"][0]["encoding"]["color"]["scale"]
    colours = dict(zip(scale["domain"], scale["range"], strict=True))
    assert colours == {"● Succeeded": "green", "▲ Failed": "red", "■ Cancelled": "gray"}
    assert spec(failure)["layer"][0]["encoding"]["color"]["value"] == "red"


def test_agents_stand_in_the_order_of_their_rank() -> None:
    for draw in (response, outcomes, failure):
        for layer in spec(draw)["layer"]:
            assert layer["encoding"]["y"]["sort"] == {"field": "rank", "op": "min"}


@pytest.mark.parametrize(
    ("slowest", "labels"),
    [
        (0.8, ["0", "500 ms"]),
        (14, ["0", "5 s", "10 s", "15 s"]),
        (610, ["0", "5 min", "10 min"]),
        (45_000, ["0", "6 h", "12 h"]),
    ],
)
def test_the_ticks_of_durations_are_round(slowest: float, labels: list[str]) -> None:
    row = {"agent": "a", "Workspace": "w", "Average": "", "Timed runs": 1, "seconds": slowest}
    frame = pd.DataFrame([{**row, "reach": slowest * 1.2, "rank": 0, "label": ""}])
    drawn = vl_convert.vegalite_to_svg(charts.response_time(frame).to_dict())
    assert re.findall(r">([\d.,]+ ?(?:ms|s|min|h)?)</text>", drawn) == labels

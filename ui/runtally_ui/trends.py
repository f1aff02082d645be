"""Trend charts: frame in, chart out, pure. Drag to zoom, click on a step; the spec changes only with what is asked.

The page reads the selections `zoom` and `step` back (see `drilling`).
"""

from dataclasses import dataclass, replace
from typing import Final

import altair as alt
import pandas as pd

from runtally_ui.chart_theme import (
    COUNT_AXIS,
    DURATION_MS_AXIS,
    DURATION_MS_TICKS,
    MONEY_AXIS,
    NUMBER_AXIS,
    SHARE_AXIS,
    day_axis,
    styled,
)
from runtally_ui.trend_data import Series
from runtally_ui.version_marks import ROOM_ABOVE, mark_layers

HEIGHT = 220
WIDE_HEIGHT = 250
FADED = 0.4
SELECTIONS = ("step", "zoom")
_AXES = {
    "money": MONEY_AXIS, "share": SHARE_AXIS, "duration": DURATION_MS_AXIS, "count": COUNT_AXIS, "number": NUMBER_AXIS,
}  # fmt: skip
_OF_BOTH = {"duration": "Duration", "money": "Cost", "share": "Share"}
"""The title of an axis that two measures share."""
_FADE = alt.Scale(domain=[0, 1], range=[FADED, 1])
_GAPS: Final = "break-paths-show-domains"


@dataclass(frozen=True)
class Look:
    """What is drawn besides the measures themselves. `marked` needs the columns of `version_marks.with_marks`; `beside`
    are titles of further columns for the tooltip.
    """

    colour: str = "primary"
    rolling: bool = False
    outliers: bool = False
    target: float | None = None
    marked: bool = False
    beside: tuple[str, ...] = ()
    height: int = HEIGHT


PLAIN: Final = Look()


def bar_trend(frame: pd.DataFrame, first: Series, second: Series | None = None, look: Look = PLAIN) -> alt.LayerChart:
    """Bars from zero on the left axis; a second measure as an orange line on an axis of its own."""
    tooltip = _tooltip(first, second, look)
    bars = _selectable(
        _timed(frame, "start")
        .mark_bar(opacity=0.55 if second else 1, cornerRadius=1)
        .encode(
            x2="bar_end:T",
            y=_measure("value", first, zero=True, one_scale=second is None),
            y2=alt.datum(0),
            color=alt.value(look.colour),
            opacity=alt.Opacity("done:Q", scale=_FADE, legend=None),
            tooltip=tooltip,
        )
    )
    sides = [alt.LayerChart(layer=[bars, *_behind(frame, look), *_above(frame, first, look)])]
    if second is None:
        return _finished(sides[0], look)
    line = _timed(frame, "middle").mark_line(strokeWidth=2, invalid=_GAPS)
    points = _timed(frame, "middle").mark_point(filled=True, size=22, opacity=1)
    right = [mark.encode(y=_measure("second", second, zero=True, right=True), color=alt.value("orange"),
                         tooltip=tooltip) for mark in (line, points)]  # fmt: skip
    both: alt.LayerChart = alt.LayerChart(layer=[*sides, alt.LayerChart(layer=right)]).resolve_scale(y="independent")
    return _finished(both, look)


def line_trend(frame: pd.DataFrame, first: Series, second: Series | None = None, look: Look = PLAIN) -> alt.LayerChart:
    """A line, gaps where nothing is known; a second measure of the same unit as an orange line."""
    done = _timed(frame, "middle").transform_filter("datum.done === 1")
    title = _OF_BOTH.get(first.form, first.title) if second else first.title
    y = _measure("value", replace(first, title=title), zero=True, one_scale=True)
    layers: list[alt.Chart] = []
    if second is not None:
        layers.append(
            done.mark_line(strokeWidth=1.8, invalid=_GAPS).encode(y=alt.Y("second:Q"), color=alt.value("orange"))
        )
    layers.append(done.mark_line(strokeWidth=2.2, invalid=_GAPS).encode(y=y, color=alt.value(look.colour)))
    # Points are also what can be clicked and hovered; the running step is only a faded point.
    points = _selectable(
        _timed(frame, "middle")
        .mark_point(filled=True, size=46)
        .encode(
            y=alt.Y("value:Q"),
            color=alt.value(look.colour),
            opacity=alt.Opacity("done:Q", scale=_FADE, legend=None),
            tooltip=_tooltip(first, second, look),
        )
    )
    return _finished(alt.LayerChart(layer=[*_behind(frame, look), *layers, points, *_above(frame, first, look)]), look)


def _finished(chart: alt.LayerChart, look: Look) -> alt.LayerChart:
    whole = styled(chart, look.height)
    if not look.marked:
        return whole
    padded: alt.LayerChart = whole.properties(padding={**whole.padding, "top": ROOM_ABOVE})
    return padded


def _selectable(marks: alt.Chart) -> alt.Chart:
    """The one layer that can be clicked and dragged over."""
    # Altair would name the view after its data; every filter would then rebuild the chart.
    selectable: alt.Chart = marks.properties(name="marks").add_params(*_selections())
    return selectable


def _timed(frame: pd.DataFrame, field: str) -> alt.Chart:
    timed: alt.Chart = alt.Chart(frame).encode(x=day_axis(field, 105))
    return timed


def _measure(field: str, series: Series, *, zero: bool, right: bool = False, one_scale: bool = False) -> alt.Y:
    # The ticks' expression knows the scale by its name, which is another one where there are two.
    ticks = alt.ExprRef(DURATION_MS_TICKS) if one_scale and series.form == "duration" else alt.Undefined
    axis = alt.Axis(
        values=ticks,
        title=series.title,
        labelExpr=_AXES.get(series.form, NUMBER_AXIS),
        orient="right" if right else "left",
        grid=not right,
        titleFontWeight="normal",
    )
    return alt.Y(f"{field}:Q", axis=axis, scale=alt.Scale(zero=zero, nice=True))


def _behind(frame: pd.DataFrame, look: Look) -> list[alt.Chart]:
    """The band, the rolling mean and the target; each only where asked for."""
    layers: list[alt.Chart] = []
    middle = _timed(frame, "middle")
    if look.outliers:
        layers.append(
            middle.mark_area(opacity=0.12, invalid=_GAPS).encode(y=alt.Y("low:Q"), y2="high:Q", color=alt.value("gray"))
        )
    if look.rolling:
        layers.append(
            middle.mark_line(strokeDash=[5, 3], strokeWidth=1.8, invalid=_GAPS).encode(
                y=alt.Y("rolling:Q"), color=alt.value("gray")
            )
        )
    if look.target is not None:
        line = alt.Chart(frame).mark_rule(strokeDash=[2, 3], strokeWidth=1.4)
        layers.append(line.encode(y=alt.datum(look.target), color=alt.value("gray")))
    return layers


def _above(frame: pd.DataFrame, first: Series, look: Look) -> list[alt.Chart]:
    """Over everything else: the points beyond the band, and where versions were first seen; and, not seen, the axis's
    least reach.
    """
    layers: list[alt.Chart] = [alt.Chart(frame).mark_point(opacity=0, size=0, aria=False).encode(y=alt.Y("top:Q"))]
    if look.outliers:
        layers.append(
            _timed(frame, "middle")
            .transform_filter("isValid(datum.outlier)")
            .mark_point(shape="diamond", filled=True, size=120, opacity=1)
            .encode(y=alt.Y("outlier:Q"), color=alt.value("red"), tooltip=_tooltip(first, None, look))
        )
    return [*layers, *(mark_layers(_timed(frame, "seen")) if look.marked else ())]


def _selections() -> list[alt.Parameter]:
    """A click on a step, by its start as text: dates come back shifted by the browser's own offset."""
    return [
        alt.selection_point(name="step", fields=["key"]),
        alt.selection_interval(name="zoom", encodings=["x"]),
    ]


def _tooltip(first: Series, second: Series | None, look: Look) -> list[alt.Tooltip]:
    names = ["Step", first.title, *([second.title] if second else []), *look.beside, "Runs"]
    return [alt.Tooltip(f"{_field(name)}:N", title=name) for name in dict.fromkeys(names)]


def _field(name: str) -> str:
    # A dot in a field's name would mean a member of it.
    return name.replace(".", "\\.")

"""Frame in, chart out: pure, with a spec that changes only with its data.

The sentences passed to `alt=` in Streamlit live with the page; here is only what is drawn.
"""

import altair as alt
import pandas as pd

from runtally_ui.chart_data import OUTCOMES
from runtally_ui.chart_theme import (
    COUNT_AXIS,
    MONEY_AXIS,
    SECONDS_AXIS,
    SECONDS_TICKS,
    SHARE_AXIS,
    SMALL,
    agent_axis,
    day_axis,
    headroom,
    measure_axis,
    styled,
)
from runtally_ui.trends import HEIGHT

HALF_HEIGHT = 300
_BAR = 16


def cumulative_cost(
    frame: pd.DataFrame, compared: bool = True, *, rolling: bool = False, outliers: bool = False
) -> alt.LayerChart:
    """Area of the cost so far; the period before dashed and gray on the same days, where any of it is `compared`.

    The page reads the selections `step` and `zoom` back, as those of the trends.
    """
    base = alt.Chart(frame).encode(x=day_axis("middle", 105))
    money = alt.Y("total:Q", axis=alt.Axis(title=None, labelExpr=MONEY_AXIS), scale=alt.Scale(zero=True, nice=True))
    # A previous cost that is not known leaves a gap; it must not pull the line to zero.
    earlier = base.mark_line(strokeDash=[4, 4], strokeWidth=1.5, invalid="break-paths-show-domains").encode(
        y=alt.Y("previous:Q"), color=alt.value("gray")
    )
    area = base.mark_area(opacity=0.14).encode(y=money, color=alt.value("primary"))
    line = base.mark_line(strokeWidth=2.2).encode(y=alt.Y("total:Q"), color=alt.value("primary"))
    hover = alt.selection_point(
        name="hover", on="pointerover", clear="pointerout", nearest=True, fields=["key"], empty=False
    )
    step = alt.selection_point(name="step", fields=["key"], nearest=True)
    points = (
        # Altair would name the view after its data; every filter would then rebuild the chart.
        base.properties(name="points")
        .mark_point(filled=True, size=70)
        .encode(
            y=alt.Y("total:Q"),
            color=alt.value("primary"),
            opacity=alt.condition(hover, alt.value(1), alt.value(0)),
            tooltip=_tooltip("Day", "Cost so far", "Cost of the day", "Period before"),
        )
        .add_params(hover, step, alt.selection_interval(name="zoom", encodings=["x"]))
    )
    # Without any earlier cost its layer would have no scale to stand on.
    layers = [earlier, area, line, points] if compared else [area, line, points]
    if rolling:
        mean = base.mark_line(strokeDash=[1, 3], strokeWidth=1.8, invalid="break-paths-show-domains")
        layers.append(mean.encode(y=alt.Y("rolling:Q"), color=alt.value("orange")))
    if outliers:
        beyond = base.transform_filter("isValid(datum.outlier)")
        layers.append(
            beyond.mark_point(shape="diamond", filled=True, size=120, opacity=1).encode(
                y=alt.Y("outlier:Q"), color=alt.value("red"), tooltip=_tooltip("Day", "Cost of the day")
            )
        )
    return styled(_layers(*layers), HEIGHT)


def response_time(frame: pd.DataFrame) -> alt.LayerChart:
    """Average response time per agent, slowest first, with its value at the bar's end."""
    base = alt.Chart(frame).encode(y=agent_axis())
    bars = base.mark_bar(size=_BAR, cornerRadiusEnd=2).encode(
        x=measure_axis("seconds", SECONDS_AXIS, ticks=SECONDS_TICKS),
        color=alt.value("primary"),
        tooltip=_tooltip("agent", "Workspace", "Average", "Timed runs"),
    )
    bars = _selectable(bars)
    return styled(_layers(bars, _end_labels(base, "seconds"), headroom(base)), HALF_HEIGHT)


def outcomes(frame: pd.DataFrame) -> alt.LayerChart:
    """Success against failure in runs: stacked bars per agent, the highest failure share first."""
    base = alt.Chart(frame).encode(y=agent_axis())
    bars = base.mark_bar(size=_BAR).encode(
        x=alt.X(
            "runs:Q",
            stack="zero",
            axis=alt.Axis(title=None, labelExpr=COUNT_AXIS, grid=True, tickMinStep=1),
            scale=alt.Scale(zero=True, nice=False),
        ),
        color=alt.Color(
            "outcome:N",
            scale=alt.Scale(domain=list(OUTCOMES), range=["green", "red", "gray"]),
            legend=None,
        ),
        order=alt.Order("order:Q"),
        tooltip=_tooltip("agent", "Workspace", "outcome", "Runs", "Failed", "Timed out"),
    )
    bars = _selectable(bars, "outcome")
    totals = base.transform_filter("datum.order === 0")
    return styled(_layers(bars, _end_labels(totals, "ended"), headroom(base)), HALF_HEIGHT)


def failure_share(frame: pd.DataFrame) -> alt.LayerChart:
    """Failed share per agent from zero, its 95% interval as a line, `7.0% of 753` at the end."""
    base = alt.Chart(frame).encode(y=agent_axis())
    tooltip = _tooltip("agent", "Workspace", "Failure share", "95% interval")
    bars = base.mark_bar(size=_BAR, opacity=0.75, cornerRadiusEnd=2).encode(
        x=measure_axis("share", SHARE_AXIS), color=alt.value("red"), tooltip=tooltip
    )
    bars = _selectable(bars)
    interval = base.mark_rule(strokeWidth=1.5).encode(
        x=alt.X("low:Q"), x2="high:Q", color=alt.value("gray"), tooltip=tooltip
    )
    return styled(_layers(bars, interval, _end_labels(base, "high"), headroom(base)), HALF_HEIGHT)


def _selectable(bars: alt.Chart, *more: str) -> alt.Chart:
    """A click on a bar is the selection `agent`."""
    # Altair would name the view after its data; every filter would then rebuild the chart.
    named: alt.Chart = bars.properties(name="bars")
    selectable: alt.Chart = named.add_params(alt.selection_point(name="agent", fields=["Workspace", "agent_id", *more]))
    return selectable


def _tooltip(*fields: str) -> list[alt.Tooltip]:
    titles = {"series": "Agent", "agent": "Agent", "outcome": "Outcome"}
    return [alt.Tooltip(f"{field}:N", title=titles.get(field, field)) for field in fields]


def _layers(*layers: alt.Chart) -> alt.LayerChart:
    return alt.LayerChart(layer=list(layers))


def _end_labels(base: alt.Chart, field: str) -> alt.Chart:
    labels: alt.Chart = base.mark_text(align="left", dx=6, fontSize=SMALL).encode(
        x=alt.X(f"{field}:Q"), text="label:N", color=alt.value("gray")
    )
    return labels

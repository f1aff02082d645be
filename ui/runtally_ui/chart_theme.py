"""What all charts share. Colours are theme names, which the browser resolves for light and dark.

`alt.theme.enable` is process-wide and would leak between sessions, so this is attached per chart.
"""

from collections.abc import Sequence
from typing import TypeVar

import altair as alt

ChartT = TypeVar("ChartT", alt.Chart, alt.LayerChart)

SMALL = 11

COUNT_AXIS = (
    "datum.value >= 1e9 ? format(datum.value / 1e9, ',.2~f') + 'B'"
    " : datum.value >= 1e6 ? format(datum.value / 1e6, ',.2~f') + 'M'"
    " : datum.value >= 1e4 ? format(datum.value / 1e3, ',.1~f') + 'k'"
    " : datum.value % 1 ? '' : format(datum.value, ',')"
)
MONEY_AXIS = (
    "datum.value === 0 ? '$0'"
    " : datum.value >= 1e6 ? '$' + format(datum.value / 1e6, ',.2~f') + 'M'"
    " : datum.value >= 1e4 ? '$' + format(datum.value / 1e3, ',.1~f') + 'k'"
    " : datum.value >= 1 ? '$' + format(datum.value, datum.value % 1 ? ',.2f' : ',')"
    " : '$' + format(datum.value, datum.value >= 0.1 ? '.2f' : '.2~r')"
)
SECONDS_AXIS = (
    "datum.value === 0 ? '0'"
    " : datum.value < 1 ? format(datum.value * 1000, ',.0f') + ' ms'"
    " : datum.value < 120 ? format(datum.value, ',.1~f') + ' s'"
    " : datum.value < 7200 ? format(datum.value / 60, ',.1~f') + ' min'"
    " : format(datum.value / 3600, ',.1~f') + ' h'"
)
DURATION_MS_AXIS = SECONDS_AXIS.replace("datum.value", "(datum.value / 1000)")
NUMBER_AXIS = "abs(datum.value) >= 1e4 ? format(datum.value / 1e3, ',.1~f') + 'k' : format(datum.value, ',.2~f')"
# Round numbers of seconds, minutes and hours: Vega's own ticks are round in tens only, so 3.3 min.
_SECONDS_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
_SECONDS_STEP = "".join(f"domain('x')[1] <= {4 * step:g} ? {step:g} : " for step in _SECONDS_STEPS) + "86400"
SECONDS_TICKS = f"sequence(0, domain('x')[1], {_SECONDS_STEP})"
_MS_STEP = "".join(f"domain('y')[1] <= {4000 * step:g} ? {1000 * step:g} : " for step in _SECONDS_STEPS) + "86400000"
DURATION_MS_TICKS = f"sequence(0, domain('y')[1] + 1, {_MS_STEP})"
SHARE_AXIS = "format(datum.value, '.1~%')"
# Days by their date; within few days the hours between them too.
DAY_AXIS = (
    "hours(datum.value) === 0 && minutes(datum.value) === 0 ? timeFormat(datum.value, '%-d %b')"
    " : domain('x')[1] - domain('x')[0] < 3 * 864e5 ? timeFormat(datum.value, '%H:%M') : ''"
)


def hiding_legend(shown: Sequence[str]) -> tuple[alt.Parameter, alt.Legend]:
    """A legend that lists the series in `shown`, and the selection of those that a click on it hides."""
    hidden = alt.selection_point(name="hidden", fields=["series"], bind="legend", toggle="true", empty=False)
    legend = alt.Legend(
        values=list(shown), symbolOpacity=1, offset=12, padding=0, labelLimit=170,
        columns=alt.ExprRef("max(2, floor(width / 135))"),
    )  # fmt: skip
    return hidden, legend


def styled(chart: ChartT, height: int) -> ChartT:
    """The chart with the shared look and a fixed height."""
    finished: ChartT = chart.properties(
        height=height, padding={"left": 0, "right": 6, "top": 4, "bottom": 2}
    ).configure(
        background="transparent",
        view=alt.ViewConfig(strokeWidth=0),
        axis=alt.AxisConfig(
            labelFontSize=SMALL, titleFontSize=SMALL, tickCount=4, domain=False, ticks=False, labelPadding=8
        ),
        legend=alt.LegendConfig(
            orient="top", direction="horizontal", title=None, labelFontSize=12, symbolType="square"
        ),
    )
    return finished


def day_axis(field: str, label_width: int) -> alt.X:
    """Days along the bottom; labels only at midnights, about one per `label_width` pixels."""
    axis = alt.Axis(
        title=None,
        grid=False,
        labelExpr=DAY_AXIS,
        tickCount=alt.ExprRef(f"max(3, floor(width / {label_width}))"),
        labelFlush=False,
        labelOverlap=True,
    )
    return alt.X(f"{field}:T", axis=axis, scale=alt.Scale(nice=False))


def agent_axis() -> alt.Y:
    """Agents down the side in the order of `rank`."""
    return alt.Y(
        "agent:N",
        sort=alt.EncodingSortField(field="rank", op="min"),
        axis=alt.Axis(title=None, labelLimit=150, labelFontSize=12, grid=False),
    )


def measure_axis(field: str, label_expr: str, title: str | None = None, ticks: str | None = None) -> alt.X:
    """A horizontal measure from zero. The `reach` column keeps room for the labels at the bars' ends.

    `ticks` is an expression for the places of the ticks, where Vega's own would not be round.
    """
    places = alt.Undefined if ticks is None else alt.ExprRef(ticks)
    return alt.X(
        f"{field}:Q",
        axis=alt.Axis(title=title, labelExpr=label_expr, grid=True, values=places),
        scale=alt.Scale(zero=True, nice=False),
    )


def headroom(base: alt.Chart) -> alt.Chart:
    """An invisible mark that stretches the scale, so that the spec stays the same for all data."""
    invisible: alt.Chart = base.mark_point(opacity=0, size=0).encode(x=alt.X("reach:Q"))
    return invisible

"""Ranked bars: one measure for each group, the greatest first, its value at the bar's end."""

from collections.abc import Callable, Sequence

import altair as alt
import pandas as pd

from runtally_ui import formats
from runtally_ui.answers import QueryAnswer, QueryRow
from runtally_ui.chart_theme import (
    COUNT_AXIS,
    MONEY_AXIS,
    NUMBER_AXIS,
    SECONDS_AXIS,
    SECONDS_TICKS,
    SHARE_AXIS,
    SMALL,
    headroom,
    measure_axis,
    styled,
)
from runtally_ui.trend_data import Series

SHOWN = 10
HEIGHT = 300
_AXES = {"money": MONEY_AXIS, "share": SHARE_AXIS, "duration": SECONDS_AXIS, "count": COUNT_AXIS}
NO_VALUE = "(none)"


def ranking_frame(
    answer: QueryAnswer,
    series: Series,
    dimension: str,
    name: Callable[[QueryRow], str] | None = None,
    label: Callable[[QueryRow], str] | None = None,
) -> pd.DataFrame:
    """The ten greatest; groups of which the measure is unknown, and the folded rest, are left out.

    `name` gives a group's name where its value is not one, `label` what stands at a bar's end where that is more than
    the measure.
    """
    known = [row for row in answer.rows if row.number(series.measure) is not None and not row.other]
    known.sort(key=lambda row: row.number(series.measure) or 0, reverse=True)
    scale = 1000 if series.form == "duration" else 1
    greatest = max((row.number(series.measure) or 0 for row in known), default=0) / scale
    marks = [
        {
            "rank": rank,
            "group": name(row) if name else formats.cut(row.text(dimension) or NO_VALUE, 40),
            "key": row.text(dimension),
            "value": (row.number(series.measure) or 0) / scale,
            "reach": greatest * 1.2 or 1,
            "label": label(row) if label else formats.figure(row.exact(series.measure), series.form),
            series.title: formats.full_figure(row.exact(series.measure), series.form),
            "Runs": formats.full_count(int(row.number("runs") or 0)),
        }
        for rank, row in enumerate(known[:SHOWN])
    ]
    columns = ["rank", "group", "key", "value", "reach", "label", series.title, "Runs"]
    return pd.DataFrame(marks, columns=list(dict.fromkeys(columns)))


def ranked_bars(
    frame: pd.DataFrame,
    series: Series,
    *,
    colour: str = "primary",
    height: int = HEIGHT,
    target: float | None = None,
    beside: str = "Runs",
) -> alt.LayerChart:
    """A click on a bar selects its group as `group`. `beside` is the column that the tooltip adds to the measure."""
    side = alt.Y(
        "group:N",
        sort=alt.EncodingSortField(field="rank", op="min"),
        axis=alt.Axis(title=None, labelLimit=170, labelFontSize=12, grid=False),
    )
    base = alt.Chart(frame).encode(y=side)
    ticks = SECONDS_TICKS if series.form == "duration" else None
    tooltip = list(dict.fromkeys(["group", series.title, beside]))
    bars = (
        base.mark_bar(size=16, cornerRadiusEnd=2)
        .encode(
            x=measure_axis("value", _AXES.get(series.form, NUMBER_AXIS), ticks=ticks),
            color=alt.value(colour),
            tooltip=[alt.Tooltip(f"{field}:N", title=field.capitalize()) for field in tooltip],
        )
        .properties(name="bars")
        .add_params(alt.selection_point(name="group", fields=["key"]))
    )
    labels = base.mark_text(align="left", dx=6, fontSize=SMALL).encode(
        x=alt.X("value:Q"), text="label:N", color=alt.value("gray")
    )
    layers: list[alt.Chart] = [bars, labels, headroom(base)]
    if target is not None:
        rule = alt.Chart(frame).mark_rule(strokeDash=[2, 3], strokeWidth=1.4)
        layers.append(rule.encode(x=alt.datum(target), color=alt.value("gray")))
    return styled(alt.LayerChart(layer=layers), height)


def selected_group(selection: Sequence[dict[str, str]]) -> str | None:
    """The value of the clicked bar."""
    return selection[0].get("key") if selection else None

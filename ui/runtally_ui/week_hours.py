"""A measure by hour and weekday: a heatmap of 7 rows and 24 columns, by the clock of the question's zone."""

from typing import Final

import altair as alt
import pandas as pd

from runtally_ui import formats
from runtally_ui.answers import QueryAnswer, QueryRow
from runtally_ui.chart_theme import styled
from runtally_ui.trend_data import Series

WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LONG_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOURS: Final = range(24)
HEIGHT = 258
_FAINTEST = 0.16


def week_hours_frame(answer: QueryAnswer, shown: Series, beside: tuple[Series, ...]) -> pd.DataFrame:
    """One row for each hour of a weekday that has runs. `shade` is the value as a part of the greatest, which is only
    how dark it is drawn; the measures `beside` are in the tooltip.
    """
    rows = [row for row in answer.rows if not row.other]
    greatest = max((row.number(shown.measure) or 0 for row in rows), default=0) or 1
    marks = [
        {
            "day": WEEKDAYS[int(row.number("weekday") or 1) - 1],
            "weekday": int(row.number("weekday") or 1),
            "hour": int(row.number("hour") or 0),
            "value": row.number(shown.measure),
            "tone": "some" if row.number(shown.measure) else "none",
            "shade": (row.number(shown.measure) or 0) / greatest,
            "Time": hour_words(row),
            "said": f"{hour_words(row)}: {shown.title} {formats.full_figure(row.exact(shown.measure), shown.form)}",
            **{one.title: formats.full_figure(row.exact(one.measure), one.form) for one in (shown, *beside)},
        }
        for row in rows
    ]
    titles = [one.title for one in (shown, *beside)]
    return pd.DataFrame(marks, columns=["day", "weekday", "hour", "value", "tone", "shade", "Time", "said", *titles])


def week_hours_chart(frame: pd.DataFrame, titles: tuple[str, ...], *, height: int = HEIGHT) -> alt.LayerChart:
    """The darker, the more; hours with runs and nothing to show are faint gray, hours without runs are left empty.

    A click on a cell is the selection `cell`.
    """
    base = alt.Chart(frame).encode(
        x=alt.X(
            "hour:O",
            scale=alt.Scale(domain=list(HOURS), paddingInner=0.08),
            axis=alt.Axis(title=None, labelAngle=0, labelExpr="datum.value % 3 ? '' : datum.value + ':00'", grid=False),
        ),
        y=alt.Y(
            "day:O",
            scale=alt.Scale(domain=list(WEEKDAYS), paddingInner=0.12),
            axis=alt.Axis(title=None, grid=False, labelFontSize=12),
        ),
    )
    clicked = alt.selection_point(name="cell", fields=["weekday", "hour"], empty=False)
    cells = (
        base.mark_rect(cornerRadius=2)
        .encode(
            # The theme's colours are known in the range of a scale, not in a condition.
            color=alt.Color("tone:N", scale=alt.Scale(domain=["some", "none"], range=["red", "gray"]), legend=None),
            opacity=alt.Opacity("shade:Q", scale=alt.Scale(domain=[0, 1], range=[_FAINTEST, 1]), legend=None),
            stroke=alt.value("gray"),
            strokeWidth=alt.condition(clicked, alt.value(2.5), alt.value(0)),
            description="said:N",
            tooltip=[alt.Tooltip(f"{name}:N", title=name) for name in ("Time", *titles)],
        )
        .properties(name="cells")
        .add_params(clicked)
    )
    return styled(alt.LayerChart(layer=[cells]), height)


def hour_words(row: QueryRow) -> str:
    """`Tuesday, 08:00 to 08:59`."""
    hour = int(row.number("hour") or 0)
    return f"{LONG_WEEKDAYS[int(row.number('weekday') or 1) - 1]}, {hour:02}:00 to {hour:02}:59"


def greatest_hour(answer: QueryAnswer, measure: str) -> QueryRow | None:
    """The hour of which the measure is greatest; None where it is nowhere above zero."""
    rows = [row for row in answer.rows if not row.other and row.number(measure)]
    return max(rows, key=lambda row: row.number(measure) or 0, default=None)

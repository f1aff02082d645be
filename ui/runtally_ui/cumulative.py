"""A sum as it grew over a range, beside the range before on the same steps: frame and chart."""

from collections.abc import Sequence
from decimal import Decimal

import altair as alt
import pandas as pd

from runtally_ui import formats
from runtally_ui.answers import QueryRow
from runtally_ui.chart_theme import MONEY_AXIS, day_axis, styled
from runtally_ui.trend_data import Step

HEIGHT = 250
_COLUMNS = ("key", "day", "total", "previous", "Step", "Cost so far", "Cost of the step", "Period before")


def cumulative_frame(
    rows: Sequence[QueryRow], times: Sequence[Step], before: Sequence[QueryRow] | None
) -> pd.DataFrame:
    """One row per step that has begun. Steps without any known cost add nothing; the caption tells the coverage."""
    totals, earlier = _running_sums(rows), _running_sums(before or ())
    marks = [
        {
            "key": step.start.isoformat(),
            "day": step.start,
            "total": float(total),
            "previous": float(earlier[place]) if place < len(earlier) else None,
            "Step": step.text,
            "Cost so far": formats.full_money(total),
            "Cost of the step": formats.full_money(row.exact("cost_usd")),
            "Period before": formats.full_money(earlier[place]) if place < len(earlier) else "no earlier data",
        }
        for place, (row, step, total) in enumerate(zip(rows, times, totals, strict=True))
    ]
    frame = pd.DataFrame(marks, columns=list(_COLUMNS))
    frame["previous"] = frame["previous"].astype(float)
    return frame


def cumulative_chart(frame: pd.DataFrame, height: int = HEIGHT) -> alt.LayerChart:
    """Area of the sum so far; the period before dashed and gray.

    The page reads the selections `step` and `zoom` back, as those of the trends.
    """
    base = alt.Chart(frame).encode(x=day_axis("day", 105))
    money = alt.Y("total:Q", axis=alt.Axis(title=None, labelExpr=MONEY_AXIS), scale=alt.Scale(zero=True, nice=True))
    earlier = base.mark_line(strokeDash=[4, 4], strokeWidth=1.5, invalid="break-paths-show-domains").encode(
        y=alt.Y("previous:Q"), color=alt.value("gray")
    )
    area = base.mark_area(opacity=0.14).encode(y=money, color=alt.value("primary"))
    line = base.mark_line(strokeWidth=2.2).encode(y=alt.Y("total:Q"), color=alt.value("primary"))
    told = ("Step", "Cost so far", "Cost of the step", "Period before")
    hover = alt.selection_point(
        name="hover", on="pointerover", clear="pointerout", nearest=True, fields=["key"], empty=False
    )
    points = (
        # Altair would name the view after its data; every filter would then rebuild the chart.
        base.properties(name="points")
        .mark_point(filled=True, size=70)
        .encode(
            y=alt.Y("total:Q"),
            color=alt.value("primary"),
            opacity=alt.condition(hover, alt.value(1), alt.value(0)),
            tooltip=[alt.Tooltip(f"{name}:N", title=name) for name in told],
        )
        .add_params(
            hover,
            alt.selection_point(name="step", fields=["key"], nearest=True),
            alt.selection_interval(name="zoom", encodings=["x"]),
        )
    )
    return styled(alt.LayerChart(layer=[earlier, area, line, points]), height)


def _running_sums(rows: Sequence[QueryRow]) -> list[Decimal]:
    total, sums = Decimal(0), []
    for row in rows:
        total += row.exact("cost_usd") or Decimal(0)
        sums.append(total)
    return sums

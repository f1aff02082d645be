"""How long runs took: a histogram on a logarithmic axis, the percentiles drawn into it."""

from math import exp, log
from typing import Any

import altair as alt
import pandas as pd

from runtally_ui import formats
from runtally_ui.agent_answers import Latency
from runtally_ui.chart_theme import COUNT_AXIS, DURATION_MS_AXIS, SMALL, styled

HEIGHT = 300
LEVELS = ("p50", "p90", "p95", "p99")
_LEAST_MS = 0.5
"""Where no time at all lies: a logarithmic axis has no zero."""
_TICKS_MS = (
    *(1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 120_000, 600_000, 1_800_000, 7_200_000, 36_000_000),
    *(172_800_000, 864_000_000),
)
_ROW_PIXELS = 15
_LABEL: dict[str, Any] = {"fontSize": SMALL, "fontWeight": 600}
_COLUMNS = ("kind", "from_ms", "low", "high", "runs", "reach", "left", "right", "row", "Duration", "Runs")


def latency_frame(answer: Latency) -> pd.DataFrame:
    """One row per bar of the histogram and one per percentile, whose label is on the side where it has room."""
    bars, known = answer.duration.histogram, answer.duration.known_runs
    most = max((bar.runs for bar in bars), default=0)
    marks: list[dict[str, object]] = [
        {
            "kind": "bar",
            "from_ms": bar.from_ms,
            "low": max(bar.from_ms, _LEAST_MS),
            "high": max(bar.to_ms, 1),
            "runs": bar.runs,
            "reach": most * 1.35 or 1,
            "Duration": bar.words(),
            "Runs": formats.share_of(bar.runs, known),
        }
        for bar in bars
    ]
    early = _early(answer)
    # The highest on top, each label to the left of its line: so no line crosses the label of another.
    for row, level in enumerate(reversed(LEVELS)):
        value: float | None = getattr(answer.duration, f"{level}_duration_ms")
        if value is not None and bars:
            label = f"{level}  {formats.duration(value)}"
            marks.append(
                {
                    "kind": "level",
                    "low": max(value, _LEAST_MS),
                    "left": "" if value < early else label,
                    "right": label if value < early else "",
                    "row": row,
                }
            )
    return pd.DataFrame(marks, columns=list(_COLUMNS))


def latency_chart(frame: pd.DataFrame, height: int = HEIGHT) -> alt.LayerChart:
    """Bars of runs by duration; a dashed line at each percentile, its label beside it. A click selects a `bar`."""
    # Places beyond the axis are left out by Vega; a small count would thin those within it.
    axis = alt.Axis(title=None, grid=False, values=list(_TICKS_MS), tickCount=20, labelExpr=DURATION_MS_AXIS)
    place = alt.X("low:Q", scale=alt.Scale(type="log", nice=False), axis=axis)
    base = alt.Chart(frame).encode(x=place)
    count = alt.Y("runs:Q", axis=alt.Axis(title=None, labelExpr=COUNT_AXIS, tickMinStep=1), scale=alt.Scale(zero=True))
    bars = (
        base.transform_filter("datum.kind === 'bar'")
        .mark_bar(x2Offset=-1, cornerRadiusEnd=1)
        .encode(
            x2="high:Q", y=count, y2=alt.datum(0), color=alt.value("primary"),
            tooltip=[alt.Tooltip(f"{name}:N") for name in ("Duration", "Runs")],
        )
        .properties(name="bars")
        .add_params(alt.selection_point(name="bar", fields=["from_ms"]))
    )  # fmt: skip
    room = base.transform_filter("datum.kind === 'bar'").mark_point(opacity=0, size=0).encode(y=alt.Y("reach:Q"))
    levels = base.transform_filter("datum.kind === 'level'").encode(color=alt.value("orange"))
    row = alt.Y("row:Q", axis=None, scale=alt.Scale(domain=[-0.6, height / _ROW_PIXELS], reverse=True, nice=False))
    rules = levels.mark_rule(strokeDash=[3, 3], strokeWidth=1.4, yOffset=-6).encode(
        y=row, y2=alt.value(alt.expr("height"))
    )
    # Both sides are always drawn, one of them empty: a layer without any row would have no place on the axis.
    labels = [
        levels.mark_text(align="left", dx=5, **_LABEL).encode(y=row, text="right:N"),
        levels.mark_text(align="right", dx=-5, **_LABEL).encode(y=row, text="left:N"),
    ]
    layers = [alt.LayerChart(layer=[bars, room]), alt.LayerChart(layer=[rules, *labels])]
    both: alt.LayerChart = alt.LayerChart(layer=layers).resolve_scale(y="independent")
    return styled(both, height)


def _early(answer: Latency) -> float:
    """The duration a fifth along the axis: left of a line before it there is no room for a label."""
    bars = answer.duration.histogram
    if not bars:
        return 0
    low, high = log(max(bars[0].from_ms, _LEAST_MS)), log(max(bars[-1].to_ms, 1))
    return exp(low + (high - low) / 5)

"""Runs by agent over time: stacked bars in the agents' own colours."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import altair as alt
import pandas as pd

from runtally_ui import formats
from runtally_ui.answers import QueryAnswer, QueryRow
from runtally_ui.chart_data import Palette
from runtally_ui.chart_theme import COUNT_AXIS, day_axis, styled
from runtally_ui.trend_data import BAR_SHARE, Step, steps
from runtally_ui.trends import FADED

HEIGHT = 270


def agent_runs_frame(answer: QueryAnswer, palette: Palette, now: datetime) -> pd.DataFrame:
    """One row per step and series with any runs, in the order of the colour slots; agents without a colour are one."""
    rows = [row for row in answer.rows if row.time is not None]
    segments: dict[tuple[datetime, int, str], list[QueryRow]] = defaultdict(list)
    known: dict[datetime, Step] = {}
    for row, step in zip(rows, steps(rows, answer.meta.granularity, now), strict=True):
        agent = (row.text("workspace_id") or None, row.text("agent_id") or None)
        known[step.start] = step
        segments[step.start, palette.slot(*agent), palette.series(*agent)].append(row)
    totals: dict[datetime, int] = defaultdict(int)
    for (start, _, _), members in segments.items():
        totals[start] += _sum(members, "runs")
    marks = [
        _mark(known[start], slot, series, members, totals[start])
        for (start, slot, series), members in sorted(segments.items(), key=lambda item: item[0])
        if _sum(members, "runs")
    ]
    columns = ["key", "start", "bar_end", "done", "slot", "series", "runs"]
    return pd.DataFrame(marks, columns=[*columns, "Step", "Runs", "Succeeded", "Failed", "All agents"])


def runs_by_agent(frame: pd.DataFrame, domain: Sequence[str], shown: Sequence[str], height: int = HEIGHT) -> alt.Chart:
    """`domain` has nine entries; the legend lists those in `shown`. A click on one hides its agent, and the others
    close up; the browser does that by itself.
    """
    hidden = alt.selection_point(name="hidden", fields=["series"], bind="legend", toggle="true", empty=False)
    legend = alt.Legend(
        values=list(shown), symbolOpacity=1, offset=12, padding=0, labelLimit=170,
        columns=alt.ExprRef("max(2, floor(width / 135))"),
    )  # fmt: skip
    chart: alt.Chart = (
        alt.Chart(frame)
        .transform_filter(~hidden)
        # Vega-Lite stacks no bars of its own that have a start and an end.
        .transform_stack(
            stack="runs", as_=["y0", "y1"], groupby=["key"], sort=[alt.SortField("slot", order="ascending")]
        )
        # The offset leaves a line of background between segments, which tells neighbours apart.
        .mark_bar(y2Offset=1, cornerRadius=1)
        .encode(
            x=day_axis("start", 200),
            x2="bar_end:T",
            y=alt.Y(
                "y0:Q",
                axis=alt.Axis(title=None, labelExpr=COUNT_AXIS, tickMinStep=1),
                scale=alt.Scale(zero=True),
            ),
            y2="y1:Q",
            color=alt.Color("series:N", scale=alt.Scale(domain=list(domain)), legend=legend),
            opacity=alt.Opacity("done:Q", scale=alt.Scale(domain=[0, 1], range=[FADED, 1]), legend=None),
            tooltip=_tooltip("Step", "series", "Runs", "Succeeded", "Failed", "All agents"),
        )
        .add_params(
            hidden,
            alt.selection_point(name="step", fields=["key", "series"]),
            alt.selection_interval(name="zoom", encodings=["x"]),
        )
    )
    return styled(chart, height)


def _mark(step: Step, slot: int, series: str, members: Sequence[QueryRow], total: int) -> dict[str, object]:
    return {
        "key": step.start.isoformat(),
        "start": step.start,
        "bar_end": step.start + (step.end - step.start) * BAR_SHARE,
        "done": 1 if step.done else 0,
        "slot": slot,
        "series": series,
        "runs": _sum(members, "runs"),
        "Step": step.text,
        "Runs": formats.full_count(_sum(members, "runs")),
        "Succeeded": formats.full_count(_sum(members, "succeeded")),
        "Failed": formats.full_count(_sum(members, "errors")),
        "All agents": formats.plural(total, "run"),
    }


def _sum(members: Sequence[QueryRow], measure: str) -> int:
    return sum(int(member.number(measure) or 0) for member in members)


def _tooltip(*fields: str) -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{field}:N", title="Agent" if field == "series" else field) for field in fields]

"""Runs by agent over time: stacked bars in the agents' own colours."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import altair as alt
import pandas as pd

from runtally_ui import formats
from runtally_ui.answers import QueryAnswer, QueryRow
from runtally_ui.chart_data import Palette
from runtally_ui.chart_theme import COUNT_AXIS, day_axis, hiding_legend, styled
from runtally_ui.trend_data import BAR_SHARE, Step, rolling_mean, steps, two_sigma
from runtally_ui.trends import FADED

HEIGHT = 270
_TOGETHER = ("rolling", "low", "high", "outlier")


def agent_runs_frame(answer: QueryAnswer, palette: Palette, now: datetime) -> pd.DataFrame:
    """One row per step and series with any runs, in the order of the colour slots; agents without a colour are one.

    The first row of a step has what is said of all its agents together: `rolling`, `low`, `high` and `outlier`, as
    `trend_data.trend_frame` has them.
    """
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
    together = _of_all_agents([known[start] for start in sorted(known)], totals)
    marks = [
        _mark(known[start], slot, series, members, totals[start]) | together.pop(start, {})
        for (start, slot, series), members in sorted(segments.items(), key=lambda item: item[0])
        if _sum(members, "runs")
    ]
    columns = ["key", "start", "middle", "bar_end", "done", "slot", "series", "runs", *_TOGETHER]
    frame = pd.DataFrame(marks, columns=[*columns, "Step", "Runs", "Succeeded", "Failed", "All agents"])
    frame[[*_TOGETHER]] = frame[[*_TOGETHER]].astype(float)
    return frame


def runs_by_agent(
    frame: pd.DataFrame,
    domain: Sequence[str],
    shown: Sequence[str],
    height: int = HEIGHT,
    *,
    rolling: bool = False,
    outliers: bool = False,
) -> alt.Chart | alt.LayerChart:
    """`domain` has nine entries; the legend lists those in `shown`. A click on one hides its agent, and the others
    close up; the browser does that by itself. `rolling` and `outliers` are of all agents together, hidden ones too.
    """
    bars = _stacked_bars(frame, domain, shown)
    if not rolling and not outliers:
        return styled(bars, height)
    # Altair would name the view after its data; every filter would then rebuild the chart.
    layers = [*(_band(frame) if outliers else ()), bars.properties(name="marks"), *(_rolling(frame) if rolling else ())]
    return styled(alt.LayerChart(layer=[*layers, *(_beyond(frame) if outliers else ())]), height)


def _stacked_bars(frame: pd.DataFrame, domain: Sequence[str], shown: Sequence[str]) -> alt.Chart:
    hidden, legend = hiding_legend(shown)
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
    return chart


def _timed(frame: pd.DataFrame, field: str) -> alt.Chart:
    """Once a step."""
    timed: alt.Chart = alt.Chart(frame).transform_filter(f"isValid(datum.{field})").encode(x=alt.X("middle:T"))
    return timed


def _band(frame: pd.DataFrame) -> list[alt.Chart]:
    area = _timed(frame, "high").mark_area(opacity=0.12)
    return [area.encode(y=alt.Y("low:Q"), y2="high:Q", color=alt.value("gray"))]


def _rolling(frame: pd.DataFrame) -> list[alt.Chart]:
    line = _timed(frame, "rolling").mark_line(strokeDash=[5, 3], strokeWidth=1.8)
    return [line.encode(y=alt.Y("rolling:Q"), color=alt.value("gray"))]


def _beyond(frame: pd.DataFrame) -> list[alt.Chart]:
    points = _timed(frame, "outlier").mark_point(shape="diamond", filled=True, size=120, opacity=1)
    return [points.encode(y=alt.Y("outlier:Q"), color=alt.value("red"), tooltip=_tooltip("Step", "All agents"))]


def _of_all_agents(times: Sequence[Step], totals: Mapping[datetime, int]) -> dict[datetime, dict[str, object]]:
    """By the starts of the steps."""
    values = [float(totals[step.start]) for step in times]
    done = [step.done for step in times]
    means = rolling_mean(values, done, times)
    band = two_sigma(values, values, done, is_share=False)
    return {
        step.start: {"rolling": mean, "low": low, "high": high, "outlier": value if beyond else None}
        for step, value, mean, (low, high, beyond) in zip(times, values, means, band, strict=True)
    }


def _mark(step: Step, slot: int, series: str, members: Sequence[QueryRow], total: int) -> dict[str, object]:
    return {
        "key": step.start.isoformat(),
        "start": step.start,
        "middle": step.start + (step.end - step.start) / 2,
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

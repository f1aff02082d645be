"""Calls of language models against cost, one point for each run of a draw over the whole range."""

import altair as alt
import pandas as pd

from runtally_ui import formats
from runtally_ui.answers import QueryAnswer, QueryMeta
from runtally_ui.chart_theme import COUNT_AXIS, MONEY_AXIS, styled

HEIGHT = 320
SHOWN_MODELS = 8
OTHER = "other models"


class DrawMeta(QueryMeta):
    """Of how many runs the answer's are drawn."""

    drawn_from: int | None = None


class DrawnRuns(QueryAnswer):
    """`GET /api/v1/runs?sample=`."""

    meta: DrawMeta = DrawMeta()


def which_runs(drawn: QueryAnswer, points: int) -> str:
    """What the points stand for: `1,000 of 2.1M runs, drawn over the whole range`, `all 312 runs`."""
    shown = len(drawn.data)
    of = drawn.meta.drawn_from if isinstance(drawn.meta, DrawMeta) else None
    whole = of is None or of <= shown
    what = f"All {formats.plural(shown, 'run')}" if shown != 1 else "The only run"
    if not whole:
        what = f"{shown:,} of {formats.count(of)} runs, drawn over the whole range"
    return what if points == shown else f"{what} · {shown - points:,} of them without calls or cost"


def call_cost_frame(answer: QueryAnswer) -> pd.DataFrame:
    """One row per run of which both are known; models beyond the eight most frequent are one series."""
    rows = [row for row in answer.rows if row.number("llm_calls") is not None and row.number("cost_usd") is not None]
    names = pd.Series([row.text("model") or "(none)" for row in rows], dtype=str)
    shown = set(names.value_counts().index[:SHOWN_MODELS])
    marks = [
        {
            "calls": row.number("llm_calls"),
            "cost": row.number("cost_usd"),
            "series": name if name in shown else OTHER,
            "run": row.text("run_id"),
            "workspace": row.text("workspace_id"),
            "Model": name,
            "LLM calls": formats.full_count(int(row.number("llm_calls") or 0)),
            "Cost": formats.full_money(row.exact("cost_usd")),
            "Run": formats.cut(row.text("run_id"), 60),
        }
        for row, name in zip(rows, names, strict=True)
    ]
    columns = ["calls", "cost", "series", "run", "workspace", "Model", "LLM calls", "Cost", "Run"]
    return pd.DataFrame(marks, columns=columns)


def call_cost_chart(frame: pd.DataFrame, height: int = HEIGHT) -> alt.Chart:
    """Points in the models' colours; a click on the legend hides a model, one on a point selects its `run`."""
    hidden = alt.selection_point(name="hidden", fields=["series"], bind="legend", toggle="true", empty=False)
    chart: alt.Chart = (
        alt.Chart(frame)
        .mark_point(filled=True, size=36, opacity=0.7)
        .encode(
            x=alt.X("calls:Q", axis=alt.Axis(title="LLM calls", labelExpr=COUNT_AXIS, titleFontWeight="normal")),
            y=alt.Y("cost:Q", axis=alt.Axis(title="Cost of the run", labelExpr=MONEY_AXIS, titleFontWeight="normal")),
            color=alt.Color("series:N", legend=alt.Legend(columns=alt.ExprRef("max(2, floor(width / 150))"))),
            opacity=alt.condition(hidden, alt.value(0), alt.value(0.7)),
            tooltip=[alt.Tooltip(f"{name}:N", title=name) for name in ("Model", "LLM calls", "Cost", "Run")],
        )
        .add_params(hidden, alt.selection_point(name="run", fields=["run", "workspace"]))
    )
    return styled(chart, height)

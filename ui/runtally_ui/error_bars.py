"""Errors by group as bars: of the runs with an error, how many failed. A click selects the group."""

from collections.abc import Callable, Sequence

import altair as alt
import pandas as pd

from runtally_ui import formats
from runtally_ui.answers import QueryAnswer, QueryRow
from runtally_ui.chart_theme import COUNT_AXIS, SMALL, headroom, measure_axis, styled

SHOWN = 10
_ROW_HEIGHT, _AXIS_HEIGHT = 27, 30
_TITLES = ("Failed or timed out", "With an error", "Failure rate", "Share", "Recovery", "Runs")
_COLUMNS = ("rank", "group", "key", "with_error", "failed", "reach", "label", "said", *_TITLES)


def error_bars_frame(
    answer: QueryAnswer,
    name: Callable[[QueryRow], str],
    key: Callable[[QueryRow], str],
    with_errors: str = "runs_with_errors",
) -> pd.DataFrame:
    """One row for each of the first ten groups, in the answer's order; those without any error are left out.

    `with_errors` names the count of runs with errors; the label is the number that failed with the failure rate, or
    with the share of all errors where the answer has one.
    """
    rows = [row for row in answer.rows if not row.other and row.number(with_errors)][:SHOWN]
    most = max((row.number(with_errors) or 0 for row in rows), default=0)
    marks = [
        {
            "rank": rank,
            "group": formats.cut(name(row), 40),
            "key": key(row),
            "with_error": row.number(with_errors),
            "failed": row.number("errors"),
            "reach": most * 1.3 or 1,
            "label": _label(row, with_errors),
            "said": f"{formats.cut(name(row), 40)}: {_said(row, with_errors)}",
            **_texts(row, with_errors),
        }
        for rank, row in enumerate(rows)
    ]
    return pd.DataFrame(marks, columns=list(_COLUMNS))


def error_bars(frame: pd.DataFrame, *, height: int, titles: Sequence[str] = _TITLES) -> alt.LayerChart:
    """Red for runs that failed or timed out, over gray for all runs with the error. A click selects a `group`."""
    side = alt.Y(
        "group:N",
        sort=alt.EncodingSortField(field="rank", op="min"),
        axis=alt.Axis(title=None, labelLimit=170, labelFontSize=12, grid=False),
    )
    base = alt.Chart(frame).encode(y=side)
    tooltip = [alt.Tooltip("group:N", title="Group"), *(alt.Tooltip(f"{title}:N", title=title) for title in titles)]
    counts = measure_axis("with_error", COUNT_AXIS)
    whole = (
        base.mark_bar(size=16, cornerRadiusEnd=2, opacity=0.3)
        .encode(x=counts, color=alt.value("gray"), tooltip=tooltip, description="said:N")
        .properties(name="bars")
        .add_params(alt.selection_point(name="group", fields=["key"]))
    )
    failed = base.mark_bar(size=16, cornerRadiusEnd=2, aria=False).encode(
        x=alt.X("failed:Q"), color=alt.value("red"), tooltip=tooltip
    )
    labels = base.mark_text(align="left", dx=6, fontSize=SMALL).encode(
        x=alt.X("with_error:Q"), text="label:N", color=alt.value("gray")
    )
    return styled(alt.LayerChart(layer=[whole, failed, labels, headroom(base)]), height)


def bars_height(most_rows: int = SHOWN) -> int:
    """Of a chart of so many bars."""
    return most_rows * _ROW_HEIGHT + _AXIS_HEIGHT


def _label(row: QueryRow, with_errors: str) -> str:
    if "share" in row.cells:
        return f"{formats.figure(row.exact(with_errors), 'count')} · {formats.share(row.number('share'))}"
    return f"{formats.figure(row.exact('errors'), 'count')} · {formats.share(row.number('failure_rate'))}"


def _said(row: QueryRow, with_errors: str) -> str:
    texts = _texts(row, with_errors)
    return f"{texts['With an error']} with an error, {texts['Failed or timed out']} failed or timed out"


def _texts(row: QueryRow, with_errors: str) -> dict[str, str]:
    return {
        "Failed or timed out": formats.full_figure(row.exact("errors"), "count"),
        "With an error": formats.full_figure(row.exact(with_errors), "count"),
        "Failure rate": formats.full_figure(row.exact("failure_rate"), "share"),
        "Share": formats.full_figure(row.exact("share"), "share"),
        "Recovery": formats.full_figure(row.exact("recovery_rate"), "share"),
        "Runs": formats.full_figure(row.exact("runs"), "count"),
    }

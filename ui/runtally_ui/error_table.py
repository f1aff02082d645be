"""The table of error types: how often, since when, whom they hit, whether runs recover, and how that changed."""

from collections import defaultdict
from typing import Any

import pandas as pd
import streamlit as st

from runtally_ui import formats
from runtally_ui.answers import QueryAnswer, QueryRow
from runtally_ui.instants import wall_clock

NO_TYPE = "(no type named)"
_ROW_HEIGHT = 36


def error_name(row: QueryRow) -> str:
    """The error's type, cut; a name for those that have none."""
    return formats.cut(row.text("error_type") or NO_TYPE)


def error_table_frame(
    types: QueryAnswer, over_time: QueryAnswer | None, before: QueryAnswer | None, timezone: str
) -> pd.DataFrame:
    """One row per type, the folded rest last; `over_time` and `before` are left out where they are not known."""
    steps: dict[str, list[float]] = defaultdict(list)
    for row in over_time.rows if over_time else ():
        steps[row.text("error_type")].append(row.number("runs") or 0)
    changes = {row.text("error_type"): _change(row) for row in before.rows} if before else {}
    frame = pd.DataFrame([_row(row, steps, changes, timezone) for row in types.rows])
    unknown = [name for name, known in (("Over time", over_time), ("Change", before)) if known is None]
    return frame.drop(columns=unknown) if len(frame) else frame


def error_table(frame: pd.DataFrame, versus: str, links: list[str | None]) -> None:
    """Draw it. `versus` says what the changes are against, `links` lead to the runs behind each row."""
    column = st.column_config
    most = float(frame["Runs"].max()) if len(frame) else 1.0
    shown = frame.copy()
    if any(links):
        shown["Open"] = links
    st.dataframe(
        shown,
        key="table-error-types",
        hide_index=True,
        row_height=_ROW_HEIGHT,
        height=_ROW_HEIGHT * (len(frame) + 1) + 4,
        placeholder=formats.MISSING,
        alt="Error types with their runs, shares, first and last sight, whom they hit and recovery",
        column_config={
            "Error": column.TextColumn(width=180, pinned=True),
            "Runs": column.ProgressColumn(
                format="localized", min_value=0, max_value=most, color="gray", width=108,
                help="Runs with this error, recovered ones too.",
            ),
            "Share": column.NumberColumn(format="%.1f%%", width=64, help="Of all runs with errors."),
            "Change": column.TextColumn(width=72, help=formats.escaped(f"{versus}".capitalize())),
            "Over time": column.AreaChartColumn(y_min=0, width=140, color="gray", help="Runs with this error by step."),
            "Failed": column.ProgressColumn(
                format="localized", min_value=0, max_value=most, color="red", width=108,
                help="Of them, failed or timed out.",
            ),
            "Recovered": column.NumberColumn(format="%.1f%%", width=84, help="Of the runs with this error."),
            "Time to recovery": column.NumberColumn(format="%.2f s", width=110, help="Mean, of those that recovered."),
            "Agents": column.NumberColumn(format="localized", width=64, help="That had it."),
            "Users": column.NumberColumn(format="localized", width=64, help="That met it."),
            "First seen": column.DatetimeColumn(format="D MMM YYYY, HH:mm", width=140, help="In this range."),
            "Last seen": column.DatetimeColumn(format="D MMM YYYY, HH:mm", width=140, help="In this range."),
            "Open": column.LinkColumn("Runs behind", display_text="Open runs", width=92),
        },
    )  # fmt: skip


def _row(row: QueryRow, steps: dict[str, list[float]], changes: dict[str, str | None], timezone: str) -> dict[str, Any]:
    recovered, recovery_ms, share = (
        row.number(name) for name in ("recovery_rate", "mean_time_to_recovery_ms", "share")
    )
    kind = row.text("error_type")
    return {
        "Error": "All others" if row.other else error_name(row),
        "Runs": row.number("runs"),
        "Failed": row.number("errors"),
        "Share": None if share is None else share * 100,
        "Change": None if row.other else changes.get(kind),
        "Over time": [] if row.other else steps.get(kind, []),
        "Recovered": None if recovered is None else recovered * 100,
        "Time to recovery": None if recovery_ms is None else recovery_ms / 1000,
        "Agents": row.number("affected_agents"),
        "Users": row.number("affected_users"),
        "First seen": wall_clock(row.text("first_seen_at"), timezone),
        "Last seen": wall_clock(row.text("last_seen_at"), timezone),
    }


def _change(row: QueryRow) -> str | None:
    """`+21%`, or `new` for a type that the period before did not have."""
    if row.earlier("runs") == 0:
        return "new"
    change = _number_of(row.cells.get("change"), "runs")
    return None if change is None else f"{change:+,.0%}"


def _number_of(cells: object, name: str) -> float | None:
    return QueryRow(cells=cells).number(name) if isinstance(cells, dict) else None

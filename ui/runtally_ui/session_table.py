"""A table of sessions, each with the way to its runs."""

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from runtally_ui import formats
from runtally_ui.answers import QueryRow
from runtally_ui.instants import wall_clock
from runtally_ui.measure_table import money_format

_ROW_HEIGHT = 32
_COLUMNS = (
    "Session", "Workspace", "Runs", "Failed", "Agents", "Users", "Started", "Lifespan", "Active", "Cost", "Open",
)  # fmt: skip
_COUNTS = ("Runs", "Failed", "Agents", "Users")


def session_frame(rows: Sequence[QueryRow], timezone: str, link: Callable[[QueryRow], str | None]) -> pd.DataFrame:
    """One row per session; durations in minutes, instants as wall-clock times of `timezone`."""
    frame = pd.DataFrame([_row(row, timezone, link) for row in rows], columns=list(_COLUMNS))
    numbers = [*_COUNTS, "Lifespan", "Active", "Cost"]
    frame[numbers] = frame[numbers].astype(float)
    return frame


def session_table(frame: pd.DataFrame, timezone: str) -> None:
    """Draw it."""
    column = st.column_config
    st.dataframe(
        frame, key="table-sessions", hide_index=True, row_height=_ROW_HEIGHT, placeholder=formats.MISSING,
        height=_ROW_HEIGHT * (len(frame) + 1) + 4, alt="Sessions, most runs first",
        column_config={
            "Session": column.TextColumn(width=220, pinned=True),
            "Workspace": column.TextColumn(width=96),
            **{name: column.NumberColumn(format="localized", width=72) for name in _COUNTS},
            "Started": column.DatetimeColumn(format="D MMM YYYY, HH:mm", width=150, help=formats.escaped(timezone)),
            "Lifespan": column.NumberColumn(format="%.1f min", width=100, help="From its first start to its last end."),
            "Active": column.NumberColumn(format="%.1f min", width=100, help="Known duration of its runs, added up."),
            "Cost": column.NumberColumn(format=money_format(frame["Cost"]), width=100, help="What is known of it."),
            "Open": column.LinkColumn("Runs behind", display_text="Open runs", width=96),
        },
    )  # fmt: skip


def _row(row: QueryRow, timezone: str, link: Callable[[QueryRow], str | None]) -> dict[str, object]:
    lifespan, active = row.number("avg_session_lifespan_ms"), row.number("active_ms_per_session")
    return {
        "Session": formats.cut(row.text("session_id"), 60),
        "Workspace": row.text("workspace_id"),
        "Runs": row.number("runs"),
        "Failed": row.number("errors"),
        "Agents": row.number("active_agents"),
        "Users": row.number("active_users"),
        "Started": wall_clock(row.text("first_run_at"), timezone),
        "Lifespan": None if lifespan is None else lifespan / 60_000,
        "Active": None if active is None else active / 60_000,
        "Cost": row.number("cost_usd"),
        "Open": link(row),
    }

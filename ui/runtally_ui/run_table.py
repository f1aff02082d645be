"""A table of runs, newest first: a click on a run's id opens its page."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from runtally_ui import formats
from runtally_ui.answers import QueryRow
from runtally_ui.chart_data import Palette
from runtally_ui.instants import wall_clock
from runtally_ui.statuses import WORDS, status_words

_ROW_HEIGHT = 32
SHOWN_ROWS = 20
_STATUS_COLOURS = {text: colour for text, colour in WORDS.values()}
_COLUMNS = (
    "Run", "Status", "Agent", "Workspace", "Started", "Duration", "Model", "Cost", "Tokens", "Error", "Message",
    "LLM calls",
)  # fmt: skip


def run_frame(runs: Sequence[QueryRow], palette: Palette, timezone: str) -> pd.DataFrame:
    """One row per run; instants as wall-clock times of `timezone`, messages cut to 100 characters."""
    frame = pd.DataFrame([_row(run, palette, timezone) for run in runs], columns=list(_COLUMNS))
    for name in ("Duration", "Cost", "Tokens", "LLM calls"):
        frame[name] = frame[name].astype(float)
    return frame


def run_table(
    key: str,
    runs: Sequence[QueryRow],
    palette: Palette,
    timezone: str,
    open_run: Callable[[QueryRow], None],
    without: Sequence[str] = (),
    shown_rows: int = SHOWN_ROWS,
) -> None:
    """Draw it, scrolling beyond `shown_rows`, `without` the columns that nothing is known of. `open_run` is called with
    the run whose id was clicked.
    """
    frame = run_frame(runs, palette, timezone).drop(columns=list(without))
    column = st.column_config
    # At 1440 px all up to the message is there without scrolling; model and message have what others leave.
    error_width, message_width = (136, 210) if "Cost" in frame else (180, 284)

    def clicked() -> None:
        open_run(runs[st.session_state[f"open-{key}"]["row"]])

    st.dataframe(
        frame,
        key=f"table-{key}",
        hide_index=True,
        row_height=_ROW_HEIGHT,
        height=_ROW_HEIGHT * min(len(frame), shown_rows) + 40,
        placeholder=formats.MISSING,
        alt=f"{len(frame)} runs, newest first",
        column_config={
            "Run": column.ButtonColumn(
                width=172, pinned=True, alignment="left", type="tertiary", key=f"open-{key}", on_click=clicked,
                help="A click opens the run.",
            ),
            "Status": column.MultiselectColumn(
                options=list(_STATUS_COLOURS), color=list(_STATUS_COLOURS.values()), width=112
            ),
            "Agent": column.TextColumn(width=132),
            "Workspace": column.TextColumn(width=80),
            "Started": column.DatetimeColumn(format="D MMM YYYY, HH:mm:ss", width=148, help=formats.escaped(timezone)),
            "Duration": column.NumberColumn(format="%.2f s", width=72),
            "Model": column.TextColumn(width=172),
            "Cost": column.NumberColumn(format="$%.4f", width=76, help="Its own, without its sub-runs'."),
            "Tokens": column.NumberColumn(format="localized", width=76),
            "LLM calls": column.NumberColumn("Calls", format="localized", width=58, help="Calls of language models."),
            "Error": column.TextColumn(width=error_width),
            "Message": column.TextColumn(
                width=message_width, help="The first 100 characters; the run's page has all.",
            ),
        },
    )  # fmt: skip


def _row(run: QueryRow, palette: Palette, timezone: str) -> dict[str, Any]:
    duration, cost = run.number("duration_ms"), run.exact("cost_usd")
    return {
        "Run": formats.short_id(run.text("run_id")),
        "Status": [status_words(run)],
        "Agent": agent_name(run, palette),
        "Workspace": run.text("workspace_id"),
        "Started": wall_clock(run.text("started_at"), timezone),
        "Duration": None if duration is None else duration / 1000,
        "Model": formats.cut(run.text("model")) or None,
        "Cost": None if cost is None else float(cost),
        "Tokens": run.number("total_tokens"),
        "LLM calls": run.number("llm_calls"),
        "Error": formats.cut(run.text("error_type")) or None,
        "Message": formats.cut(run.text("error_message")) or None,
    }


def agent_name(run: QueryRow, palette: Palette) -> str:
    """The agent's name as all pages know it, else the run's own, else its id."""
    key = (run.text("workspace_id"), run.text("agent_id"))
    if key in palette.names:
        return palette.names[key]
    return formats.cut(run.text("agent_name") or run.text("agent_id"))

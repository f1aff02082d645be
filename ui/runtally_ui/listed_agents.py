"""The table of agents: figures with bars in the cells, how busy each was over time, the way to its page."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from runtally_ui import formats
from runtally_ui.agent_colours import dot_image
from runtally_ui.answers import QueryAnswer, QueryRow
from runtally_ui.catalogue import MeasureBook
from runtally_ui.chart_data import Palette
from runtally_ui.colours import AgentKey
from runtally_ui.periods import Period

Sparklines = Mapping[AgentKey, Sequence[int]]
_ROW_HEIGHT = 36
_SHOWN_ROWS = 25
_COLUMNS = (
    "Colour", "Agent", "Runs", "Workspace", "Over time", "Success", "Failed", "Cost", "Cost/run", "p50", "p95",
    "Tokens", "Last run", "Id",
)  # fmt: skip
_NUMBERS = ("Success", "Cost", "Cost/run", "p50", "p95", "Tokens")


def sparkline_step(period: Period) -> str:
    """The step of time that leaves a few dozen bars."""
    length = period.end - period.start
    if length <= timedelta(days=2):
        return "hour"
    return "day" if length <= timedelta(days=92) else "week"


def sparklines(answer: QueryAnswer) -> Sparklines:
    """Each agent's runs in each step, in the order of time."""
    found: dict[AgentKey, list[int]] = defaultdict(list)
    for row in answer.rows:
        found[agent_key(row)].append(int(row.number("runs") or 0))
    return found


def agent_key(row: QueryRow) -> AgentKey:
    """Whose row it is."""
    return row.text("workspace_id"), row.text("agent_id")


def listed_name(row: QueryRow, palette: Palette) -> str:
    """The agent's name as all pages know it, else as the answer has it, else its id."""
    key = agent_key(row)
    return formats.cut(palette.names.get(key) or row.text("agent_name") or key[1])


def list_frame(
    agents: Sequence[QueryRow], over_time: Sparklines, palette: Palette, colours: Sequence[str], timezone: str
) -> pd.DataFrame:
    """One row per agent in the order of the answer; unknown figures are missing, never zero."""
    rows = [_row(agent, over_time, palette, colours, ZoneInfo(timezone)) for agent in agents]
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    for name in _NUMBERS:
        frame[name] = frame[name].astype(float)
    return frame


def list_table(
    frame: pd.DataFrame, step: str, book: MeasureBook, open_agent: Callable[[int], None], *, has_sparklines: bool
) -> None:
    """Draw it. `open_agent` is called with the place of the row whose name was clicked."""
    column = st.column_config

    def clicked() -> None:
        open_agent(int(st.session_state["open-agents"]["row"]))

    def explained(measure: str) -> str | None:
        return formats.escaped(book.help(measure)) or None

    busiest = float(frame["Runs"].max()) if len(frame) else 1.0
    st.dataframe(
        frame,
        key="table-listed-agents",
        hide_index=True,
        row_height=_ROW_HEIGHT,
        height=_ROW_HEIGHT * (min(len(frame), _SHOWN_ROWS) + 1) + 4,
        placeholder=formats.MISSING,
        alt=f"{len(frame)} agents with runs, success, cost, durations and tokens",
        column_config={
            "Colour": column.ImageColumn("", width=34, pinned=True, help="The agent's colour in all charts."),
            "Agent": column.ButtonColumn(
                width=152, pinned=True, alignment="left", type="tertiary", key="open-agents", on_click=clicked,
                help="A click opens the agent's page.",
            ),
            "Workspace": column.TextColumn(width=92),
            "Runs": column.ProgressColumn(
                format="localized", min_value=0, max_value=max(busiest, 1.0), color="gray", width=112,
                help=explained("runs"),
            ),
            "Over time": column.BarChartColumn(f"Runs per {step}", y_min=0, width=120, color="primary")
            if has_sparklines else None,
            "Success": column.ProgressColumn(
                format="%.1f%%", min_value=0, max_value=100, color="green", width=108, help=explained("success_rate"),
            ),
            "Failed": column.NumberColumn(format="localized", width=68, help=explained("errors")),
            "Cost": column.NumberColumn(format="$%.2f", width=82, help=explained("cost_usd")),
            "Cost/run": column.NumberColumn(format="$%.4f", width=82, help=explained("cost_per_run_usd")),
            "p50": column.NumberColumn(format="%.2f s", width=78, help=explained("p50_duration_ms")),
            "p95": column.NumberColumn(format="%.2f s", width=82, help=explained("p95_duration_ms")),
            "Tokens": column.NumberColumn(format="localized", width=96, help=explained("total_tokens")),
            "Last run": column.DatetimeColumn(format="D MMM YYYY, HH:mm", width=140),
            "Id": column.TextColumn(width=128),
        },
    )  # fmt: skip


def _row(
    agent: QueryRow, over_time: Sparklines, palette: Palette, colours: Sequence[str], zone: ZoneInfo
) -> dict[str, Any]:
    key, last = agent_key(agent), agent.text("last_run_at")
    success, cost, per_run = agent.number("success_rate"), agent.exact("cost_usd"), agent.exact("cost_per_run_usd")
    half, most = agent.number("p50_duration_ms"), agent.number("p95_duration_ms")
    return {
        "Colour": dot_image(colours, palette.slot(*key)),
        "Agent": listed_name(agent, palette),
        "Workspace": key[0],
        "Runs": int(agent.number("runs") or 0),
        "Over time": list(over_time.get(key, ())),
        "Success": None if success is None else success * 100,
        "Failed": int(agent.number("errors") or 0),
        "Cost": None if cost is None else float(cost),
        "Cost/run": None if per_run is None else float(per_run),
        "p50": None if half is None else half / 1000,
        "p95": None if most is None else most / 1000,
        "Tokens": agent.number("total_tokens"),
        "Last run": datetime.fromisoformat(last).astimezone(zone).replace(tzinfo=None) if last else None,
        "Id": key[1],
    }

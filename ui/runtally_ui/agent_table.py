"""The table under the charts: every agent with the figures the charts only show ten of."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from runtally_ui import formats
from runtally_ui.answers import Agent, Analytics
from runtally_ui.chart_data import Palette

_ROW_HEIGHT = 36
_SHOWN_ROWS = 12


Link = Callable[[str, str], str]
"""The address of the page of an agent, by its workspace and id."""


def agent_frame(answer: Analytics, palette: Palette, link: Link) -> pd.DataFrame:
    """One row per agent as listed, by use; unknown figures are missing, never zero."""
    daily: dict[tuple[str | None, str | None], list[int]] = defaultdict(list)
    for row in answer.runs_per_day:
        daily[row.workspace_id, row.agent_id].append(row.runs)
    return pd.DataFrame(
        [_row(agent, palette, daily[agent.workspace_id, agent.agent_id], link) for agent in answer.agents]
    )


def agent_table(answer: Analytics, palette: Palette, link: Link) -> None:
    """Draw it, scrolling beyond a dozen rows."""
    column = st.column_config
    frame = agent_frame(answer, palette, link)
    st.dataframe(
        frame,
        key="table-agents",
        hide_index=True,
        row_height=_ROW_HEIGHT,
        height=_ROW_HEIGHT * (min(len(frame), _SHOWN_ROWS) + 1) + 4,
        placeholder=formats.MISSING,
        alt=f"{len(frame)} agents with runs, success, cost, response time and tokens",
        column_config={
            "Agent": column.TextColumn(width="medium"),
            "Workspace": column.TextColumn(width="small"),
            "Runs": column.NumberColumn(format="localized", width="small"),
            "Runs per day": column.BarChartColumn(y_min=0, width="medium", color="gray"),
            "Success": column.ProgressColumn(
                format="%.1f%%", min_value=0, max_value=100, color="green", width="small",
                help="Of the runs that ended.",
            ),
            "Failed": column.NumberColumn(format="localized", help="Failed or timed out.", width="small"),
            "Cost": column.NumberColumn(format="$%.2f", width="small", help="Known costs only."),
            "Cost/run": column.NumberColumn(format="$%.4f", width="small", help="Over priced runs."),
            "Mean duration": column.NumberColumn(format="%.2f s", width=110, help="Over timed runs."),
            "Tokens": column.NumberColumn(format="localized", width="small"),
            "Page": column.LinkColumn("Its page", display_text="Open agent", width="small"),
        },
    )  # fmt: skip


def _row(agent: Agent, palette: Palette, daily: list[int], link: Link) -> dict[str, Any]:
    priced = agent.coverage.cost
    per_run = agent.cost_usd / priced if agent.cost_usd is not None and priced else None
    return {
        "Agent": "All other agents" if agent.other else palette.name(agent.workspace_id, agent.agent_id),
        "Workspace": agent.workspace_id,
        "Runs": agent.runs,
        "Runs per day": daily,
        "Success": None if agent.success_rate is None else agent.success_rate * 100,
        "Failed": agent.status_counts.errors,
        "Cost": None if agent.cost_usd is None else float(agent.cost_usd),
        "Cost/run": None if per_run is None else float(per_run),
        "Mean duration": None if agent.avg_duration_ms is None else agent.avg_duration_ms / 1000,
        "Tokens": agent.total_tokens,
        "Page": link(agent.workspace_id, agent.agent_id) if agent.workspace_id and agent.agent_id else None,
    }

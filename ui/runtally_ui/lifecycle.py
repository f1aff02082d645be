"""States of agents: how often they went from one to another, how long they stayed, and where they are."""

from typing import Any

import pandas as pd
import streamlit as st
from pydantic import Field

from runtally_ui import formats
from runtally_ui.answers import Answer, QueryAnswer, QueryMeta, QueryRow
from runtally_ui.api_client import TRANSITIONS_PATH, ApiError
from runtally_ui.cards import not_available, query_card
from runtally_ui.instants import wall_clock
from runtally_ui.page import Asked, Page
from runtally_ui.questions import Get

_ROW_HEIGHT = 36
_SHOWN_ROWS = 10
_COUNTED = ("workspace_id", "agent_id")
_NOTHING, _REMEDY = "No agent changed its state in this period.", "Publish transitions: POST /api/v1/lifecycle."
_UNNAMED = "(new)"
_COUNTS = ("Transitions", "Agents", "Agents in it", "Stays")


class Transitions(Answer):
    """`GET /api/v1/lifecycle/transitions`."""

    transitions: list[dict[str, Any]] = Field(default_factory=list)
    states: list[dict[str, Any]] = Field(default_factory=list)
    meta: QueryMeta = QueryMeta()


def question(asked: Asked) -> Get:
    """Under the filters that count for a transition."""
    filters = tuple(pair for pair in asked.filters.params() if pair[0] in _COUNTED)
    return Get(TRANSITIONS_PATH, (*asked.period.params(), *filters), Transitions)


def lifecycle_cards(page: Page, answer: Transitions | ApiError) -> None:
    """Transitions beside the time in each state."""
    left, right = st.columns(2, gap="small")
    with left:
        _transitions(page, answer if isinstance(answer, ApiError) else QueryAnswer(data=answer.transitions))
    with right:
        _states(page, answer if isinstance(answer, ApiError) else QueryAnswer(data=answer.states))


def _narrowed(page: Page) -> str:
    left_out = [name for name in page.asked.filters.active() if name not in _COUNTED]
    return "only the workspace and agent filters count here" if left_out else ""


def _transitions(page: Page, answer: QueryAnswer | ApiError) -> None:
    told = " · ".join(part for part in ("Most frequent first", _narrowed(page)) if part)
    with query_card("transitions", "State transitions", answer, lambda _: told) as found:
        if found is None:
            return
        if not found.data:
            not_available(_NOTHING, _REMEDY)
            return
        zone = page.asked.period.timezone
        frame = pd.DataFrame([
            {
                "From": row.text("from_state") or _UNNAMED, "To": row.text("to_state"),
                "Transitions": row.number("transitions"), "Agents": row.number("agents"),
                "Stayed before": _length(row, "avg_stay_ms"), "Last": wall_clock(row.text("last_at"), zone),
            }
            for row in found.rows
        ])  # fmt: skip
        _draw("transitions", frame, "Transitions between states of agents")


def _states(page: Page, answer: QueryAnswer | ApiError) -> None:
    told = "Agents at the end of the range · stays that ended in it"
    with query_card("states", "Time in state", answer, lambda _: told) as found:
        if found is None:
            return
        if not found.data:
            not_available(_NOTHING, _REMEDY)
            return
        zone = page.asked.period.timezone
        frame = pd.DataFrame([
            {
                "State": row.text("state") or _UNNAMED, "Agents in it": row.number("agents"),
                "First of them since": wall_clock(row.text("longest_since"), zone),
                "Stays": row.number("known_stays"), "Mean stay": _length(row, "avg_stay_ms"),
                "Longest stay": _length(row, "longest_stay_ms"),
            }
            for row in found.rows
        ])  # fmt: skip
        _draw("states", frame, "How long agents stayed in each state")


def _draw(key: str, frame: pd.DataFrame, shows: str) -> None:
    times = [name for name in ("Last", "First of them since") if name in frame]
    st.dataframe(
        frame, key=f"table-{key}", hide_index=True, row_height=_ROW_HEIGHT, placeholder=formats.MISSING, alt=shows,
        height=_ROW_HEIGHT * (min(len(frame), _SHOWN_ROWS) + 1) + 4,
        column_config={
            **{name: st.column_config.NumberColumn(format="localized") for name in _COUNTS if name in frame},
            **{name: st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm") for name in times},
        },
    )  # fmt: skip


def _length(row: QueryRow, name: str) -> str | None:
    """`3d 04h` from two days on, else as durations are written elsewhere."""
    value = row.number(name)
    if value is None:
        return None
    hours = value / 3_600_000
    return formats.duration(value) if hours < 48 else f"{int(hours // 24)}d {int(hours % 24):02}h"

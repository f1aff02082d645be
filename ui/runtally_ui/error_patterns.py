"""Where errors concentrate, as the API finds it: each group with the look it suggests, taken on a click."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pandas as pd
import streamlit as st

from runtally_ui import drilling, formats
from runtally_ui.answers import ErrorPatterns, QueryAnswer, QueryRow
from runtally_ui.api_client import QUERY_PATH, ApiError
from runtally_ui.cards import downloads, failure, query_card
from runtally_ui.instants import wall_clock
from runtally_ui.page import Page
from runtally_ui.questions import Suggested, ask_together
from runtally_ui.ranking import NO_VALUE

KINDS: Final[Mapping[str, str]] = {"hour": "Hours", "agent": "Agents", "model": "Models", "version": "Versions"}
_GROUPS: Final[Mapping[str, Sequence[str]]] = {
    "hour": ("hour",), "agent": ("workspace_id", "agent_id"), "model": ("model",),
    "version": ("workspace_id", "agent_id", "agent_version"),
}  # fmt: skip
SHOWN = 3
_LOOK = "look"
_COLUMNS: Final[Mapping[str, str]] = {
    "agent_id": "Agent", "agent_version": "Version", "model": "Model", "error_type": "Error", "hour": "Hour",
}  # fmt: skip


def patterns_card(page: Page, answer: ErrorPatterns | ApiError) -> None:
    """Up to three of each kind, and what the look that was taken found."""
    rows = answer if isinstance(answer, ApiError) else pattern_rows(answer)
    with query_card(
        "patterns", "Where errors concentrate", rows,
        lambda _: "Groups that hold at least half as many errors again as their share of the runs, five or more",
        help_text="2.0× its share: a group with a tenth of the runs and a fifth of the runs with errors.",
    ) as found:  # fmt: skip
        if found is None:
            return
        if not found.data:
            st.markdown("**Errors are spread evenly**: no hour, agent, model or version stands out.")
            return
        with st.grid(len(KINDS), min_column_width=260, gap="medium"):
            for kind, title in KINDS.items():
                with st.container(gap="small"):
                    _kind(page, title, [row for row in found.rows if row.text("kind") == kind])
        _taken(page, found)


def pattern_rows(answer: ErrorPatterns) -> QueryAnswer:
    """All patterns as the rows of one answer, which say their kind."""
    lists = {"hour": answer.by_hour, "agent": answer.by_agent, "model": answer.by_model, "version": answer.by_version}
    data = [{"kind": kind, **row} for kind, rows in lists.items() for row in rows]
    return QueryAnswer(data=data, meta=answer.meta)


def pattern_name(row: QueryRow, page: Page) -> str:
    """`14:00 to 14:59`, or the name of the agent, model or version."""
    if row.text("kind") == "hour":
        hour = int(row.number("hour") or 0)
        return f"{hour:02}:00 to {hour:02}:59"
    agent = page.palette.name(row.text("workspace_id"), row.text("agent_id"))
    names = {"agent": agent, "model": row.text("model"), "version": f"{agent} {row.text('agent_version')}"}
    return formats.cut(names[row.text("kind")], 60)


def pattern_behind(page: Page, row: QueryRow) -> dict[str, str | list[str]]:
    """The query of the Runs page for the runs with errors of a pattern's group."""
    group = {name: row.text(name) for name in _GROUPS[row.text("kind")]}
    return drilling.behind(page, None, {**group, "has_error": "true"})


def _kind(page: Page, title: str, rows: list[QueryRow]) -> None:
    st.markdown(f"**:gray[{title}]**")
    if not rows:
        st.caption("None stands out.")
    for number, row in enumerate(rows[:SHOWN]):
        with st.container(gap="xxsmall", key=f"pattern-{row.text('kind')}-{number}"):
            st.markdown(f"**{formats.escaped(pattern_name(row, page))}** :red-badge[{_times_its_share(row)}]")
            st.caption(_shares(row))
            st.caption(f":material/lightbulb: {formats.escaped(row.text('suggestion'))}")
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.button(
                    "Take this look", key=f"look-{row.text('kind')}-{number}", type="tertiary",
                    icon=":material/search_insights:", on_click=_take, args=(_identity(row),),
                )  # fmt: skip
                if drilling.RUNS_PAGE in page.pages:
                    runs = formats.plural(int(row.number("runs_with_errors") or 0), "run")
                    st.page_link(page.pages[drilling.RUNS_PAGE], label=f"Open the {runs}",
                                 icon=":material/arrow_forward:", query_params=pattern_behind(page, row))  # fmt: skip
    if len(rows) > SHOWN:
        st.caption(f"and {len(rows) - SHOWN} more in the downloads")


def _times_its_share(row: QueryRow) -> str:
    return f"{row.number('concentration') or 0:.1f}× its share"


def _shares(row: QueryRow) -> str:
    errors, runs = (formats.full_count(int(row.number(name) or 0)) for name in ("runs_with_errors", "runs"))
    return (
        f"{formats.share(row.number('share_of_errors'))} of the errors in "
        f"{formats.share(row.number('share_of_runs'))} of the runs: {errors} of {runs} have one"
    )


def _identity(row: QueryRow) -> str:
    names = ("kind", "hour", "workspace_id", "agent_id", "agent_version", "model")
    return json.dumps([row.text(name) for name in names])


def _take(identity: str) -> None:
    """A callback: take that look, or put it away again."""
    st.session_state[_LOOK] = None if st.session_state.get(_LOOK) == identity else identity


def _taken(page: Page, found: QueryAnswer) -> None:
    chosen = next((row for row in found.rows if _identity(row) == st.session_state.get(_LOOK)), None)
    look = chosen.cells.get("look") if chosen else None
    if chosen is None or not isinstance(look, dict) or look.get("path") != QUERY_PATH:
        return
    answer = ask_together(page.api, {"look": Suggested(json.dumps(look["body"]))}).query("look")
    with st.container(key="taken-look", gap="xsmall"):
        st.markdown(f"**Errors of {formats.escaped(pattern_name(chosen, page))}**, broken down")
        if isinstance(answer, ApiError):
            failure(answer, "look")
            return
        frame = look_frame(answer, list(look["body"].get("dimensions", [])), page)
        st.dataframe(
            frame, key="table-look", hide_index=True, placeholder=formats.MISSING, alt="What the look found",
            height=min(len(frame), 8) * 35 + 38, column_config=_config(frame),
        )  # fmt: skip
        downloads("look", answer)


def look_frame(answer: QueryAnswer, dimensions: list[str], page: Page) -> pd.DataFrame:
    """One row per group, the most runs first: its names, runs, how many failed, first and last seen."""
    zone = page.asked.period.timezone
    return pd.DataFrame(
        [
            {
                **{_COLUMNS.get(name, name): _cell(row, name, page) for name in dimensions},
                "Runs with errors": row.number("runs"),
                "Failed": row.number("errors"),
                "First seen": wall_clock(row.text("first_run_at"), zone),
                "Last seen": wall_clock(row.text("last_run_at"), zone),
            }
            for row in answer.rows
        ]
    )


def _cell(row: QueryRow, dimension: str, page: Page) -> str:
    if row.other:
        return "All others"
    named: dict[str, Callable[[], str]] = {
        "agent_id": lambda: page.palette.name(row.text("workspace_id"), row.text("agent_id"))
    }
    return formats.cut(named.get(dimension, lambda: row.text(dimension))() or NO_VALUE)


def _config(frame: pd.DataFrame) -> dict[str, Any]:
    column = st.column_config
    most = float(frame["Runs with errors"].max()) if len(frame) else 1.0
    return {
        "Runs with errors": column.ProgressColumn(format="localized", min_value=0, max_value=most, color="red"),
        "Failed": column.NumberColumn(format="localized", help="Of them, failed or timed out."),
        "First seen": column.DatetimeColumn(format="D MMM YYYY, HH:mm"),
        "Last seen": column.DatetimeColumn(format="D MMM YYYY, HH:mm"),
    }

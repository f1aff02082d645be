"""Runs with errors that the page Runs cannot be asked for, such as those of an hour of the week: listed in place."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from runtally_ui import drilling, formats
from runtally_ui.answers import QueryAnswer, QueryRow
from runtally_ui.api_client import ApiError
from runtally_ui.cards import failure
from runtally_ui.page import Page
from runtally_ui.questions import Query, ask_together
from runtally_ui.run_table import run_table

More = tuple[tuple[str, str, tuple[Any, ...]], ...]
SHOWN = 50
_ROWS = 10
_DIMENSIONS = ("run_id", "agent_id", "status", "model", "error_type")
# A group of one run: its sums and means are the run's own figures.
_FIELDS = {
    "started_at": "first_run_at", "duration_ms": "avg_duration_ms", "cost_usd": "cost_usd",
    "total_tokens": "total_tokens", "llm_calls": "llm_calls",
}  # fmt: skip


def runs_question(page: Page, more: More) -> Query:
    """The newest runs that pass the page's filters and these."""
    return Query(
        page.asked.period, page.asked.filters, ("runs", *_FIELDS.values()), _DIMENSIONS,
        order=(("first_run_at", "desc"),), limit=SHOWN, other=False, more=more,
    )  # fmt: skip


def runs_in_place(page: Page, key: str, title: str, more: More) -> None:
    """Ask for the runs behind a mark, and list them."""
    found = ask_together(page.api, {"runs": runs_question(page, more)}).query("runs")
    with st.container(border=True, key=f"card-drill-{key}", gap="xsmall"):
        st.markdown(_heading(title, found))
        if isinstance(found, ApiError):
            failure(found, f"{key}-runs")
        elif found.data:
            run_table(key, [as_run(row) for row in found.rows], page.palette, page.asked.period.timezone,
                      drilling.open_run, without=("Message",), shown_rows=_ROWS)  # fmt: skip


def as_run(row: QueryRow) -> QueryRow:
    """A group of one run under the names that a run's fields have."""
    fields: Mapping[str, Any] = {name: row.cells.get(measure) for name, measure in _FIELDS.items()}
    return QueryRow(cells={**row.cells, **fields})


def _heading(title: str, found: QueryAnswer | ApiError) -> str:
    if isinstance(found, ApiError):
        return f"**{formats.escaped(title)}**"
    listed = formats.plural(len(found.data), "run")
    return f"**{formats.escaped(title)}** · {f'the newest {listed}' if len(found.data) == SHOWN else listed}"

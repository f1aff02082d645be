"""An agent beside its workspace and an earlier period: a table, one measure a row."""

from collections.abc import Sequence
from decimal import Decimal

import pandas as pd
import streamlit as st

from runtally_ui import formats
from runtally_ui.agent_answers import Comparison
from runtally_ui.catalogue import MeasureBook, label
from runtally_ui.tiles import change_text

_ROW_HEIGHT = 36
_WHOLE_FROM = 100
_BEFORE = {"previous_period": "Period before", "previous_week": "Week before", "previous_year": "Year before"}
_COLUMNS = ("Measure", "This agent", "Workspace", "Rank", "Not behind", "Before", "Change")


def comparison_frame(found: Sequence[Comparison], book: MeasureBook) -> pd.DataFrame:
    """Figures as texts, as each row has a unit of its own; the percentile as 0 to 100, missing where nobody is ranked
    beside the agent.
    """
    return pd.DataFrame([_row(entry, book) for entry in found], columns=list(_COLUMNS))


def comparison_table(frame: pd.DataFrame, compare: str | None) -> None:
    """Draw it. `compare` is what the bar compares with; without a comparison its columns are left out."""
    if compare is None:
        frame = frame.drop(columns=["Before", "Change"])
    column = st.column_config
    st.dataframe(
        frame,
        key="table-comparisons",
        hide_index=True,
        row_height=_ROW_HEIGHT,
        height=_ROW_HEIGHT * (len(frame) + 1) + 4,
        placeholder=formats.MISSING,
        alt="The agent beside its workspace and an earlier period",
        column_config={
            "Measure": column.TextColumn(width=112, pinned=True),
            "This agent": column.TextColumn(width=78, alignment="right"),
            "Workspace": column.TextColumn(
                width=82, alignment="right",
                help="Of counts and sums the mean of the workspace's agents; of anything else what it is over all of "
                "the workspace's runs.",
            ),
            "Rank": column.TextColumn(
                width=64, alignment="right", help="Among the workspace's agents. Of failures, durations and cost per "
                "run the lowest is the first, of all else the highest.",
            ),
            "Not behind": column.ProgressColumn(
                "Percentile", width=110, format="%.0f%%", min_value=0, max_value=100, color="gray",
                help="The share of the workspace's other agents that do not rank before this one.",
            ),
            "Before": column.TextColumn(_BEFORE.get(compare or "", ""), width=98, alignment="right"),
            "Change": column.TextColumn(width=96),
        },
    )  # fmt: skip


def _row(entry: Comparison, book: MeasureBook) -> dict[str, object]:
    form, row = book.format(entry.measure), entry.row
    now, then = row.number("value"), row.number("previous")
    figures = {name: _figure(row.exact(name), form) for name in ("value", "workspace_average", "previous")}
    changed = None if now is None or then is None else change_text(entry.measure, form, now, then)
    return {
        "Measure": label(entry.measure),
        "This agent": figures["value"],
        "Workspace": figures["workspace_average"],
        "Rank": None if entry.rank is None else f"{entry.rank} of {entry.ranked_agents}",
        "Not behind": None if entry.percentile is None else entry.percentile * 100,
        "Before": figures["previous"],
        "Change": changed,
    }


def _figure(value: Decimal | None, form: str) -> str:
    # The mean of a count has decimals; beside large counts they say nothing.
    whole = value is not None and form == "count" and abs(value) >= _WHOLE_FROM
    return formats.figure(round(value) if whole and value is not None else value, form)

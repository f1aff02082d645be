"""A table of groups with their measures, bars in the cells, links to the runs behind each row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from runtally_ui import formats
from runtally_ui.answers import QueryAnswer, QueryRow
from runtally_ui.catalogue import MeasureBook, label
from runtally_ui.ranking import NO_VALUE

_ROW_HEIGHT = 36
_SHOWN_ROWS = 12
_NUMBER_FORMATS = {"money": "$%.2f", "duration": "%.2f s", "count": "localized", "number": "%.2f"}
_SMALL_USD = 0.1
_LEAST_WIDTH, _LETTER_WIDTH = 76, 7


@dataclass(frozen=True)
class Column:
    """A measure as a column. `bar` is a theme colour for a bar in each cell; shares have one of their own accord."""

    measure: str
    bar: str = ""


def measure_frame(
    answer: QueryAnswer,
    names: Sequence[tuple[str, Callable[[QueryRow], str]]],
    columns: Sequence[Column],
    book: MeasureBook,
    link: Callable[[QueryRow], str] | None = None,
) -> pd.DataFrame:
    """One row per group: its names, then its measures; shares as percentages, durations in seconds."""
    return pd.DataFrame([_row(row, names, columns, book, link) for row in answer.rows])


def measure_table(
    key: str,
    frame: pd.DataFrame,
    columns: Sequence[Column],
    book: MeasureBook,
    shows: str,
    shown_rows: int = _SHOWN_ROWS,
) -> None:
    """Draw it, scrolling beyond `shown_rows`. `shows` is what a screen reader says of it."""
    config: dict[str, Any] = {label(column.measure): _config(column, frame, book) for column in columns}
    if "Open" in frame:
        config["Open"] = st.column_config.LinkColumn("Runs behind", display_text="Open runs", width="small")
    st.dataframe(
        frame,
        key=f"table-{key}",
        hide_index=True,
        row_height=_ROW_HEIGHT,
        height=table_height(min(len(frame), shown_rows)),
        placeholder=formats.MISSING,
        alt=shows,
        column_config=config,
    )


def table_height(rows: int) -> int:
    """Pixels of so many rows and their heading."""
    return _ROW_HEIGHT * (rows + 1) + 4


def money_format(cells: "pd.Series[float]") -> str:
    """Cents for a column of dollars; four decimals where a figure under ten cents would lose its digits."""
    known = cells.dropna()
    return "$%.4f" if ((known > 0) & (known < _SMALL_USD)).any() else "$%.2f"


def _row(
    row: QueryRow,
    names: Sequence[tuple[str, Callable[[QueryRow], str]]],
    columns: Sequence[Column],
    book: MeasureBook,
    link: Callable[[QueryRow], str] | None,
) -> dict[str, Any]:
    cells: dict[str, Any] = {
        title: "All others" if row.other else formats.cut(name(row) or NO_VALUE) for title, name in names
    }
    for column in columns:
        value = row.number(column.measure)
        scale = {"share": 100, "duration": 0.001}.get(book.format(column.measure), 1)
        cells[label(column.measure)] = None if value is None else value * scale
    if link is not None:
        cells["Open"] = None if row.other else link(row)
    return cells


def _config(column: Column, frame: pd.DataFrame, book: MeasureBook) -> Any:
    form = book.format(column.measure)
    text = formats.escaped(book.help(column.measure)) or None
    name = label(column.measure)
    width = max(_LEAST_WIDTH, _LETTER_WIDTH * len(name) + 16)  # a heading is not cut
    if form == "share":
        return st.column_config.ProgressColumn(
            format="%.1f%%", min_value=0, max_value=100, color=column.bar or "primary", width=width, help=text
        )
    number = money_format(frame[name].astype(float)) if form == "money" and name in frame else _NUMBER_FORMATS[form]
    if column.bar:
        greatest = frame[name].max() if len(frame) else None
        return st.column_config.ProgressColumn(
            format=number, min_value=0, color=column.bar, width=width, help=text,
            max_value=float(greatest) if greatest and greatest == greatest else 1.0,
        )  # fmt: skip
    return st.column_config.NumberColumn(format=number, width=width, help=text)

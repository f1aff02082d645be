"""What users wrote about runs, the newest first, page by page; a click opens the run."""

import pandas as pd
import streamlit as st

from runtally_ui import drilling, formats
from runtally_ui.answers import QueryRow, RunPage
from runtally_ui.api_client import FEEDBACK_PATH, ApiError
from runtally_ui.cards import card, downloads, failure, not_available
from runtally_ui.instants import wall_clock
from runtally_ui.page import Asked, Page
from runtally_ui.paging import Place, page_buttons, place
from runtally_ui.questions import Get
from runtally_ui.sentences import subtitle

PAGE_SIZE = 20
_ROW_HEIGHT = 32
_MOST_STARS = 5


def question(asked: Asked) -> Get:
    """A page of comments on the runs of the range, under the bar's filters."""
    params = (*asked.period.params(), *asked.filters.params(), ("only_comments", "true"), ("limit", str(PAGE_SIZE)))
    return Get(FEEDBACK_PATH, (*params, *_place(asked).params), RunPage)


def comments_card(page: Page, answer: RunPage | ApiError) -> None:
    """The comments, or why there are none."""
    title = "Comments"
    if isinstance(answer, ApiError):
        with card("comments", title):
            failure(answer, "comments")
        return
    hidden = subtitle(page.asked.filters)
    told = ("Newest first · of runs that started in this range", hidden)
    with card("comments", title, " · ".join(part for part in told if part)):
        if not answer.data:
            not_available("Nobody wrote about a run of this period.", "Publish feedback with a comment.")
            return
        _table(page, answer)
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            page_buttons(_place(page.asked), answer.next_cursor if answer.has_more else None, "Older", "Newer")
            downloads("comments", answer)


def _table(page: Page, answer: RunPage) -> None:
    rows, zone = answer.rows, page.asked.period.timezone
    frame = pd.DataFrame([_row(row, page, zone) for row in rows])
    column = st.column_config

    def clicked() -> None:
        drilling.open_run(rows[st.session_state["open-comments"]["row"]])

    st.dataframe(
        frame, key="table-comments", hide_index=True, row_height=_ROW_HEIGHT, placeholder=formats.MISSING,
        height=_ROW_HEIGHT * (len(frame) + 1) + 8, alt="Comments, newest first",
        column_config={
            "Run": column.ButtonColumn(width=172, pinned=True, alignment="left", type="tertiary", key="open-comments",
                                       on_click=clicked, help="A click opens the run."),
            "Stars": column.TextColumn(width=92),
            "Comment": column.TextColumn(width="large"),
            "Said": column.DatetimeColumn(format="D MMM YYYY, HH:mm", width=140, help=formats.escaped(zone)),
        },
    )  # fmt: skip


def _row(row: QueryRow, page: Page, zone: str) -> dict[str, object]:
    stars = int(row.number("rating") or 0)
    return {
        "Run": formats.short_id(row.text("run_id")),
        "Stars": "★" * stars + "☆" * (_MOST_STARS - stars),
        "Comment": formats.cut(row.text("comment"), 400),
        "Agent": page.palette.name(row.text("workspace_id"), row.text("agent_id")),
        "Version": formats.cut(row.text("agent_version"), 40) or None,
        "User": formats.cut(row.text("user_id"), 60) or None,
        "Category": formats.cut(row.text("category"), 40) or None,
        "Said": wall_clock(row.text("created_at"), zone),
    }


def _place(asked: Asked) -> Place:
    # A relative range moves on with the clock; the place in its list stays.
    period = (asked.period.preset, asked.period.timezone) if asked.period.preset else asked.period
    return place("comments", (period, asked.filters))

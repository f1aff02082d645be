"""Runs: an explorer, page by page, and one run's own page under `?run=`."""

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from runtally_ui import formats, own_fields, run_page, states
from runtally_ui.answers import QueryAnswer, RunPage
from runtally_ui.api_client import RUNS_PATH, ApiError
from runtally_ui.cards import downloads, failure
from runtally_ui.narrowing_form import draw_form
from runtally_ui.page import Asked, Page
from runtally_ui.paging import Place, page_buttons, place
from runtally_ui.questions import Answers, Get, Question
from runtally_ui.run_narrowing import Narrowed, clear_all, draw_chips
from runtally_ui.run_table import run_table
from runtally_ui.sentences import subtitle

PAGE_SIZE = 100


def questions(asked: Asked) -> Mapping[str, Question]:
    """Of one run, or of a page of them."""
    run_id = own_fields.text("run")
    if run_id:
        return {"run": run_page.question(run_id, asked)}
    narrowed = Narrowed.chosen()
    params = (*asked.period.params(), *asked.filters.params(), *narrowed.params(), ("limit", str(PAGE_SIZE)))
    return {
        "totals": replace(asked.totals(), more=narrowed.more(), compare=None),
        "runs": Get(RUNS_PATH, (*params, *_place(asked, narrowed).params), RunPage),
        "error_types": replace(asked.groups(("error_type",)), more=(("error_type", "not_in", ("",)),)),
    }


def draw(page: Page, answers: Answers) -> None:
    """The fields, then the runs; or the one run that was opened."""
    if own_fields.text("run"):
        run_page.draw(page, answers)
        return
    _fields(answers.query("error_types"))
    narrowed, totals, found = Narrowed.chosen(), answers.query("totals"), answers.get("runs", RunPage)
    draw_chips(narrowed)
    at = _place(page.asked, narrowed)
    if narrowed.words() and isinstance(totals, QueryAnswer) and _is_nothing(narrowed, totals, found, at):
        _nothing_narrowed(narrowed)
        return
    if not states.stands(page, totals) or not isinstance(totals, QueryAnswer):
        return
    _list(page, found, int(totals.total.number("runs") or 0) if narrowed.is_counted else None, at)


def _is_nothing(narrowed: Narrowed, totals: QueryAnswer, found: RunPage | ApiError, at: Place) -> bool:
    if narrowed.is_counted:
        return not totals.total.number("runs")
    return isinstance(found, RunPage) and not found.data and at.number == 1


def _place(asked: Asked, narrowed: Narrowed) -> Place:
    # A relative range moves on with the clock; the place in its list stays.
    period = (asked.period.preset, asked.period.timezone) if asked.period.preset else asked.period
    return place("runs", (period, asked.filters, narrowed))


def _fields(error_types: QueryAnswer | ApiError) -> None:
    rows = error_types.rows if isinstance(error_types, QueryAnswer) else []
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="own-fields"):
        own_fields.choice_field("error_type", "Error type", "All error types",
                                [row.text("error_type") for row in rows if row.text("error_type")], 220)  # fmt: skip
        own_fields.text_field("session_id", "Session", "Session id", 180)
        own_fields.text_field("parent_run_id", "Started by run", "Started by run id", 180)
        own_fields.text_field("run", "Open a run", "Open a run by its id", 240)
        draw_form(Narrowed.chosen())


def _list(page: Page, answer: RunPage | ApiError, runs: int | None, at: Place) -> None:
    if isinstance(answer, ApiError):
        failure(answer, "runs")
        return
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="count"):
        hidden = subtitle(page.asked.filters)
        if runs is None and not answer.has_more and at.number == 1:
            runs = len(answer.data)
        st.markdown(count_line(len(answer.data), runs, at.number) + (f" · {hidden}" if hidden else ""),
                    width="content")  # fmt: skip
        page_buttons(at, answer.next_cursor if answer.has_more else None, forth="Older", back="Newer")
    if not answer.data:
        st.caption("No runs on this page any more: the list has moved on. Go back to the first.")
        return
    run_table("runs", answer.rows, page.palette, page.asked.period.timezone, run_page.open_run)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(f"Times in {formats.escaped(page.asked.period.timezone)} · a click on a run's id opens it")
        downloads("runs", answer)


def count_line(shown: int, runs: int | None, number: int) -> str:
    """`**Page 2** · 100 of 6,503 runs, newest first`; without the number of all where it is not known."""
    first = f"**Page {number}** · " if number > 1 else ""
    if runs is not None and number == 1 and shown >= runs:
        return f"**{formats.plural(runs, 'run')}**, newest first"
    of = "runs" if runs is None else f"of {formats.plural(runs, 'run')}"
    return f"{first}{'The newest ' if number == 1 else ''}**{shown:,}** {of}, newest first"


def _nothing_narrowed(narrowed: Narrowed) -> None:
    with st.container(border=True, key="state-empty-narrowed", horizontal_alignment="center",
                      vertical_alignment="center", height=320):  # fmt: skip
        st.markdown("##### :primary[:material/filter_alt_off:] No runs match", text_alignment="center")
        st.caption(formats.escaped(" · ".join(narrowed.words())), text_alignment="center")
        st.markdown("In this range and with these filters no run has that.", text_alignment="center")
        st.button("Clear these fields", key="clear-fields", type="primary", on_click=clear_all)

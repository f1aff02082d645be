"""Adoption: how many people work with the agents, how often, how long, and whether they come back after a hand-off."""

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from runtally_ui import active_users, drilling, formats, states
from runtally_ui.answers import QueryAnswer, QueryRow, RunPage
from runtally_ui.api_client import SESSIONS_PATH, ApiError
from runtally_ui.cards import card, downloads, failure, hint, not_available, query_card
from runtally_ui.measure_table import Column, measure_frame, measure_table
from runtally_ui.page import Asked, Page
from runtally_ui.paging import Place, page_buttons, place
from runtally_ui.questions import Answers, Get, Question
from runtally_ui.sentences import subtitle
from runtally_ui.session_table import session_frame, session_table
from runtally_ui.tiles import Tile, draw_tiles, measure_tile
from runtally_ui.trend_card import TrendOptions, trend_card

_USE = ("runs_per_user", "sessions_per_user", "avg_session_lifespan_ms", "handoff_rate", "post_handoff_iteration_rate")
_REASONS = {
    "runs_per_user": active_users.NOBODY_NAMED,
    "sessions_per_user": active_users.NOBODY_NAMED,
    "avg_session_lifespan_ms": "no run names its session",
    "handoff_rate": "no run has ended yet",
    "post_handoff_iteration_rate": "no hand-off in a session",
}
_USER_COLUMNS = (
    Column("runs", "gray"), Column("sessions"), Column("active_agents"), Column("success_rate", "green"),
    Column("total_tokens"), Column("cost_usd", "primary"),
)  # fmt: skip
_NAMED = (("user_id", "not_in", ("",)),)
PAGE_SIZE = 20


def questions(asked: Asked) -> Mapping[str, Question]:
    """All of the page, asked together."""
    measures = tuple(column.measure for column in _USER_COLUMNS if column.measure != "runs")
    page = (("limit", str(PAGE_SIZE)), ("totals", "false"), *_place(asked).params)
    return {
        **active_users.questions(asked),
        "totals": asked.totals(*_USE, "sessions", "active_users"),
        "named": replace(asked.totals(), more=_NAMED, compare=None),
        "trend": asked.trend("active_users", *_USE, "active_ms_per_session"),
        "users": replace(asked.groups(("user_id",), *measures), more=_NAMED),
        "sessions": Get(SESSIONS_PATH, (*asked.period.params(), *asked.filters.params(), *page), RunPage),
    }


def _place(asked: Asked) -> Place:
    # A relative range moves on with the clock; the place in its list stays.
    period = (asked.period.preset, asked.period.timezone) if asked.period.preset else asked.period
    return place("sessions", (period, asked.filters))


def draw(page: Page, answers: Answers) -> None:
    """Who is active, how they work, then users and sessions by themselves."""
    totals = answers.query("totals")
    if not states.stands(page, totals) or not isinstance(totals, QueryAnswer):
        return
    use = [_explained(name, measure_tile(name, totals, page.asked, page.measures)) for name in _USE]
    draw_tiles([*active_users.tiles(page, answers), *use[:2]])
    st.container(key="notes").caption("  \n".join(formats.escaped(note) for note in _notes(page, totals, answers)))
    left, right = st.columns(2, gap="small")
    with left:
        _trend(page, answers, "actives", "Active users", "active_users", note="distinct in each step",
               nothing="No run in this period names its user.")  # fmt: skip
    with right:
        _trend(page, answers, "per-user", "Runs and sessions per user", "runs_per_user", "sessions_per_user",
               note="blue: runs, orange: sessions", nothing="No run in this period names its user.")  # fmt: skip
    left, right = st.columns(2, gap="small")
    with left:
        _trend(page, answers, "lifespan", "Session lifespan", "avg_session_lifespan_ms", "active_ms_per_session",
               note="blue: first start to last end, orange: time in which its runs worked",
               nothing="No run in this period names its session.")  # fmt: skip
    with right:
        _trend(page, answers, "handoffs", "Hand-offs and what follows", "handoff_rate", "post_handoff_iteration_rate",
               note="blue: runs handed to a person, orange: of these, followed by another run within 4 hours",
               nothing="No run in this period has ended.")  # fmt: skip
    _users(page, answers)
    _sessions(page, answers)


def _explained(name: str, tile: Tile) -> Tile:
    return replace(tile, rests_on=_REASONS[name]) if tile.value == "N/A" else tile


def _notes(page: Page, totals: QueryAnswer, answers: Answers) -> list[str]:
    row, named = totals.total, answers.query("named")
    use = {name: measure_tile(name, totals, page.asked, page.measures).value for name in _USE[2:]}
    told = [
        f"Session lifespan {use['avg_session_lifespan_ms']} · handed off {use['handoff_rate']} of ended runs · "
        f"worked on after a hand-off {use['post_handoff_iteration_rate']}"
    ]
    if isinstance(named, QueryAnswer):
        runs, known = int(row.number("runs") or 0), int(named.total.number("runs") or 0)
        if known < runs:
            told.append(f"The user is named by {formats.share_of(known, runs)} runs; users are counted among these.")
    hidden = subtitle(page.asked.filters)
    return [*told, *([hidden.capitalize()] if hidden else [])]


def _trend(
    page: Page, answers: Answers, key: str, title: str, measure: str, second: str | None = None, *, note: str,
    nothing: str,
) -> None:  # fmt: skip
    trend_card(
        page, key, title, answers.query("trend"), measure, TrendOptions(second=second, note=note, nothing=nothing)
    )


def _users(page: Page, answers: Answers) -> None:
    def caption(found: QueryAnswer) -> str:
        which = f"The busiest {len(found.data)}" if found.meta.truncated else formats.plural(len(found.data), "user")
        return " · ".join(part for part in (which, "runs of no known user are left out", subtitle(page.asked.filters))
                          if part)  # fmt: skip

    with query_card("users", "Top users", answers.query("users"), caption,
                    help_text=page.measures.help("active_users")) as found:  # fmt: skip
        if found is None:
            return
        if not found.data:
            not_available("No run in this period names its user.", "Publish runs with user_id.")
            return

        def link(row: QueryRow) -> str:
            return drilling.runs_href(page, {"user_id": row.text("user_id")})

        names = [("User", lambda row: row.text("user_id"))]
        linked = link if drilling.RUNS_PAGE in page.pages else None
        frame = measure_frame(found, names, _USER_COLUMNS, page.measures, link=linked)
        measure_table("users", frame, _USER_COLUMNS, page.measures, f"{len(frame)} users, busiest first")


def _sessions(page: Page, answers: Answers) -> None:
    answer, title, zone = answers.get("sessions", RunPage), "Sessions", page.asked.period.timezone
    if isinstance(answer, ApiError):
        with card("sessions", title):
            failure(answer, "sessions")
        return
    at = _place(page.asked)
    hidden = subtitle(page.asked.filters)
    with card("sessions", title, " · ".join(part for part in ("Most runs first", hidden) if part)):
        if not answer.data:
            not_available("No run in this period names its session.", "Publish runs with session_id.")
            return

        def link(row: QueryRow) -> str | None:
            of_runs = {"workspace_id": row.text("workspace_id"), "session_id": row.text("session_id")}
            return drilling.runs_href(page, of_runs) if drilling.RUNS_PAGE in page.pages else None

        session_table(session_frame(answer.rows, zone, link), zone)
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            page_buttons(at, answer.next_cursor if answer.has_more else None)
            downloads("sessions", answer)
        hint("A session much longer than its runs were active waited for somebody. Runs side by side add up.")

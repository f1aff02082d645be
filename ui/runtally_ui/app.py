"""Entry script of the dashboard, run anew for every interaction: settings, filter bar, page."""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Literal

import streamlit as st
from altair.utils import schemapi
from streamlit.delta_generator import DeltaGenerator

from runtally_ui import clock, filter_bar, formats, garbage, openness, refreshing, rights, sign_in, states
from runtally_ui.answers import Answer
from runtally_ui.api_client import ApiClient, ApiError
from runtally_ui.colours import SlotBook
from runtally_ui.emptiness import whole_range
from runtally_ui.kept_answers import KeptAnswers
from runtally_ui.navigation import ENTRIES, Entry
from runtally_ui.page import Asked, Page
from runtally_ui.periods import ALL, days_period, local_today
from runtally_ui.questions import Answers, ask_together
from runtally_ui.roster import ROSTER_SECONDS, ROSTER_USABLE_SECONDS, ask_roster, roster_questions
from runtally_ui.settings import UiSettings

FOLDER = Path(__file__).resolve().parent
STYLE = FOLDER / "style.css"
# A picture of our own: an icon name would make the browser fetch one from elsewhere.
MARK = FOLDER / "mark.svg"
CALLERS_KEPT = 100


@st.cache_resource(show_spinner=False, on_release=lambda client: client.close())
def api_client(base_url: str, timeout_seconds: float) -> ApiClient:
    """One connection pool for all sessions."""
    return ApiClient(base_url, timeout_seconds)


@st.cache_resource(show_spinner=False, max_entries=CALLERS_KEPT)
def slot_book(base_url: str, who: str) -> SlotBook:
    """One colour per agent for all sessions that look at this API as the same caller."""
    return SlotBook()


@st.cache_resource(show_spinner=False, max_entries=CALLERS_KEPT)
def kept_names(base_url: str, who: str) -> KeptAnswers:
    """What all sessions that look at this API as the same caller know of the fleet; others have their own."""
    return KeptAnswers(ROSTER_SECONDS, ROSTER_USABLE_SECONDS)


def main(settings: UiSettings) -> None:
    """Every page has the same heading and filter bar, always mounted: a bound widget that is not
    drawn on one page would lose its value in the address bar.
    """
    garbage.leave_modules_alone()
    schemapi.disable_debug_mode()  # each part of a chart against the schema is half of a page's time; tests do it
    st.set_page_config(page_icon=MARK, layout="wide")
    filter_bar.modernise_address()
    root = api_client(settings.api_url, settings.ui_timeout_seconds)
    api, who = sign_in.as_signed_in(root)
    kept = kept_names(settings.api_url, who)
    rights.learn(api, kept)
    drawn: list[Callable[[], None]] = []
    pages = {
        entry.title: st.Page(
            _body(drawn), title=entry.title, icon=entry.icon, url_path="home" if entry.is_default else entry.path,
            default=entry.is_default, visibility=_visibility(entry),
        )
        for entry in ENTRIES
    }  # fmt: skip
    # A default page answers at `/` only, whatever it is called; its other addresses are hidden pages of its content.
    others = [
        st.Page(_body(drawn), title=ENTRIES[0].title, url_path=path, visibility="hidden")
        for path in (ENTRIES[0].path, "analytics")
    ]
    chosen = st.navigation([*pages.values(), *others], position="top")
    filter_bar.keep_bar(chosen.url_path)
    entry = next(entry for entry in ENTRIES if entry.title == chosen.title)
    st.set_page_config(page_title=f"{entry.title} · Runtally")
    st.html(STYLE)
    rights.hide_downloads()
    heading = st.container(key="heading", horizontal=True, vertical_alignment="bottom")
    heading.title(entry.title, anchor=False, width="content")
    ranges, bar = (
        st.container(key=key, horizontal=True, vertical_alignment="center", gap="xsmall")
        for key in ("ranges", "filters")
    )
    placeholder = st.empty()
    with heading:
        sign_in.draw_signed_in()
    now = clock.utc_now()
    choice = filter_bar.draw_range(ranges, now, _begin(api, now), is_of_now=entry.every_seconds is not None)
    own_seconds = refreshing.own_period(ranges, entry.every_seconds)
    filters = filter_bar.chosen_filters()
    asked = Asked(choice.period, filters, choice.compare, choice.granularity, now)
    if "visited" not in st.session_state:
        # Later runs keep the old charts on the screen until the new ones replace them.
        with placeholder.container():
            states.loading()
    questions = entry.view.questions(asked) if rights.may(entry.needs) else {}
    names = roster_questions(choice.period, now)
    roster, under_way = ask_roster(api, kept, names, questions)
    with heading:
        openness.draw_caption(roster.access, settings.host)
    # A rerun that was asked for while waiting begins here, before any filter counts as drawn.
    as_of = heading.empty()
    # Before the page's own answers are there: a click in the meantime must find the filters in place.
    filter_bar.draw_filters(bar, roster.options(), filters, roster.agent_names())
    answers = under_way.answers(questions)
    kept.renew(api, {name: names[name] for name in kept.usable(names)})  # now, as they take time from the page's own
    placeholder.empty()
    openness.draw_warning(roster.access, settings.host)
    st.session_state["visited"] = True
    page = Page(asked, roster.palette(slot_book(settings.api_url, who)), roster.measure_book(), api, pages)
    every_seconds = own_seconds or choice.refresh_seconds
    drawn.append(lambda: _run(entry, page, answers, as_of, every_seconds, root))
    chosen.run()


def _visibility(entry: Entry) -> Literal["visible", "hidden"]:
    return "visible" if rights.may(entry.needs) else "hidden"


def _body(drawn: list[Callable[[], None]]) -> Callable[[], None]:
    # Streamlit asks for the pages before anything is known that they draw.
    return lambda: drawn[-1]()


def _run(
    entry: Entry, page: Page, answers: Answers, as_of: DeltaGenerator, refresh_seconds: int | None, root: ApiClient
) -> None:
    def draw(again: bool) -> None:
        shown, found = page, answers
        if again:
            shown = page.at(clock.utc_now())
            found = ask_together(page.api, entry.view.questions(shown.asked))
        if sign_in.is_wanted(found):
            sign_in.draw(root)
            return
        if not rights.may(entry.needs):
            states.no_rights(entry.needs)
            return
        as_of.caption(_as_of(found, shown, refresh_seconds), text_alignment="right")
        entry.view.draw(shown, found)

    refreshing.run_page(draw, refresh_seconds)


def _as_of(answers: Answers, page: Page, refresh_seconds: int | None) -> str:
    """Up to when the answers hold everything: the oldest of them counts."""
    zone = page.asked.period.timezone
    known = [answer.as_of for answer in answers.all() if isinstance(answer, Answer) and answer.as_of is not None]
    parts = [f"Data as of {formats.instant(min(known), zone)}"] if known else []
    repeated = refreshing.updated(page.asked.now, zone, refresh_seconds)
    return formats.escaped(" · ".join([*parts, *([repeated] if repeated else [])]))


def _begin(api: ApiClient, now: datetime) -> date | None:
    """The day of the first run of all; asked only where the range needs it."""
    if filter_bar.chosen_range() not in (ALL, ALL.lower()):
        return None
    today = local_today(now, "UTC")
    everything = whole_range(api, days_period(today, today, "UTC"))
    return None if everything is None or isinstance(everything, ApiError) else everything.first.date()


main(UiSettings())

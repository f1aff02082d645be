"""Entry script of the dashboard, run anew for every interaction: settings, filter bar, page."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from runtally_ui import clock, filter_bar, states
from runtally_ui.api_client import ApiClient
from runtally_ui.colours import SlotBook
from runtally_ui.filters import DEFAULT_TIMEZONE, Days, local_today, newest_days
from runtally_ui.page_data import RANKING_DAYS, load_page
from runtally_ui.settings import UiSettings
from runtally_ui.views import overview

FOLDER = Path(__file__).resolve().parent
STYLE = FOLDER / "style.css"
# A picture of our own: an icon name would make the browser fetch one from elsewhere.
MARK = FOLDER / "mark.svg"
ICON = ":material/monitoring:"


@st.cache_resource(show_spinner=False, on_release=lambda client: client.close())
def api_client(base_url: str, timeout_seconds: float) -> ApiClient:
    """One connection pool for all sessions."""
    return ApiClient(base_url, timeout_seconds)


@st.cache_resource(show_spinner=False)
def slot_book(base_url: str) -> SlotBook:
    """One colour per agent for all sessions that look at this API."""
    return SlotBook()


def main(settings: UiSettings) -> None:
    """Every page has the same heading and filter bar, always mounted: a bound widget that is not
    drawn on one page would lose its value in the address bar.
    """
    st.set_page_config(page_title="Overview · Runtally", page_icon=MARK, layout="wide")
    st.html(STYLE)
    now = clock.utc_now()
    api = api_client(settings.api_url, settings.ui_timeout_seconds)

    def body() -> None:
        overview.draw(api, slot_book(settings.api_url), question, data, heading)

    page = st.navigation(_pages(body), position="top")
    heading = st.container(key="heading", horizontal=True, vertical_alignment="bottom")
    heading.title(page.title, anchor=False, width="content")
    bar = st.container(key="filters", horizontal=True, vertical_alignment="center", gap="xsmall")
    placeholder = st.empty()
    choice = filter_bar.draw_range(bar, now)
    filters = filter_bar.chosen_filters()
    question = overview.Question(choice.days, filters, choice.today, now)
    if "visited" not in st.session_state:
        # Later runs keep the old charts on the screen until the new ones replace them.
        with placeholder.container():
            states.loading()
    data = load_page(api, choice.days, filters, _ranking_days(now))
    placeholder.empty()
    st.session_state["visited"] = True
    filter_bar.draw_filters(bar, data, filters)
    page.run()


def _pages(body: Callable[[], None]) -> list[StreamlitPage]:
    # A default page answers at `/` only, so the second address is a hidden page of the same content.
    return [
        st.Page(body, title="Overview", icon=ICON, url_path="overview", default=True),
        st.Page(lambda: body(), title="Overview", icon=ICON, url_path="analytics", visibility="hidden"),
    ]


def _ranking_days(now: datetime) -> Days:
    # Always in UTC, whatever zone the reader chose: colours must not depend on who looks.
    return newest_days(local_today(now, DEFAULT_TIMEZONE), RANKING_DAYS, DEFAULT_TIMEZONE)


main(UiSettings())

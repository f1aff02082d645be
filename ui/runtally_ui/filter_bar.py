"""The filter bar: widgets bound to the address bar, drawn before the page, the same on every page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Final
from zoneinfo import available_timezones

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from runtally_ui.answers import Analytics, Models
from runtally_ui.filters import (
    CUSTOM,
    DEFAULT_RANGE,
    DEFAULT_TIMEZONE,
    DIMENSIONS,
    PRESET_DAYS,
    RANGES,
    STATUSES,
    Days,
    Filters,
    local_today,
    newest_days,
    resolve_days,
)
from runtally_ui.page_data import PageData

_WIDTH = 162
_PLACEHOLDERS = {
    "workspace": "All workspaces",
    "agent": "All agents",
    "model": "All models",
    "status": "Any status",
}
_BIND: Final = "query-params"
_HIDDEN_DATES = "<style>.st-key-filters .st-key-dates { display: none; }</style>"


@dataclass(frozen=True)
class RangeChoice:
    """What the first half of the bar says: the days, and which day it is there."""

    days: Days
    today: date


def draw_range(bar: DeltaGenerator, now: datetime) -> RangeChoice:
    """Range, dates and time zone: all that must be known before anything can be asked."""
    with bar:
        chosen = st.segmented_control(
            "Range", RANGES, default=DEFAULT_RANGE, required=True, key="range", bind=_BIND,
            label_visibility="collapsed", on_change=_range_chosen, args=(now,),
        )  # fmt: skip
        dates = _draw_dates()
        zone = st.selectbox(
            "Time zone", _timezones(st.context.timezone), key="tz", bind=_BIND, width=150,
            label_visibility="collapsed",
        )  # fmt: skip
    if chosen != CUSTOM:
        st.html(_HIDDEN_DATES)
    timezone = zone or DEFAULT_TIMEZONE
    today = local_today(now, timezone)
    return RangeChoice(resolve_days(chosen, dates, timezone, today), today)


def chosen_filters() -> Filters:
    """The values of the second half, before it is drawn: its options come from the answers that the
    values themselves help to ask for.
    """
    return Filters(**{dimension: _chosen(dimension) for dimension in DIMENSIONS})


def draw_filters(bar: DeltaGenerator, data: PageData, filters: Filters) -> None:
    """The four filters. A chosen value stays an option although the answers do not know it: a link
    keeps its meaning when the API is down or the agent has no runs in the range.
    """
    options = filter_options(data)
    with bar:
        for dimension in DIMENSIONS:
            st.multiselect(
                dimension.capitalize(),
                _union(options[dimension], filters.values(dimension)),
                key=dimension,
                bind=_BIND,
                placeholder=_PLACEHOLDERS[dimension],
                label_visibility="collapsed",
                width=_WIDTH,
                wrap=False,
                select_all=False,
            )
        if filters.active():
            st.button(
                "Clear", key="clear", icon=":material/filter_alt_off:", type="tertiary", on_click=clear_filters,
                help="Clear workspace, agent, model and status.",
            )  # fmt: skip


def filter_options(data: PageData) -> Mapping[str, list[str]]:
    """By use, the busiest first; what could not be loaded offers nothing."""
    agents = data.unfiltered.agents if isinstance(data.unfiltered, Analytics) else []
    models = data.models.models if isinstance(data.models, Models) else []
    return {
        "workspace": _union((agent.workspace_id for agent in agents), ()),
        "agent": _union((agent.agent_id for agent in agents), ()),
        "model": _union((model.model_id for model in models), ()),
        "status": list(STATUSES),
    }


def clear_filters() -> None:
    """A callback: bound widgets are set through the session, which also cleans the address bar."""
    for dimension in DIMENSIONS:
        st.session_state[dimension] = []


def clear_filter(dimension: str) -> None:
    """A callback: let everything of one dimension through."""
    st.session_state[dimension] = []


def show_days(days: Days) -> None:
    """A callback: these very days."""
    st.session_state["range"] = CUSTOM
    st.session_state["dates"] = (days.first, days.last)


def show_days_unfiltered(days: Days) -> None:
    """A callback: these very days, and every run of them."""
    clear_filters()
    show_days(days)


def _draw_dates() -> Sequence[date]:
    # Drawn always and hidden by style: a value set from here reaches the address bar only when the
    # widget is there already. And empty by default: a default never shows in the address bar, and a
    # link to thirty fixed days would mean thirty other days tomorrow.
    picked = st.date_input(
        "Dates", value=[], key="dates", bind=_BIND, label_visibility="collapsed", width=235,
        format="YYYY-MM-DD",
    )  # fmt: skip
    return picked if isinstance(picked, tuple) else ()


def _range_chosen(now: datetime) -> None:
    """A callback: going custom begins with the default days, leaving it forgets the dates."""
    if st.session_state["range"] == CUSTOM:
        today = local_today(now, st.session_state.get("tz") or DEFAULT_TIMEZONE)
        days = newest_days(today, PRESET_DAYS[DEFAULT_RANGE], DEFAULT_TIMEZONE)
        st.session_state["dates"] = (days.first, days.last)
    else:
        st.session_state["dates"] = ()


def _chosen(dimension: str) -> tuple[str, ...]:
    # A bound widget is in the session only once it has been drawn; before that, ask the address bar.
    in_session = dimension in st.session_state
    values = st.session_state[dimension] if in_session else st.query_params.get_all(dimension)
    kept = (value for value in values if value and (dimension != "status" or value in STATUSES))
    return tuple(dict.fromkeys(kept))


def _union(first: Iterable[str | None], second: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(value for value in (*first, *second) if value))


@cache
def _timezones(of_browser: str | None) -> list[str]:
    known = available_timezones()
    near = [zone for zone in (DEFAULT_TIMEZONE, of_browser) if zone in known]
    rest = sorted(zone for zone in known if "/" in zone and not zone.startswith("Etc/"))
    return list(dict.fromkeys([*near, *rest]))

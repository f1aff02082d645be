"""The filter bar: widgets bound to the address bar, drawn before the page, the same on every page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Final
from zoneinfo import available_timezones

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from runtally_ui import agent_filter, bar_memory
from runtally_ui.addresses import modern
from runtally_ui.colours import AgentKey
from runtally_ui.filters import DIMENSIONS, STATUSES, Filters
from runtally_ui.periods import (
    COMPARISONS,
    CUSTOM,
    DEFAULT_RANGE,
    DEFAULT_TIMEZONE,
    PRESET_DAYS,
    RANGES,
    Period,
    local_today,
    newest_days,
    parse_bound,
    resolve_period,
)

GRANULARITIES = ("Auto", "Hour", "Day", "Week", "Month")
REFRESH_SECONDS = {"Refresh off": None, "every 30 s": 30, "every 5 min": 300}
_WIDTH = 162
_NAMES_WIDTH = 210
# Of users only the busiest of the newest days are offered: any other is typed.
_TYPED: Final = frozenset({"user_id"})
_PLACEHOLDERS = {
    "workspace_id": "All workspaces",
    "agent_id": "All agents",
    "model": "All models",
    "status": "Any status",
    "environment": "All environments",
    "user_id": "All users · type any",
}
_CHOICES: Mapping[str, Sequence[str]] = {"range": RANGES, "compare": tuple(COMPARISONS), "granularity": GRANULARITIES}
_BIND: Final = "query-params"
_DEFAULTS: Mapping[str, str] = {
    "range": DEFAULT_RANGE, "from": "", "to": "", "compare": next(iter(COMPARISONS)), "granularity": GRANULARITIES[0],
    "timezone": DEFAULT_TIMEZONE, "refresh": next(iter(REFRESH_SECONDS)),
}  # fmt: skip
_HIDDEN_DATES = "<style>.st-key-ranges .st-key-dates { display: none; }</style>"
_OF_A_RANGE = ".st-key-range, .st-key-dates, .st-key-compare, .st-key-granularity, .st-key-refresh"
_HIDDEN_RANGE = f"<style>.st-key-ranges > :is({_OF_A_RANGE}) {{ display: none; }}</style>"


@dataclass(frozen=True)
class RangeChoice:
    """What the first half of the bar says."""

    period: Period
    compare: str | None
    granularity: str
    refresh_seconds: int | None


def modernise_address() -> None:
    """Before any widget is drawn: an address of an earlier version becomes one of this."""
    asked = {name: st.query_params.get_all(name) for name in st.query_params}
    found = modern(asked)
    if found == asked:
        return
    st.query_params.from_dict(found)
    # Widgets read the address that the browser came with, so what was translated is handed to them.
    choices = {**_CHOICES, "timezone": _timezones(st.context.timezone)}
    for name, values in found.items():
        if values == asked.get(name) or name in st.session_state or not values:
            continue
        if name in DIMENSIONS:
            st.session_state[name] = values
        elif name in ("from", "to") or values[0] in choices.get(name, ()):
            st.session_state[name] = values[0]


def keep_bar(page: str) -> None:
    """Before any widget is drawn: what a click on another page has lost of the address."""
    bar_memory.keep(page, _DEFAULTS)


def draw_range(bar: DeltaGenerator, now: datetime, begin: date | None, *, is_of_now: bool = False) -> RangeChoice:
    """All that must be known before anything can be asked. `begin`: the day of the first run of all.

    A page that is of now shows none of it but the time zone; the rest stays in the address, for the other pages.
    """
    with bar:
        chosen = st.segmented_control(
            "Range", RANGES, default=DEFAULT_RANGE, required=True, key="range", bind=_BIND,
            label_visibility="collapsed", on_change=_range_chosen, args=(now,),
        )  # fmt: skip
        bounds = _draw_bounds()
        compare = _pick("Compare", list(COMPARISONS), "compare", 175, "What the figures are compared with.")
        granularity = _pick("Granularity", GRANULARITIES, "granularity", 92, "How long a step of the charts is.")
        zone = _pick("Time zone", _timezones(st.context.timezone), "timezone", 140, "Whose days and hours these are.")
        refresh = _pick("Refresh", list(REFRESH_SECONDS), "refresh", 130, "Ask anew by itself.")
    if is_of_now:
        st.html(_HIDDEN_RANGE)
    elif chosen != CUSTOM:
        st.html(_HIDDEN_DATES)
    timezone = zone or DEFAULT_TIMEZONE
    period = resolve_period(chosen, bounds, timezone, now, begin)
    return RangeChoice(period, COMPARISONS[compare], granularity.lower(), REFRESH_SECONDS[refresh])


def chosen_range() -> str:
    """The range before its widget is drawn."""
    return str(st.session_state.get("range") or st.query_params.get("range") or DEFAULT_RANGE)


def chosen_filters() -> Filters:
    """The values of the second half, before it is drawn: its options come from the answers that the
    values themselves help to ask for.
    """
    root_only = st.session_state.get("root_only", st.query_params.get("root_only") == "true")
    return Filters(**{name: _chosen(name) for name in DIMENSIONS}, root_only=bool(root_only))


def draw_filters(
    bar: DeltaGenerator,
    options: Mapping[str, Sequence[str]],
    filters: Filters,
    names: Iterable[tuple[AgentKey, str]],
) -> None:
    """The filters. A chosen value stays an option although the answers do not know it: a link
    keeps its meaning when the API is down or the agent has no runs in the range.
    """
    with bar:
        for dimension in DIMENSIONS:
            _draw_filter(dimension, _union(options[dimension], filters.values(dimension)), filters, names)
        st.toggle("Root only", key="root_only", bind=_BIND, help="Leave out the runs that another run started.")
        if filters.active():
            st.button(
                "Clear", key="clear", icon=":material/filter_alt_off:", type="tertiary", on_click=clear_filters,
                help="Clear all filters; range and time zone stay.",
            )  # fmt: skip
    bar_memory.remember(_DEFAULTS)


def _draw_filter(
    dimension: str, options: Sequence[str], filters: Filters, names: Iterable[tuple[AgentKey, str]]
) -> None:
    placeholder = _PLACEHOLDERS[dimension]
    if dimension == agent_filter.IDS:
        titles, chosen = agent_filter.agent_titles(options, names), filters.values(dimension)
        agent_filter.draw_agents(titles, chosen, placeholder=placeholder, width=_NAMES_WIDTH)
        return
    st.multiselect(
        DIMENSIONS[dimension].capitalize(), options, key=dimension, bind=_BIND, placeholder=placeholder,
        label_visibility="collapsed", width=_NAMES_WIDTH if dimension in _TYPED else _WIDTH, wrap=False,
        select_all=False, accept_new_options=dimension in _TYPED,
    )  # fmt: skip


def clear_filters() -> None:
    """A callback: bound widgets are set through the session, which also cleans the address bar."""
    for dimension in (*DIMENSIONS, "root_only"):
        clear_filter(dimension)


def clear_filter(dimension: str) -> None:
    """A callback: let everything of one dimension through."""
    st.session_state[dimension] = False if dimension == "root_only" else []
    bar_changed()


def narrow(dimension: str, *values: str) -> None:
    """A callback: only the runs of one value, or of any of these."""
    st.session_state[dimension] = list(values)
    bar_changed()


def show_period(period: Period) -> None:
    """A callback: this very period."""
    start, end = period.bounds()
    show_bounds(start, end)


def show_bounds(start: str, end: str) -> None:
    """A callback: from and to as days, or as wall-clock times or instants."""
    st.session_state["range"] = CUSTOM
    st.session_state["from"], st.session_state["to"] = start, end
    st.session_state["dates"] = ()
    bar_changed()


def show_period_unfiltered(period: Period) -> None:
    """A callback: this very period, and every run of it."""
    clear_filters()
    show_period(period)


def bar_changed() -> None:
    """What a callback below the bar says when it changes the bar: a part that refreshes by itself is then not
    enough, the whole page runs anew (see `refreshing`).
    """
    st.session_state["bar_changed"] = True


def _pick(label: str, options: Sequence[str], key: str, width: int, explanation: str) -> str:
    found = st.selectbox(label, options, key=key, bind=_BIND, width=width, label_visibility="collapsed",
                         help=explanation)  # fmt: skip
    return found or options[0]


def _draw_bounds() -> tuple[str, str]:
    """The texts of `from` and `to`. They live in hidden fields, as the API's parameters of those names may be
    instants; the calendar shows their days and sets them.
    """
    with st.container(key="bounds", width=1):
        start = st.text_input("From", key="from", bind=_BIND, label_visibility="collapsed")
        end = st.text_input("To", key="to", bind=_BIND, label_visibility="collapsed")
    zone = st.session_state.get("timezone") or DEFAULT_TIMEZONE
    first, last = (parse_bound(text, zone, upper=False) for text in (start, end))
    if len(st.session_state.get("dates", ())) != 1:  # else the first of two days is picked
        st.session_state["dates"] = tuple(bound.date() for bound in (first, last) if bound is not None)
    # Drawn always and hidden by style, so that nothing else in the bar is built anew.
    st.date_input(
        "Dates", key="dates", label_visibility="collapsed", width=235, format="YYYY-MM-DD",
        on_change=_dates_picked,
    )  # fmt: skip
    return start or "", end or ""


def _dates_picked() -> None:
    """A callback: the calendar's two days become the bounds; one alone waits for the other."""
    picked = st.session_state["dates"]
    if isinstance(picked, tuple) and len(picked) == 2:
        st.session_state["from"], st.session_state["to"] = picked[0].isoformat(), picked[1].isoformat()


def _range_chosen(now: datetime) -> None:
    """A callback: going custom begins with the default days, leaving it forgets the bounds."""
    if st.session_state["range"] == CUSTOM:
        today = local_today(now, st.session_state.get("timezone") or DEFAULT_TIMEZONE)
        show_period(newest_days(today, PRESET_DAYS[DEFAULT_RANGE], DEFAULT_TIMEZONE))
    else:
        st.session_state["from"] = st.session_state["to"] = ""


def _chosen(dimension: str) -> tuple[str, ...]:
    # A bound widget is in the session only once it has been drawn; before that, ask the address bar.
    in_session = dimension in st.session_state
    values = st.session_state[dimension] if in_session else st.query_params.get_all(dimension)
    kept = (value for value in values if value and (dimension != "status" or value in STATUSES))
    return tuple(dict.fromkeys(kept))


def _union(first: Iterable[str], second: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(value for value in (*first, *second) if value))


@cache
def _timezones(of_browser: str | None) -> list[str]:
    known = available_timezones()
    near = [zone for zone in (DEFAULT_TIMEZONE, of_browser) if zone in known]
    rest = sorted(zone for zone in known if "/" in zone and not zone.startswith("Etc/"))
    return list(dict.fromkeys([*near, *rest]))

"""The fields of the page Runs that marks of charts fill by themselves, as a form: who has no mark to click types them.

They stand in the address bar under the API's names, as the marks' own do, and on the page as the same chips.
"""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from runtally_ui.ratings import STARS
from runtally_ui.run_narrowing import Narrowed
from runtally_ui.week_hours import LONG_WEEKDAYS

_TEXTS: Final = {"agent_version": "Version", "error_category": "Error category", "error_severity": "Severity"}
_ERRORS: Final = {"With or without an error": "", "With an error": "true", "Without an error": "false"}
_BOUNDS: Final = {"min_duration_ms": "Took at least, seconds", "max_duration_ms": "Took at most, seconds"}
_KEY: Final = "narrow-"
_MS: Final = 1000


def draw_form(narrowed: Narrowed) -> None:
    """A button that opens the form. What it says when it is sent takes the place of what was there."""
    with (
        st.popover("More fields", icon=":material/tune:", type="tertiary"),
        st.form("narrowing", border=False, clear_on_submit=False),
    ):
        _begin(narrowed)
        for name, label in _TEXTS.items():
            st.text_input(label, key=_KEY + name, placeholder="Any; several with commas between")
        st.selectbox("Errors", list(_ERRORS), key=f"{_KEY}has_error")
        st.multiselect("Weekdays", range(1, 8), key=f"{_KEY}weekday", format_func=_weekday, placeholder="All")
        st.multiselect("Hours", range(24), key=f"{_KEY}hour", format_func=_hour, placeholder="All")
        st.multiselect("Ratings", STARS, key=f"{_KEY}rating", format_func=_stars, placeholder="Rated or not")
        for name, label in _BOUNDS.items():
            st.number_input(label, min_value=0.0, value=None, key=_KEY + name, placeholder="Any")
        st.form_submit_button("Show these runs", type="primary", on_click=_send)


def named_by_form(name: str, value: object) -> list[str]:
    """What the address says of a field, by its value in the form; nothing where it lets all runs through."""
    if name in _TEXTS:
        return [text for part in str(value or "").split(",") if (text := part.strip())]
    if name == "has_error":
        return [told] if (told := _ERRORS.get(str(value), "")) else []
    if name in _BOUNDS:
        return [str(round(float(value) * _MS))] if isinstance(value, float | int) else []
    return [str(one) for one in value] if isinstance(value, Sequence) else []


def in_form(name: str, narrowed: Narrowed) -> object:
    """What a field shows of that by which the runs are narrowed now."""
    value = getattr(narrowed, name)
    if name in _TEXTS:
        return ", ".join(value)
    if name == "has_error":
        told = "" if value is None else str(value).lower()
        return next(word for word, known in _ERRORS.items() if known == told)
    if name in _BOUNDS:
        return None if value is None else value / _MS
    return list(value)


def _begin(narrowed: Narrowed) -> None:
    """Once for each other narrowing, or the fields would be emptied while somebody fills them in. Anew where the form
    was away meanwhile, as fields forget what they held.
    """
    if st.session_state.get("narrowing-of") == narrowed and f"{_KEY}has_error" in st.session_state:
        return
    st.session_state["narrowing-of"] = narrowed
    for name in _fields():
        st.session_state[_KEY + name] = in_form(name, narrowed)


def _send() -> None:
    """A callback: the address says what the form does."""
    for name in _fields():
        told = named_by_form(name, st.session_state.get(_KEY + name))
        if told:
            st.query_params[name] = told
        elif name in st.query_params:
            del st.query_params[name]


def _fields() -> tuple[str, ...]:
    return (*_TEXTS, "has_error", "weekday", "hour", "rating", *_BOUNDS)


def _weekday(number: int) -> str:
    return LONG_WEEKDAYS[number - 1]


def _hour(number: int) -> str:
    return f"{number:02}:00 to {number:02}:59"


def _stars(number: int) -> str:
    return f"{'★' * number}{'☆' * (len(STARS) - number)}"

"""What the filter bar said last, so that a click on another page never loses it.

Such a click carries only what the browser has drawn by then. Who opens a link and clicks on at once would come to an
address without its filters, and hand that on. So what is missing from the address, without having been taken away, is
put back before anything is asked or drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import streamlit as st
from streamlit.errors import StreamlitAPIException
from streamlit.runtime.scriptrunner import get_script_run_ctx

from runtally_ui.filters import DIMENSIONS

FLAG = "root_only"
_MEMORY = "bar_memory"
Values = Mapping[str, Sequence[str]]


@dataclass
class Memory:
    """The page that was shown last, and the bar's values as the address spells them; a default has none."""

    page: str
    values: Values = field(default_factory=dict)


def keep(page: str, defaults: Mapping[str, str]) -> None:
    """Before any widget is drawn, but once the page is known. `defaults` are the bar's fields besides its filters, with
    the values that the address does not name.
    """
    bar = (*defaults, *DIMENSIONS, FLAG)
    named = {name: list(st.query_params.get_all(name)) for name in st.query_params}
    memory = st.session_state.setdefault(_MEMORY, Memory(page, _of_bar(named, bar)))
    moved = memory.page != page
    if _went_back():
        _as_the_address_says(named, defaults)
        memory.page, memory.values = page, _of_bar(named, bar)
        return
    if moved and not is_carried(named, memory.values):
        memory.values = _of_bar(
            {name: of_link(values, memory.values.get(name, ())) for name, values in named.items()}, bar
        )
        _as_the_address_says(memory.values, defaults)
    for name, values in memory.values.items():
        in_session = name in st.session_state
        if name in named or (in_session and not moved):
            continue
        present = spelled(st.session_state[name], defaults.get(name, "")) if in_session else values
        if present:
            _put_back(name, present)
    memory.page = page


def remember(defaults: Mapping[str, str]) -> None:
    """Once the whole bar is drawn: this is what it says now."""
    bar = (*defaults, *DIMENSIONS, FLAG)
    values = {name: spelled(st.session_state.get(name), defaults.get(name, "")) for name in bar}
    memory: Memory = st.session_state[_MEMORY]
    memory.values = {name: texts for name, texts in values.items() if texts}


def is_carried(named: Values, remembered: Values) -> bool:
    """Whether an address is what a click on another page leaves of the bar; a link of ours names more, or differs."""
    return all(list(values) == list(remembered.get(name, ())) for name, values in named.items())


def of_link(values: Sequence[str], before: Sequence[str]) -> list[str]:
    """The values that a link of ours names. The browser appends them to those that the bar had before the click."""
    had = len(before)
    own = values[had:] if had and len(values) > had and list(values[:had]) == list(before) else values
    return list(dict.fromkeys(own))


def spelled(value: object, default: str) -> list[str]:
    """A widget's value as the address spells it."""
    if isinstance(value, bool):
        return ["true"] if value else []
    if isinstance(value, list | tuple):
        return [str(entry) for entry in value]
    return [] if value in (None, "", default) else [str(value)]


def _of_bar(named: Values, bar: Sequence[str]) -> Values:
    return {name: values for name, values in named.items() if name in bar and any(values)}


def _as_the_address_says(named: Values, defaults: Mapping[str, str]) -> None:
    """Before the questions, which else would be about the page that was left."""
    for name in (*defaults, *DIMENSIONS, FLAG):
        st.session_state[name] = _meant(name, named.get(name, ()), defaults.get(name, ""))


def _meant(name: str, values: Sequence[str], default: str) -> object:
    if name in DIMENSIONS:
        return [value for value in values if value]
    if name == FLAG:
        return list(values) == ["true"]
    return values[-1] if values else default


def _put_back(name: str, values: Sequence[str]) -> None:
    st.session_state[name] = _meant(name, values, "")
    try:
        st.query_params[name] = list(values)
    except StreamlitAPIException:
        # The browser has the widget already. As its value is set, drawing it writes the address.
        return


def _went_back() -> bool:
    """Whether the browser's history was gone through: then the address means what it says."""
    return bool(getattr(get_script_run_ctx(), "is_history_navigation", False))

"""Fields that only one page has: bound to the address bar as the filter bar's are, gone when the page is left.

Questions are asked before the fields are drawn, so their values are read here, from the session or the address.
"""

from collections.abc import Sequence

import streamlit as st


def text(name: str) -> str:
    """The value of a text field; empty without one."""
    found = st.session_state[name] if name in st.session_state else st.query_params.get(name)
    return str(found or "").strip()


def texts(name: str) -> tuple[str, ...]:
    """The values of a field that takes several."""
    found = st.session_state[name] if name in st.session_state else st.query_params.get_all(name)
    return tuple(dict.fromkeys(value for value in found if value))


def choice(name: str, options: Sequence[str]) -> str:
    """The one that is chosen; the first where none is, or one that does not exist."""
    found = text(name)
    return found if found in options else options[0]


def text_field(name: str, label: str, placeholder: str, width: int) -> None:
    """A line of text."""
    st.text_input(
        label, key=name, bind="query-params", placeholder=placeholder, width=width, label_visibility="collapsed"
    )


def choice_field(name: str, label: str, placeholder: str, options: Sequence[str], width: int) -> None:
    """Any of the options. A chosen value stays one although the answers do not know it."""
    st.multiselect(
        label, list(dict.fromkeys([*options, *texts(name)])), key=name, bind="query-params", placeholder=placeholder,
        width=width, label_visibility="collapsed", wrap=False, select_all=False,
    )  # fmt: skip


def choice_of(name: str, label: str, options: Sequence[str], width: int) -> None:
    """One of the options, the first of them by itself."""
    st.selectbox(label, options, key=name, bind="query-params", width=width, label_visibility="collapsed")


def clear(*names: str) -> None:
    """A callback: leave the fields empty."""
    for name in names:
        st.session_state[name] = [] if isinstance(st.session_state.get(name), list) else ""

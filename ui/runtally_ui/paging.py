"""Pages of a list by the API's cursors, remembered for as long as the same list is asked for."""

from collections.abc import Hashable
from dataclasses import dataclass

import streamlit as st


@dataclass(frozen=True)
class Place:
    """Where in a list the reader is. `cursors` leads to each page after the first."""

    key: str
    asked: Hashable
    cursors: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        """Of the page, from 1."""
        return len(self.cursors) + 1

    @property
    def params(self) -> tuple[tuple[str, str], ...]:
        """The API's `cursor`; none on the first page."""
        return (("cursor", self.cursors[-1]),) if self.cursors else ()


def place(key: str, asked: Hashable) -> Place:
    """Where the reader is in the list `asked`: on its first page when another one was asked for before."""
    found = st.session_state.get(f"place-{key}")
    return found if isinstance(found, Place) and found.asked == asked else Place(key, asked)


def page_buttons(at: Place, next_cursor: str | None, forth: str = "Next", back: str = "Previous") -> None:
    """To the page after and the page before; nothing where the list is one page. Else all of them are always drawn, so
    that none moves under the pointer.
    """
    if at.number == 1 and next_cursor is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", width="content", gap="xsmall"):
        st.button(
            "First", key=f"first-{at.key}", icon=":material/first_page:", type="tertiary", disabled=at.number == 1,
            on_click=_go, args=(at.key, at.asked, ()),
        )  # fmt: skip
        st.button(
            back, key=f"back-{at.key}", icon=":material/chevron_left:", disabled=at.number == 1,
            on_click=_go, args=(at.key, at.asked, at.cursors[:-1]),
        )  # fmt: skip
        st.button(
            forth, key=f"forth-{at.key}", icon=":material/chevron_right:", icon_position="right",
            disabled=next_cursor is None, on_click=_go, args=(at.key, at.asked, (*at.cursors, next_cursor or "")),
        )  # fmt: skip


def _go(key: str, asked: Hashable, cursors: tuple[str, ...]) -> None:
    st.session_state[f"place-{key}"] = Place(key, asked, cursors)
    # The page's answers were asked for with the cursor before, by what is drawn above a refreshing part too.
    st.session_state["bar_changed"] = True

"""A page that asks anew by itself, and says when it last did."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from runtally_ui import formats

REPEATS: Final = "repeats"
"""The key of what repeats: style keeps it from fading while it is asked for anew."""


def run_page(draw: Callable[[bool], None], every_seconds: int | None) -> None:
    """Call `draw(again)`: once, and with a period again and again, `again` then being true.

    A callback below the filter bar may change the bar itself, which is drawn outside of what repeats.
    """
    if every_seconds is None:
        st.session_state.pop("bar_changed", None)
        draw(False)
        return
    drawn: list[bool] = []

    def body() -> None:
        again = bool(drawn)
        if st.session_state.pop("bar_changed", False) and again:
            st.rerun(scope="app")
        drawn.append(True)
        with st.container(key=REPEATS):
            draw(again)

    st.fragment(body, run_every=every_seconds)()


def own_period(place: DeltaGenerator, every_seconds: int | None) -> int | None:
    """Of a page that repeats by itself: the switch that pauses it, and its period while it is on."""
    if every_seconds is None:
        return None
    text = f"Refresh every {every_seconds} s"
    return every_seconds if place.toggle(text, value=True, key="own-refresh") else None


def updated(now: datetime, timezone: str, every_seconds: int | None) -> str:
    """`Updated 09:30:12 UTC, every 30 s`; empty where nothing repeats."""
    if every_seconds is None:
        return ""
    period = f"{every_seconds} s" if every_seconds < 60 else f"{every_seconds // 60} min"
    return f"Updated {formats.instant(now, timezone).partition(', ')[2]}, every {period}"

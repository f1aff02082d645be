"""A titled frame around one answer: its drawing, or why there is none; its downloads in a corner."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from runtally_ui import exports, formats, rights
from runtally_ui.answers import Answer, QueryAnswer
from runtally_ui.api_client import ApiError, Forbidden, Refused
from runtally_ui.tiles import NOT_AVAILABLE

AnswerT = TypeVar("AnswerT", bound=Answer)
HEIGHT = 220


def card(key: str, title: str, caption: str = "", *, help_text: str = "") -> DeltaGenerator:
    """A titled frame. `caption` is Markdown: names in it are escaped by whoever puts them there."""
    frame = st.container(border=True, key=f"card-{key}", height="stretch", gap="small")
    frame.markdown(f"##### {title}", anchors=False, help=formats.escaped(help_text) or None)
    if caption:
        frame.caption(caption)
    return frame


@contextmanager
def query_card(
    key: str,
    title: str,
    answer: QueryAnswer | ApiError,
    caption: Callable[[QueryAnswer], str],
    *,
    help_text: str = "",
) -> Iterator[QueryAnswer | None]:
    """The frame of a question's answer, with downloads; None when it failed, which the frame then says.

    The block runs either way, so that it may return early: `if found is None: return`.
    """
    failed = isinstance(answer, ApiError)
    with card(key, title, "" if isinstance(answer, ApiError) else caption(answer), help_text=help_text):
        if isinstance(answer, ApiError):
            failure(answer, key)
        yield None if isinstance(answer, ApiError) else answer
        if not failed and isinstance(answer, QueryAnswer) and answer.data:
            downloads(key, answer)


def failure(error: ApiError, key: str) -> None:
    """In place of a drawing: what went wrong with this part; the others stand."""
    with st.container(height=HEIGHT, border=False, vertical_alignment="center", horizontal_alignment="center"):
        st.markdown(f":red[:material/error:] **{formats.escaped(error.title)}**", text_alignment="center")
        if error.detail:
            st.caption(formats.unlinked(error.detail), text_alignment="center")
        for remark in error.remarks:
            st.caption(formats.unlinked(remark), text_alignment="center")
        if isinstance(error, Forbidden):
            st.caption("Ask who runs this API for the right to see it.", text_alignment="center")
        elif isinstance(error, Refused):
            st.caption("Change the range or a filter.", text_alignment="center")
        else:
            st.button("Retry", key=f"retry-{key}", icon=":material/refresh:")


def not_available(reason: str, remedy: str = "", height: int = HEIGHT) -> None:
    """In place of a drawing of what cannot be computed."""
    with st.container(height=height, border=False, vertical_alignment="center"):
        st.markdown(f"**{NOT_AVAILABLE}** · {formats.escaped(reason)}", text_alignment="center")
        if remedy:
            st.caption(formats.escaped(remedy), text_alignment="center")


def hint(text: str) -> None:
    """A sentence that helps to read the figures."""
    st.caption(f":material/lightbulb: {text}")


def downloads(key: str, answer: QueryAnswer) -> None:
    """CSV and JSON of what is drawn, for those who may; the picture is in the chart's own toolbar."""
    if not rights.may(rights.EXPORT):
        return
    with st.container(horizontal=True, horizontal_alignment="right", gap="small", key=f"downloads-{key}"):
        _download(key, "CSV", partial(exports.query_csv, answer), "text/csv")
        _download(key, "JSON", partial(exports.query_json, answer), "application/json")


def _download(key: str, kind: str, content: Callable[[], str], mime: str) -> None:
    st.download_button(
        kind, content, f"runtally-{key}.{kind.lower()}", mime, key=f"{kind.lower()}-{key}",
        icon=":material/download:", type="tertiary", on_click="ignore",
    )  # fmt: skip

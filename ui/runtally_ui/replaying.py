"""Replay of dead letters from the page: first what would become of them, then, once confirmed, the replay itself."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
import streamlit as st
from pydantic import Field

from runtally_ui import formats, rights
from runtally_ui.answers import Answer, QueryRow
from runtally_ui.api_client import REPLAY_PATH, ApiClient, ApiError, Unreachable
from runtally_ui.page import Asked, Page

_STATE: Final = "replay.told"
_CHOSEN: Final = "replay-reason"
_BECAUSE: Final = {
    "contract": "Would be refused again",
    "signature": "Refused for its signature",
    "unchecked": "Signature not looked at",
    "incomplete": "Not whole here",
}
_ROW_HEIGHT: Final = 32


class Replayed(Answer):
    """`POST /api/v1/dead-letters/replay`."""

    dry_run: bool
    letters: int = 0
    published: int = 0
    left: list[dict[str, Any]] = Field(default_factory=list)


@dataclass(frozen=True)
class _Told:
    """What was heard of some letters. `about` says which list they stood in, `body` asks for the same ones."""

    about: Hashable
    body: Mapping[str, Any]
    answer: Replayed | ApiError


def replay_part(page: Page, reasons: Sequence[QueryRow], refused_because: str | None) -> None:
    """For those who may: a reason, what would pass of its letters, and a button that publishes them."""
    if not rights.may(rights.INGEST):
        return
    if refused_because:
        st.caption(f":material/block: Not to be replayed from here: {formats.escaped(refused_because)}.")
        return
    rows = {(row.text("topic"), row.text("field")): row for row in reasons}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.selectbox(
            "Replay the letters of", list(rows), key=_CHOSEN, width=360, format_func=lambda one: _label(rows[one])
        )
        about = (*chosen, _period(page.asked))
        st.button(
            "See what would pass", key="replay-look", icon=":material/search:",
            on_click=_ask, args=(page.api, about, {**_meant(chosen, page.asked), "dry_run": True}),
        )  # fmt: skip
    told = st.session_state.get(_STATE)
    if isinstance(told, _Told) and told.about == about:
        _tell(page.api, told)


def _label(row: QueryRow) -> str:
    letters = formats.plural(int(row.number("letters") or 0), "letter")
    return f"{row.text('topic')} · {row.text('field') or '(record)'} · {letters}"


def _period(asked: Asked) -> Hashable:
    # A relative range moves on with the clock; what was looked at stays the same list.
    return (asked.period.preset, asked.period.timezone) if asked.period.preset else asked.period


def _meant(chosen: tuple[str, str], asked: Asked) -> dict[str, Any]:
    """The letters up to now, so that those which are confirmed are those which were looked at."""
    topic, field = chosen
    start, end = asked.period.start, min(asked.period.end, asked.now)
    return {"topic": topic, "field": field, "from": start.isoformat(), "to": end.isoformat()}


def _ask(api: ApiClient, about: Hashable, body: Mapping[str, Any]) -> None:
    answer: Replayed | ApiError
    try:
        answer = api.post(REPLAY_PATH, body, Replayed)
    except ApiError as error:
        answer = error
    st.session_state[_STATE] = _Told(about, body, answer)


def _forget() -> None:
    st.session_state.pop(_STATE, None)


def _tell(api: ApiClient, told: _Told) -> None:
    with st.container(border=True, key="replay-told", gap="small"):
        answer = told.answer
        if isinstance(answer, ApiError):
            _failed(answer, is_replay=not told.body["dry_run"])
        else:
            st.markdown(sentence(answer))
            if answer.left:
                _left(answer)
            if answer.dry_run and answer.published:
                _confirm(api, told, answer.published)
                return
        st.button("Done", key="replay-done", on_click=_forget)


def sentence(answer: Replayed) -> str:
    """What became of the letters, or would."""
    left = answer.letters - answer.published
    if not answer.letters:
        return "No letter of this reason is there any more."
    if not answer.published:
        return f":red[▲ None passes]: {formats.plural(left, 'letter')}, each for the reason below."
    stays = "stays where it is" if left == 1 else "stay where they are"
    staying = f" {formats.plural(left, 'letter')} {stays}." if left else ""
    if answer.dry_run:
        return f"**{formats.plural(answer.published, 'record')}** would be published again.{staying}"
    published = formats.plural(answer.published, "record")
    return (
        f":green[● {published} published again.]{staying} Answers hold them as soon as a consumer has taken them; "
        "each run counts once, however often it is replayed."
    )


def _confirm(api: ApiClient, told: _Told, records: int) -> None:
    with st.container(horizontal=True, gap="small"):
        st.button(
            f"Publish {formats.plural(records, 'record')} again", key="replay-publish", type="primary",
            icon=":material/replay:", on_click=_ask, args=(api, told.about, {**told.body, "dry_run": False}),
        )  # fmt: skip
        st.button("Not now", key="replay-cancel", on_click=_forget)


def _failed(error: ApiError, *, is_replay: bool) -> None:
    st.markdown(f":red[:material/error:] **{formats.escaped(error.title)}**")
    for words in (error.detail, *error.remarks):
        if words:
            st.caption(formats.escaped(words))
    if is_replay and (isinstance(error, Unreachable) or error.status >= 500):
        st.caption("Some may be published by now. To replay them once more is safe: each run counts once.")


def _left(answer: Replayed) -> None:
    rows = [QueryRow(cells=one) for one in answer.left]
    frame = pd.DataFrame([
        {
            "Letters": row.number("letters"), "Stays because": _BECAUSE.get(row.text("because"), row.text("because")),
            "Field": row.text("field") or "(record)", "Why": formats.cut(row.text("message"), 200),
            "Remedy": formats.cut(row.text("remedy"), 200),
        }
        for row in rows
    ])  # fmt: skip
    column = st.column_config
    st.dataframe(
        frame, key="table-left", hide_index=True, row_height=_ROW_HEIGHT, placeholder=formats.MISSING,
        alt="Letters that stay, by reason", height=_ROW_HEIGHT * (min(len(frame), 8) + 1) + 8,
        column_config={name: column.TextColumn(width="medium") for name in ("Why", "Remedy")},
    )  # fmt: skip

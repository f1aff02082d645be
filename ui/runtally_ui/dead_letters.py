"""What was refused and why: counted by reason, listed page by page, with what publishes it again."""

from typing import Any

import pandas as pd
import streamlit as st
from pydantic import Field

from runtally_ui import formats, own_fields, replaying, rights
from runtally_ui.answers import QueryAnswer, QueryRow, RunPage
from runtally_ui.api_client import LETTERS_PATH, ApiError
from runtally_ui.cards import card, downloads, failure, query_card
from runtally_ui.instants import wall_clock
from runtally_ui.page import Asked, Page
from runtally_ui.paging import Place, page_buttons, place
from runtally_ui.questions import Get

PAGE_SIZE = 20
_ROW_HEIGHT = 32
_WITHOUT, _WITH = "Without values", "With values"


class LetterPage(RunPage):
    """`GET /api/v1/dead-letters`."""

    reasons: list[dict[str, Any]] = Field(default_factory=list)
    replay_refused_because: str | None = None


def question(asked: Asked) -> Get:
    """A page of them; by when they were refused, whatever the other filters."""
    shown = (("with_values", "true"),) if _with_values() else ()
    params = (*asked.period.params(), *shown, ("limit", str(PAGE_SIZE)), *_place(asked).params)
    return Get(LETTERS_PATH, params, LetterPage)


def letters_cards(page: Page, answer: LetterPage | ApiError) -> None:
    """Reasons, then letters."""
    reasons = answer if isinstance(answer, ApiError) else QueryAnswer(data=answer.reasons)
    told = "By topic and field at fault, the most frequent first; only the range counts here"
    with query_card("reasons", "Dead letters by reason", reasons, lambda _: told) as found:
        if found is not None and not found.data:
            st.markdown(":green[● None]: no record of this range was refused, or none that you may see.")
        elif found is not None:
            _reasons(page, found)
            if not isinstance(answer, ApiError):
                replaying.replay_part(page, found.rows, answer.replay_refused_because)
            _by_hand(found)
    _letters(page, answer)


def replay_command(row: QueryRow) -> str:
    """What publishes the letters of a reason again, as far as they are accepted now; first only told."""
    field = row.text("field") or "record"
    return f"runtally dlq replay --topic {row.text('topic')} --field {field} --dry-run"


def _reasons(page: Page, found: QueryAnswer) -> None:
    zone = page.asked.period.timezone
    frame = pd.DataFrame([
        {
            "Topic": row.text("topic"), "Field": row.text("field") or "(record)", "Letters": row.number("letters"),
            "For example": formats.cut(row.text("example"), 160), "First": wall_clock(row.text("first_at"), zone),
            "Last": wall_clock(row.text("last_at"), zone),
        }
        for row in found.rows
    ])  # fmt: skip
    _draw("reasons", frame, ("First", "Last"), "Dead letters by reason")


def _by_hand(found: QueryAnswer) -> None:
    st.caption("Mended the sender, or deployed a consumer that accepts them? This tells what would pass; without "
               "`--dry-run` it publishes them again, oldest first. Repeating it changes no answer.")  # fmt: skip
    st.code("\n".join(replay_command(row) for row in found.rows[:3]), language="bash")


def _letters(page: Page, answer: LetterPage | ApiError) -> None:
    with card("letters", "Newest dead letters", "The dead-letter topic keeps them whole"):
        if rights.may(rights.EXPORT):
            own_fields.choice_of("values", "Values", [_WITHOUT, _WITH], 170)
        if isinstance(answer, ApiError):
            failure(answer, "letters")
            return
        if not answer.data:
            st.caption("No dead letter in this range.")
            return
        zone = page.asked.period.timezone
        _draw("letters", pd.DataFrame([_row(row, zone) for row in answer.rows]), ("Refused",), "Newest dead letters")
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            page_buttons(_place(page.asked), answer.next_cursor if answer.has_more else None, "Older", "Newer")
            downloads("letters", answer)


def _row(row: QueryRow, zone: str) -> dict[str, object]:
    shown = {"Key": formats.cut(row.text("key"), 60), "Value": formats.cut(row.text("value"), 400)}
    return {
        "Refused": wall_clock(row.text("recorded_at"), zone),
        "Topic": row.text("topic"),
        "Partition": row.number("partition"),
        "Offset": row.number("offset"),
        "Field": row.text("field") or "(record)",
        "Why": formats.cut(row.text("message"), 200),
        "Bytes": row.number("value_bytes"),
        **(shown if _with_values() else {}),
    }


def _draw(key: str, frame: pd.DataFrame, times: tuple[str, ...], shows: str) -> None:
    column = st.column_config
    st.dataframe(
        frame, key=f"table-{key}", hide_index=True, row_height=_ROW_HEIGHT, placeholder=formats.MISSING, alt=shows,
        height=_ROW_HEIGHT * (min(len(frame), PAGE_SIZE) + 1) + 8,
        column_config={
            **{name: column.DatetimeColumn(format="D MMM YYYY, HH:mm:ss", width=160) for name in times},
            **{name: column.TextColumn(width="large") for name in ("Why", "For example", "Value")},
        },
    )  # fmt: skip


def _with_values() -> bool:
    # Without the right a link may still say so.
    return rights.may(rights.EXPORT) and own_fields.choice("values", [_WITHOUT, _WITH]) == _WITH


def _place(asked: Asked) -> Place:
    # A relative range moves on with the clock; the place in its list stays.
    period = (asked.period.preset, asked.period.timezone) if asked.period.preset else asked.period
    return place("letters", (period, _with_values()))

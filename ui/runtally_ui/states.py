"""What a page says when it has nothing to draw: why, and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from runtally_ui import formats, rights
from runtally_ui.answers import DataRange, QueryAnswer
from runtally_ui.api_client import ApiError, Forbidden, Refused
from runtally_ui.emptiness import Widening, load_widenings, whole_range
from runtally_ui.filter_bar import clear_filter, clear_filters, show_period, show_period_unfiltered
from runtally_ui.filters import Filters, filter_word
from runtally_ui.page import Page
from runtally_ui.periods import Period, newest_days
from runtally_ui.roster import RANKING_DAYS

_TILE_HEIGHT, _NOTE_HEIGHT, _CARD_HEIGHT = 134, 22, 372


def loading() -> None:
    """Blocks of the final heights, so that nothing jumps when the answers arrive."""
    with st.grid(6, min_column_width=165, gap="small"):
        for _ in range(6):
            st.skeleton(height=_TILE_HEIGHT)
    st.space(_NOTE_HEIGHT)
    st.skeleton(height=_CARD_HEIGHT)
    with st.grid(2, min_column_width=420, gap="small"):
        for _ in range(4):
            st.skeleton(height=_CARD_HEIGHT)


def stands(page: Page, totals: QueryAnswer | ApiError, pinned: Sequence[str] = ()) -> bool:
    """Whether there is anything to draw, judged by the page's `totals`; if not, this draws why. What is `pinned` is
    the page's own matter and no filter that could be widened.
    """
    if isinstance(totals, ApiError):
        failing(totals)
        return False
    if totals.total.number("runs"):
        return True
    everywhere = whole_range(page.api, page.asked.period)
    if isinstance(everywhere, ApiError):
        failing(everywhere)
    elif everywhere is None:
        empty_store(page.api.base_url, page.asked.now)
    else:
        _nothing_matches(page, totals, everywhere, pinned)
    return False


def _nothing_matches(page: Page, totals: QueryAnswer, everywhere: DataRange, pinned: Sequence[str]) -> None:
    asked, found = page.asked, totals.meta.data_range
    widenings = [] if found else load_widenings(page.api, asked.period, asked.filters, pinned)
    empty_filter(Emptiness(asked.period, asked.filters, found, everywhere, widenings))


def failing(error: ApiError) -> None:
    """The API's own words. The filters stay as they are; Retry asks again."""
    with _card("state-failing"):
        st.markdown(f"##### :red[:material/error:] {formats.escaped(error.title)}", text_alignment="center")
        if error.detail:
            st.markdown(formats.unlinked(error.detail), text_alignment="center")
        for remark in error.remarks:
            st.markdown(formats.unlinked(remark), text_alignment="center")
        advice = "Your filters are kept."
        if isinstance(error, Forbidden):
            advice = "Ask who runs this API for the right to see it. Your filters are kept."
        elif isinstance(error, Refused):
            advice = "Change the range or a filter."
        request = f" Request {formats.escaped(error.request_id)}." if error.request_id else ""
        st.caption(f"{advice}{request}", text_alignment="center")
        st.button("Retry", type="primary", icon=":material/refresh:", key="retry")


def no_rights(permission: str) -> None:
    """In the place of a page that a link opened for somebody who may not see it."""
    with _card("state-no-rights"):
        st.markdown("##### :material/lock: You have no right to see this page", text_alignment="center")
        told = f"It needs the permission `{permission}`. Ask who runs this API for it."
        st.markdown(told, text_alignment="center")
        st.button("Check again", key="check-rights", icon=":material/refresh:")


def empty_store(api_url: str, now: datetime) -> None:
    """No run was ever published: the lines that publish the first one, for those who may."""
    with _card("state-empty-store"):
        st.markdown("##### :primary[:material/rocket_launch:] No runs yet", text_alignment="center")
        if not rights.may(rights.INGEST):
            st.markdown("None was published into a workspace that you may see.", text_alignment="center")
            st.button("Check again", type="primary", icon=":material/refresh:", key="check-again")
            return
        st.markdown("Publish the first run, then check again.", text_alignment="center")
        with st.container(width=720):
            st.code(first_run_command(api_url, now), language="bash", wrap_lines=True)
        st.caption(
            "The same fields over Kafka: topic `agent-runs.v1`, one JSON object a record.",
            text_alignment="center",
        )
        st.button("Check again", type="primary", icon=":material/refresh:", key="check-again")


@dataclass(frozen=True)
class Emptiness:
    """Runs exist, but not these. `found` is where the runs that match the filters lie, whatever the
    range, `everywhere` where any runs lie; None where there are none.
    """

    period: Period
    filters: Filters
    found: DataRange | None
    everywhere: DataRange | None
    widenings: Sequence[Widening]


def empty_filter(empty: Emptiness) -> None:
    """Which filter to widen, and the newest days that do hold runs."""
    with _card("state-empty-filter"):
        st.markdown("##### :primary[:material/filter_alt_off:] No runs match", text_alignment="center")
        span = f"{formats.day_span(empty.period.first, empty.period.last)}, {empty.period.timezone}"
        chosen = [_filter_sentence(name, empty.filters) for name in empty.filters.active()]
        st.caption(formats.escaped(" · ".join([*chosen, span])), text_alignment="center")
        for sentence in widening_sentences(empty):
            st.markdown(sentence, text_alignment="center")
        with st.container(horizontal=True, horizontal_alignment="center"):
            _ways_out(empty)


def widening_sentences(empty: Emptiness) -> list[str]:
    """What stands between the reader and runs: the range, one filter, or only all of them together."""
    if empty.found is not None:
        newest = formats.escaped(formats.instant(empty.found.last, empty.period.timezone))
        subject = "runs that match the filters" if empty.filters.active() else "runs"
        return [f"Widen the **range**: {subject} lie outside it, the newest began {newest}."]
    sentences = [_widening_sentence(widening) for widening in empty.widenings]
    return [text for text in sentences if text] or ["No single filter is to blame: clear them together."]


def newest_with_runs(found: DataRange, timezone: str) -> Period:
    """The newest thirty days that hold runs."""
    return newest_days(found.last.astimezone(ZoneInfo(timezone)).date(), RANKING_DAYS, timezone)


def first_run_command(api_url: str, now: datetime) -> str:
    """A shell line that publishes one run that ended a moment ago."""
    started = now.replace(microsecond=0, tzinfo=None).isoformat()
    return (
        f"curl -X POST {api_url}/api/v1/runs -H 'content-type: application/json' -d '"
        '{"run_id": "hello-1", "workspace_id": "acme", "agent_id": "planner", '
        f'"status": "succeeded", "started_at": "{started}Z", '
        '"duration_ms": 1840, "model": "gpt-5", "input_tokens": 1200, "output_tokens": 340, '
        '"cost_usd": "0.0042"}\''
    )


def _filter_sentence(dimension: str, filters: Filters) -> str:
    if dimension == "root_only":
        return "root runs only"
    return f"{filter_word(dimension)} {', '.join(filters.values(dimension))}"


def _widening_sentence(widening: Widening) -> str:
    if widening.runs:
        verb = "matches" if widening.runs == 1 else "match"
        return f"Widen **{filter_word(widening.dimension)}**: without it {formats.plural(widening.runs, 'run')} {verb}."
    if widening.data_range is not None:
        return f"Widen **{filter_word(widening.dimension)}** and the range: without it runs of other days match."
    return ""


def _ways_out(empty: Emptiness) -> None:
    for widening in empty.widenings:
        if widening.runs:
            st.button(
                f"Clear {filter_word(widening.dimension)}", key=f"widen-{widening.dimension}", type="primary",
                on_click=clear_filter, args=(widening.dimension,),
            )  # fmt: skip
    found = empty.found or empty.everywhere
    if found is not None:
        newest = newest_with_runs(found, empty.period.timezone)
        what = "" if empty.found or not empty.filters.active() else "all runs, "
        st.button(
            f"Show {what}{formats.day_span(newest.first, newest.last)}", key="newest-days",
            type="primary" if empty.found else "secondary", icon=":material/event:",
            help="The newest 30 days that hold runs.",
            on_click=show_period if empty.found else show_period_unfiltered, args=(newest,),
        )  # fmt: skip
    if empty.filters.active():
        st.button("Clear all filters", key="clear-all", on_click=clear_filters)


def _card(key: str) -> DeltaGenerator:
    return st.container(border=True, key=key, horizontal_alignment="center", vertical_alignment="center", height=420)

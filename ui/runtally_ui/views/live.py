"""Live: what is under way this minute. It asks anew every few seconds; the bar's filters hold, its range does not."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import streamlit as st
from pydantic import Field

from runtally_ui import drilling, formats, states
from runtally_ui.answers import Answer, QueryAnswer, QueryMeta, QueryRow, RunPage
from runtally_ui.api_client import REALTIME_PATH, RUNS_PATH, ApiError
from runtally_ui.cards import card, downloads, failure
from runtally_ui.page import Asked, Page
from runtally_ui.periods import Period
from runtally_ui.questions import Answers, Get, Query, Question
from runtally_ui.run_table import run_table
from runtally_ui.sentences import subtitle
from runtally_ui.tiles import Tile, draw_failed_tiles, draw_tiles
from runtally_ui.trend_card import TrendOptions, trend_card

MINUTES = 60
NEWEST = 15
_DAY, _YEAR = timedelta(days=1), timedelta(days=365)


class Realtime(Answer):
    """`GET /api/v1/metrics/execution/realtime`."""

    now: dict[str, Any] = Field(default_factory=dict)
    last_minute: dict[str, Any] = Field(default_factory=dict)
    last_five_minutes: dict[str, Any] = Field(default_factory=dict)
    meta: QueryMeta = QueryMeta()


@dataclass(frozen=True)
class List:
    """A list of runs in a state. `nothing` is said where none is in it."""

    key: str
    title: str
    caption: str
    nothing: str
    statuses: tuple[str, ...]
    without: tuple[str, ...]


_OF_THE_END = ("Duration", "Cost", "Tokens", "LLM calls", "Error", "Message")
LISTS = (
    List("failures", "Latest failures", "Of the last 24 hours", "No run of the last 24 hours failed or timed out.",
         ("failed", "timed_out"), ("LLM calls", "Tokens", "Cost")),
    List("under-way", "Under way", "Running or queued, whenever they started", "Nothing is running or queued.",
         ("running", "queued"), _OF_THE_END),
    List("stalled", "Stalled", "Still running long after their start: nobody said how they ended",
         "No run has stalled.", ("stalled",), _OF_THE_END),
)  # fmt: skip


def questions(asked: Asked) -> Mapping[str, Question]:
    """All of the page, asked together, whatever the range of the bar."""
    minutes = Query(_last_hour(asked), asked.filters, ("runs", "errors"), granularity="minute")
    found: dict[str, Question] = {"now": Get(REALTIME_PATH, asked.filters.params(), Realtime), "minutes": minutes}
    for shown in LISTS:
        statuses = _statuses(asked, shown)
        if statuses:
            params = replace(asked.filters, status=statuses).params()
            since = _newest(asked, _DAY).params() if shown.key == "failures" else ()
            found[shown.key] = Get(RUNS_PATH, (*since, *params, ("limit", str(NEWEST))), RunPage)
    return found


def draw(page: Page, answers: Answers) -> None:
    """Tiles, the last hour by minute, then runs by state."""
    drilling.follow(page)
    minutes = answers.query("minutes")
    now = answers.get("now", Realtime)
    if isinstance(minutes, ApiError) and isinstance(now, ApiError):
        states.failing(now)
        return
    if isinstance(minutes, QueryAnswer) and minutes.meta.data_range is None:
        # Nothing whenever: an empty store, or filters that let nothing through.
        states.stands(page, QueryAnswer(data=[], meta=minutes.meta))
        return
    if isinstance(now, ApiError):
        draw_failed_tiles(now)
    else:
        draw_tiles(_tiles(now))
    hidden = subtitle(page.asked.filters)
    told = "These filters hold, and no range: this is now"
    st.container(key="notes").caption(" · ".join(part for part in (told, hidden) if part))
    of_hour = replace(page, asked=replace(page.asked, period=_last_hour(page.asked)))
    trend_card(
        of_hour, "live-runs", "Runs started, minute by minute", minutes, "runs",
        TrendOptions(sums=True, switches=False, beside=("errors",), nothing="No run started in the last hour."),
    )  # fmt: skip
    for shown in LISTS:
        _list(page, answers, shown)


def _tiles(answer: Realtime) -> list[Tile]:
    now, five, minute = (QueryRow(cells=cells) for cells in (answer.now, answer.last_five_minutes, answer.last_minute))
    rate = five.number("failure_rate")
    return [
        _tile("Running", now.number("running"), "under way, not stalled"),
        _tile("Queued", now.number("queued"), "wait to start"),
        _tile("Stalled", now.number("stalled"), "running for too long"),
        _tile("Started in five minutes", five.number("runs"), f"{_count(minute.number('runs'))} in the last one"),
        _tile("Failed of these", five.number("errors"),
              "none has ended yet" if rate is None else f"{formats.share(rate)} of the ended ones"),
        _tile("Runs a minute", five.number("runs_per_minute"), "mean of five minutes"),
    ]  # fmt: skip


def _tile(label: str, value: float | None, rests_on: str) -> Tile:
    return Tile(label, formats.figure(value, "count"), None, "off", "gray", "", rests_on, "")


def _count(value: float | None) -> str:
    return formats.figure(value, "count")


def _list(page: Page, answers: Answers, shown: List) -> None:
    if not _statuses(page.asked, shown):
        with card(shown.key, shown.title, shown.caption):
            st.caption(f"The filters leave {' and '.join(shown.statuses).replace('_', ' ')} runs out.")
        return
    answer = answers.get(shown.key, RunPage)
    if isinstance(answer, ApiError):
        with card(shown.key, shown.title, shown.caption):
            failure(answer, shown.key)
        return
    newest = f" · the newest {NEWEST}" if answer.has_more else ""
    with card(shown.key, shown.title, f"{shown.caption}{newest}"):
        if not answer.data:
            st.caption(shown.nothing)
            return
        run_table(shown.key, answer.rows, page.palette, page.asked.period.timezone, drilling.open_run,
                  without=shown.without, shown_rows=NEWEST)  # fmt: skip
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            _all_of_them(page, shown)
            downloads(shown.key, answer)


def _all_of_them(page: Page, shown: List) -> None:
    if drilling.RUNS_PAGE in page.pages:
        period = _newest(page.asked, _DAY if shown.key == "failures" else _YEAR)
        st.page_link(
            page.pages[drilling.RUNS_PAGE], label="Open them in Runs", icon=":material/arrow_forward:",
            query_params=drilling.behind(page, period, {"status": _statuses(page.asked, shown)}),
        )  # fmt: skip


def _statuses(asked: Asked, shown: List) -> tuple[str, ...]:
    """Those of the list that the filter lets through."""
    return tuple(status for status in shown.statuses if not asked.filters.status or status in asked.filters.status)


def _last_hour(asked: Asked) -> Period:
    return _newest(asked, timedelta(minutes=MINUTES))


def _newest(asked: Asked, length: timedelta) -> Period:
    """What ends with the running minute."""
    zone = asked.period.start.tzinfo
    end = asked.now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return Period((end - length).astimezone(zone), end.astimezone(zone), asked.period.timezone)

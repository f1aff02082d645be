"""The figures at the top of a page: value, change against the period compared with, and what they rest on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

import streamlit as st

from runtally_ui import formats
from runtally_ui.answers import QueryAnswer
from runtally_ui.api_client import ApiError
from runtally_ui.catalogue import MeasureBook, change_words, judgement, label
from runtally_ui.page import Asked

NOT_AVAILABLE = "N/A"
"""Always beside the reason. Where there is no room for one (cells, ends of bars, sentences) it is `formats.MISSING`."""
ENOUGH_RUNS = 20
"""Below this many runs in either period a change would be noise."""

_REASONS = {
    "money": "no run has a known cost",
    "duration": "no run has a known duration",
    "share": "no run to compute it from",
}
_RATE_REASONS = {
    "success_rate": "no run has ended yet",
    "failure_rate": "no run has ended yet",
    "cache_hit_rate": "no run reports its cache",
    "recovery_rate": "no run has an error type",
    "cost_per_success_usd": "no run has succeeded",
    "mean_time_to_recovery_ms": "no run says how long recovery took",
}

_OF_KNOWN_COST = {"cost_per_run_usd": "of runs of known cost", "cost_per_success_usd": "all known cost, by success"}
"""How much of the cost is known stands under the cost."""


@dataclass(frozen=True)
class Tile:
    """One figure. `change` is None when there is nothing sound to compare with; `versus` then says why."""

    label: str
    value: str
    change: str | None
    arrow: Literal["up", "down", "off"]
    colour: Literal["green", "red", "gray"]
    versus: str
    rests_on: str
    explanation: str


def measure_tile(name: str, answer: QueryAnswer, asked: Asked, book: MeasureBook, rests_on: str = "") -> Tile:
    """The tile of one measure of a `totals` question. `rests_on` replaces the note on what is known."""
    now, then = answer.total.number(name), answer.total.earlier(name)
    form = book.format(name)
    obstacle = no_comparison(answer, asked) or ("no earlier figure" if then is None or now is None else "")
    change = None if obstacle or now is None or then is None else change_text(name, form, now, then)
    rise = (now or 0) - (then or 0)
    good = {"more is better": rise > 0, "more is worse": rise < 0}.get(judgement(name))
    equal = change == "no change"
    if change is None and not obstacle:
        obstacle = "nothing to compare with: it was 0"
    return Tile(
        label=label(name),
        value=NOT_AVAILABLE if now is None else formats.figure(answer.total.exact(name), form),
        change=change,
        arrow="off" if equal or change is None else "up" if rise > 0 else "down",
        colour="gray" if equal or good is None else "green" if good else "red",
        versus=obstacle if change is None else asked.versus,
        rests_on=_reason(name, form) if now is None else rests_on or _known(name, answer),
        explanation=book.help(name),
    )


def missing_tile(label: str, reason: str) -> Tile:
    """The place of a figure that there is none of."""
    return Tile(label, NOT_AVAILABLE, None, "off", "gray", "", reason, "")


def draw_tiles(tiles: Sequence[Tile]) -> None:
    """In a row, as many as fit."""
    with st.grid(len(tiles), min_column_width=165, gap="small", key="tiles"):
        for number, tile in enumerate(tiles):
            with st.container(border=True, key=f"tile-{number}", height="stretch", gap="xxsmall"):
                _draw_tile(tile)


def draw_failed_tiles(error: ApiError) -> None:
    """One frame where the tiles would be."""
    with st.container(border=True, key="tile-failed"):
        st.markdown(f":red[:material/error:] **{formats.escaped(error.title)}**")
        st.caption(formats.escaped(error.detail or "The figures could not be loaded."))


def _draw_tile(tile: Tile) -> None:
    st.metric(
        tile.label,
        formats.escaped(tile.value),
        tile.change,
        delta_color=tile.colour,
        delta_arrow=tile.arrow,
        help=formats.escaped(tile.explanation) or None,
    )
    lines = [formats.escaped(line) for line in (tile.versus, tile.rests_on) if line]
    if lines:
        st.caption("  \n".join(lines))


def no_comparison(answer: QueryAnswer, asked: Asked) -> str:
    """Why no figure of this answer has a change; empty when each may."""
    before = asked.before
    if before is None:
        return "no comparison"
    then = answer.total.earlier("runs")
    if not then:
        return "no earlier runs"
    if answer.meta.data_range is not None:
        begun = answer.meta.data_range.first.astimezone(ZoneInfo(before.timezone))
        if before.first < begun.date() <= before.last:
            return f"runs begin {formats.short_day(begun.date())}"
    if min(answer.total.number("runs") or 0, then) < ENOUGH_RUNS:
        return f"too few runs to compare (under {ENOUGH_RUNS})"
    return ""


def change_text(name: str, form: str, now: float, then: float) -> str | None:
    """`20% slower`, of a share `1.2 pp higher`; None where there is nothing to divide by."""
    more, less = change_words(name, form)
    change = (now - then) * 100 if form == "share" else (now - then) / then * 100 if then else None
    if change is None:
        return "no change" if now == then else None
    if abs(change) < 0.05:
        return "no change"
    word = more if change > 0 else less
    size = abs(change)
    if form == "share":
        return f"{size:.1f} pp {word}"
    return f"{size:,.0f}% {word}" if size >= 10 else f"{size:.1f}% {word}"


def _known(name: str, answer: QueryAnswer) -> str:
    if name in _OF_KNOWN_COST:
        return _OF_KNOWN_COST[name]
    known = answer.meta.known(name)
    if known is None or known.runs == 0:
        return ""
    return f"known for {formats.share(known.known / known.runs)} of runs"


def _reason(name: str, form: str) -> str:
    return _RATE_REASONS.get(name) or _REASONS.get(form, "no run reports it")

"""A trend in its frame: caption, switches, drawing, clicks and drags, downloads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from runtally_ui import drilling, rights
from runtally_ui.answers import QueryAnswer
from runtally_ui.api_client import ApiError
from runtally_ui.cards import not_available, query_card
from runtally_ui.catalogue import label
from runtally_ui.drawing import Drawing, draw_chart, drawing
from runtally_ui.page import Page
from runtally_ui.sentences import subtitle, trend_caption
from runtally_ui.trend_data import Series, steps, trend_frame
from runtally_ui.trends import HEIGHT, SELECTIONS, Look, bar_trend, line_trend
from runtally_ui.version_marks import Sight, with_marks

_UNITS = {"money": "USD"}
_MEAN = (
    "The mean of the seven days up to a step, from the step on at which the range is seven days old: "
    "a shorter range has none."
)
_BAND = (
    "Band: the mean of the seven ordinary steps before, give or take two standard deviations; before the eighth step "
    "there is none. Diamonds lie beyond it, with 20 runs or more; the running step is not judged."
)


@dataclass(frozen=True)
class TrendOptions:
    """How a trend is drawn. `sums` is for measures that add up: bars, else a line; `note` ends the caption, `hides` is
    what a status filter hides of it, such as `the cost`; `nothing` says why there may be no figure at all; `of_runs`
    is what the runs behind a step are besides, such as failed. `beside` are measures for the tooltip, `versions` first
    sights to mark (None: not even their layers are drawn).
    """

    sums: bool = False
    second: str | None = None
    colour: str = "primary"
    target: float | None = None
    switches: bool = True
    note: str = ""
    hides: str = ""
    nothing: str = "No run in this period reports it."
    height: int = HEIGHT
    of_runs: Mapping[str, drilling.Values] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    versions: Sequence[Sight] | None = None


@dataclass(frozen=True)
class Part:
    """Whose part of a stacked bar was clicked: what it is called, and what its runs are narrowed by."""

    name: str = ""
    narrowed: Mapping[str, drilling.Values] | None = None


def trend_card(
    page: Page,
    key: str,
    title: str,
    answer: QueryAnswer | ApiError,
    measure: str,
    options: TrendOptions | None = None,
) -> None:
    """One measure over time, perhaps with a second one, from an answer of `Asked.trend`."""
    how = options or TrendOptions()

    def caption(found: QueryAnswer) -> str:
        what = _UNITS.get(page.measures.format(measure), "")
        note = " · ".join(part for part in (how.note, subtitle(page.asked.filters, how.hides)) if part)
        return " · ".join(part for part in (trend_caption(found, page.asked, what), note) if part)

    drawn = ("runs", measure, *((how.second,) if how.second else ()), *how.beside)
    of_chart = answer if isinstance(answer, ApiError) else answer.only(*drawn)
    with query_card(key, title, of_chart, caption, help_text=page.measures.help(measure)) as found:
        if found is None:
            return
        if all(row.number(measure) is None for row in found.rows):
            not_available(how.nothing, height=how.height)
            return
        _draw(page, key, title, found, measure, how)


def _draw(page: Page, key: str, title: str, answer: QueryAnswer, measure: str, how: TrendOptions) -> None:
    first = _series(page, measure)
    second = _series(page, how.second) if how.second else None
    beside = [_series(page, name) for name in how.beside]
    frame = trend_frame(answer, first, page.asked.now, second, beside)
    if how.versions is not None:
        frame = with_marks(frame, steps(answer.rows, answer.meta.granularity, page.asked.now), how.versions)
    rolling, outliers = switched_on(key)
    look = Look(
        how.colour, rolling, outliers, how.target, marked=how.versions is not None,
        beside=tuple(one.title for one in beside), height=how.height,
    )  # fmt: skip
    drawn = drawing(bar_trend if how.sums else line_trend, frame, first, second, look)
    draw_selectable(page, key, title, drawn, answer, how.of_runs)
    if how.switches:
        draw_switches(key)


def draw_selectable(
    page: Page,
    key: str,
    title: str,
    drawn: Drawing,
    answer: QueryAnswer,
    of_runs: Mapping[str, drilling.Values],
    whose: Callable[[Mapping[str, Any]], Part] | None = None,
) -> None:
    """A chart over time with the selections `step` and `zoom`; under it, what was clicked, and the way to its runs.

    `whose` says whose part of a bar a clicked mark is, where its series are no agents.
    """
    times = steps(answer.rows, answer.meta.granularity, page.asked.now)
    # A zoom is over when its range is asked for: the next chart has no brush left over.
    chart_key = f"chart-{key}-{st.session_state.get('zooms', 0)}"
    draw_chart(
        drawn, key=chart_key, shows=title, selections=SELECTIONS,
        on_select=lambda: drilling.zoom_callback(chart_key, times),
    )  # fmt: skip
    mark = drilling.clicked(chart_key, "step")
    period = drilling.step_period(str(mark["key"]), times, page.asked.period.timezone) if mark else None
    if mark is None or period is None:
        return
    clicked = next(step for step in times if step.start.isoformat() == mark["key"])
    part = whose(mark) if whose else agent_part(page, mark)
    title = f"{clicked.text} · {part.name}" if part.name else clicked.text
    within = period.within(page.asked.period)
    drilling.runs_behind(page, key, title, within, narrowed=part.narrowed, of_runs=of_runs)


def agent_part(page: Page, mark: Mapping[str, Any]) -> Part:
    """Whose part it is where the series are agents; of nobody where the bars are not stacked."""
    if "series" not in mark:
        return Part()
    agent = clicked_agent(page, mark)
    if not any(agent):
        return Part("all agents")
    return Part(page.palette.name(*agent), dict(zip(("workspace_id", "agent_id"), agent, strict=True)))


def clicked_agent(page: Page, mark: Mapping[str, Any]) -> tuple[str, ...]:
    """Whose part of a stacked bar was clicked; nobody's where several agents share it."""
    palette = page.palette
    found = [key for key in palette.slots if "series" in mark and palette.series(*key) == mark["series"]]
    return found[0] if len(found) == 1 else ("", "")


def switched_on(key: str) -> tuple[bool, bool]:
    """Whether the mean of seven days, and the points beyond two sigma, are to be drawn."""
    return bool(st.session_state.get(f"rolling-{key}")), bool(st.session_state.get(f"outliers-{key}"))


def draw_switches(key: str, of_outliers: str = _BAND) -> None:
    """Drawn under the chart, which reads them from the session. `of_outliers` says what the second one shows."""
    # Beside the downloads, or in a row of their own for those who get none.
    beside = "" if rights.may(rights.EXPORT) else "own-row-of-"
    with st.container(horizontal=True, key=f"{beside}switches-{key}", gap="small"):
        st.checkbox("7-day mean", key=f"rolling-{key}", help=_MEAN)
        st.checkbox("Beyond 2σ", key=f"outliers-{key}", help=of_outliers)


def _series(page: Page, measure: str) -> Series:
    return Series(measure, page.measures.format(measure), label(measure))

"""The parts of the page Errors that are bars or the heatmap: errors by type, group, hour; and recovery."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from runtally_ui import drilling, formats
from runtally_ui.answers import QueryAnswer, QueryRow
from runtally_ui.api_client import ApiError
from runtally_ui.cards import not_available, query_card
from runtally_ui.catalogue import label
from runtally_ui.drawing import draw_chart, drawing
from runtally_ui.error_bars import bars_height, error_bars, error_bars_frame
from runtally_ui.error_table import NO_TYPE, error_name
from runtally_ui.filters import Filters
from runtally_ui.page import Page
from runtally_ui.ranking import ranked_bars, ranking_frame
from runtally_ui.sentences import subtitle
from runtally_ui.trend_data import Series
from runtally_ui.week_hours import HEIGHT, greatest_hour, hour_words, week_hours_chart, week_hours_frame

WITH_ERRORS = (("has_error", "in", (True,)),)
KEY_TO_BARS = ":red[▲ failed or timed out]  :gray[■ with an error, but did not fail]"
SEPARATOR = "\u241f"
_BY_HOUR = {"Failed runs": "errors", "Failure rate": "failure_rate"}


@dataclass(frozen=True)
class Groups:
    """A card of errors by group. `name` is a group's name, `identity` tells it from the others; `behind` draws the way
    to the runs of the group that was clicked. `with_errors` is the answer's name for the count of runs with errors.
    """

    key: str
    title: str
    caption: str
    name: Callable[[QueryRow], str]
    identity: Callable[[QueryRow], str]
    behind: Callable[[QueryRow], None]
    with_errors: str = "runs_with_errors"
    titles: Sequence[str] = ("Failed or timed out", "With an error", "Failure rate", "Runs")
    rows: int = 10
    explained: str = "runs_with_errors"


def groups_card(page: Page, answer: QueryAnswer | ApiError, how: Groups) -> None:
    """Bars of a group's runs with errors, red as far as they failed."""

    def caption(_: QueryAnswer) -> str:
        hidden = subtitle(page.asked.filters)
        return " · ".join(part for part in (KEY_TO_BARS, how.caption, hidden) if part)

    told = page.measures.help(how.explained)
    with query_card(how.key, how.title, answer, caption, help_text=told) as found:
        if found is None:
            return
        frame = error_bars_frame(found, how.name, how.identity, how.with_errors)
        height = bars_height(how.rows)
        if frame.empty:
            not_available("No run in this period has an error.", height=height)
            return
        key = f"chart-{how.key}"
        drawn = drawing(error_bars, frame, height=height, titles=how.titles)
        draw_chart(drawn, key=key, selections=["group"], shows=how.title)
        mark = drilling.clicked(key, "group")
        chosen = next((row for row in found.rows if mark and not row.other and how.identity(row) == mark["key"]), None)
        if chosen is not None:
            how.behind(chosen)


def failing(filters: Filters) -> tuple[str, ...]:
    """The statuses of failed runs that the filters let through."""
    return tuple(status for status in ("failed", "timed_out") if not filters.status or status in filters.status)


def hours_card(page: Page, answer: QueryAnswer | ApiError) -> None:
    """When runs fail, by the clock of the question."""
    zone = page.asked.period.timezone.replace("_", " ")
    chosen = str(st.session_state.get("shown-hours") or next(iter(_BY_HOUR)))
    measure = _BY_HOUR[chosen]

    def caption(found: QueryAnswer) -> str:
        peak = greatest_hour(found, measure)
        parts = [f"By hour and weekday, {formats.escaped(zone)}"]
        if peak is not None:
            figure = formats.figure(peak.exact(measure), page.measures.format(measure))
            parts.append(f"most: {hour_words(peak)}, {figure}{_rests_on(peak, measure)}")
        parts.append(subtitle(page.asked.filters))
        return " · ".join(part for part in parts if part)

    with query_card("hours", "When runs fail", answer, caption, help_text=page.measures.help(measure)) as found:
        if found is None:
            return
        st.segmented_control("Shown", list(_BY_HOUR), default=next(iter(_BY_HOUR)), required=True, key="shown-hours",
                             label_visibility="collapsed")  # fmt: skip
        if not found.data:
            not_available("No run in this period.", height=HEIGHT)
            return
        series = {name: Series(name, page.measures.format(name), label(name)) for name in (*_BY_HOUR.values(), "runs")}
        beside = tuple(one for name, one in series.items() if name != measure)
        frame = week_hours_frame(found, series[measure], beside)
        drawn = drawing(week_hours_chart, frame, tuple(one.title for one in (series[measure], *beside)))
        draw_chart(drawn, key="chart-hours", selections=["cell"], shows="Failed runs by hour and weekday")
        mark = drilling.clicked("chart-hours", "cell")
        row = next((row for row in found.rows if mark and _same_hour(row, QueryRow(cells=dict(mark)))), None)
        if row is not None:
            _runs_of_hour(page, row)


def _same_hour(row: QueryRow, mark: QueryRow) -> bool:
    return not row.other and all(row.number(name) == mark.number(name) for name in ("weekday", "hour"))


def _runs_of_hour(page: Page, row: QueryRow) -> None:
    statuses = failing(page.asked.filters)
    if not statuses:
        st.caption(f"**{hour_words(row)}**: the filters leave failed and timed-out runs out.")
        return
    of_runs = {name: str(int(row.number(name) or 0)) for name in ("weekday", "hour")}
    drilling.runs_behind(page, "hours", hour_words(row), of_runs={**of_runs, "status": statuses},
                         runs=int(row.number("errors") or 0))  # fmt: skip


def _rests_on(row: QueryRow, measure: str) -> str:
    runs = formats.full_count(int(row.number("runs") or 0))
    return f" of {runs} runs" if measure == "errors" else f" ({runs} runs)"


def recovery_card(page: Page, types: QueryAnswer | ApiError) -> None:
    """Of which errors runs recover, and how long that takes."""

    def words(row: QueryRow) -> str:
        took = row.number("mean_time_to_recovery_ms")
        share = formats.share(row.number("recovery_rate"))
        return share if took is None else f"{share} · {formats.duration(took)}"

    def caption(_: QueryAnswer) -> str:
        return "Recovered, of the runs with that error · mean time that it took"

    with query_card(
        "recovery", "Recovery by error type", types, caption, help_text=page.measures.help("recovery_rate")
    ) as found:
        if found is None:
            return
        series = Series("recovery_rate", "share", label("recovery_rate"))
        frame = ranking_frame(found, series, "error_type", error_name, words)
        if frame.empty:
            not_available("No run in this period names an error type.", "Publish runs with error_type and recovered.")
            return
        frame["reach"] = frame["reach"].clip(lower=0.01) * 1.1
        key = "chart-recovery"
        draw_chart(drawing(ranked_bars, frame, series, height=bars_height(8)), key=key, selections=["group"],
                   shows="Recovery rate by error type, highest first")  # fmt: skip
        mark = drilling.clicked(key, "group")
        if mark:
            error_behind(page, "recovery", "error_type", str(mark["key"]))


def error_behind(page: Page, key: str, dimension: str, value: str, runs: int | None = None) -> None:
    """The way to the runs with an error of that type, category or severity, or with an error that names none."""
    name = value if dimension == "error_type" else value.replace("_", " ")
    drilling.runs_behind(page, key, formats.cut(name, 60) or NO_TYPE, runs=runs,
                         of_runs={dimension: value, "has_error": "true"})  # fmt: skip

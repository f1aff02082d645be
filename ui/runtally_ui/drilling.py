"""From a click or a drag on a chart to the runs behind it, or to a shorter range."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from runtally_ui import filter_bar, formats
from runtally_ui.answers import QueryRow
from runtally_ui.filters import DIMENSIONS, Filters, shared_link
from runtally_ui.page import Page
from runtally_ui.periods import Period
from runtally_ui.run_narrowing import UNNAMED
from runtally_ui.trend_data import Step

RUNS_PAGE = "Runs"
Values = str | tuple[str, ...]
"""One value of a filter, or any of several."""


def zoomed(bounds: object, steps: list[Step], browser_zone: str | None) -> tuple[datetime, datetime] | None:
    """The whole steps that a drag touched. `bounds` are epoch milliseconds of the browser's wall clock.

    None for a drag that has no width, or that covers everything.
    """
    if not isinstance(bounds, list | tuple) or len(bounds) != 2 or not steps:
        return None
    low, high = sorted(_wall_clock(float(bound), browser_zone) for bound in bounds)
    touched = [step for step in steps if step.end > low and step.start < high]
    if not touched or low == high or len(touched) == len(steps):
        return None
    return touched[0].start, touched[-1].end


def bounds_texts(start: datetime, end: datetime) -> tuple[str, str]:
    """`from` and `to` in the address bar: days where both are midnights, else wall-clock times."""
    if start.time() == end.time() == datetime.min.time():
        return start.date().isoformat(), (end - timedelta(days=1)).date().isoformat()
    return start.isoformat(timespec="minutes"), end.isoformat(timespec="minutes")


def zoom_callback(key: str, steps: list[Step]) -> None:
    """A callback of a chart: a finished drag becomes the range of the page."""
    found = zoomed(_selection(key).get("zoom", {}).get("middle") or _selection(key).get("zoom", {}).get("start"),
                   steps, st.context.timezone)  # fmt: skip
    if found is not None:
        filter_bar.show_bounds(*bounds_texts(*found))
        # A chart of another key has no brush left over from this one.
        st.session_state["zooms"] = st.session_state.get("zooms", 0) + 1


def clicked(key: str, name: str) -> Mapping[str, Any] | None:
    """The fields of the clicked mark, from the chart's selection of that name."""
    points = _selection(key).get(name)
    return points[0] if isinstance(points, list) and points else None


def runs_behind(
    page: Page,
    key: str,
    title: str,
    period: Period | None = None,
    narrowed: Mapping[str, Values] | None = None,
    of_runs: Mapping[str, Values] | None = None,
    runs: int | None = None,
) -> None:
    """What was clicked, the way to its runs, and the way to narrow the whole page to it.

    `of_runs` is what the runs are besides, such as failed, or of an error type; the page is not narrowed to that.
    `runs` says how many there are, where the mark counts them.
    """
    which = "the runs" if runs is None else f"the {formats.plural(runs, 'run')}"
    with st.container(horizontal=True, vertical_alignment="center", key=f"drill-{key}"):
        st.markdown(f"**{formats.escaped(title)}**", width="content")
        if RUNS_PAGE in page.pages:
            st.page_link(page.pages[RUNS_PAGE], label=f"Open {which} behind it", icon=":material/arrow_forward:",
                         query_params=behind(page, period, {**(narrowed or {}), **(of_runs or {})}))  # fmt: skip
        if (narrowed or period is not None) and all((narrowed or {}).values()):
            st.button("Show only this", key=f"only-{key}", type="tertiary", icon=":material/filter_alt:",
                      on_click=_narrow, args=(period, dict(narrowed or {})))  # fmt: skip


def behind(page: Page, period: Period | None, of_runs: Mapping[str, Values]) -> dict[str, str | list[str]]:
    """The query of the Runs page for the runs of a mark, under the page's filters. An empty value is a field that the
    runs leave empty.
    """
    filters = page.asked.filters
    own: dict[str, str | list[str]] = {}
    unnamed = [name for name, value in of_runs.items() if value == ""]
    for name, value in of_runs.items():
        if name in unnamed:
            continue
        if name in DIMENSIONS:
            filters = with_value(filters, name, value)
        else:
            own[name] = list(_several(value))
    return {**runs_address(period or page.asked.period, filters), **own, **({UNNAMED: unnamed} if unnamed else {})}


def runs_address(period: Period, filters: Filters) -> dict[str, str | list[str]]:
    """The query of the Runs page for these runs."""
    query: dict[str, str | list[str]] = {}
    for name, value in shared_link(period, filters):
        earlier = query.get(name)
        query[name] = value if earlier is None else [*([earlier] if isinstance(earlier, str) else earlier), value]
    return query


def run_address(run_id: str, workspace_id: str) -> dict[str, str | list[str]]:
    """The query of a run's page; what else the address says stays, for the way back."""
    kept: dict[str, str | list[str]] = {name: st.query_params.get_all(name) for name in st.query_params}
    return {**kept, "run": run_id, "workspace_id": workspace_id}


def open_run(run: QueryRow) -> None:
    """A callback: `follow` then leads to the run's page. Ids are unique within a workspace only, which becomes the
    filter.
    """
    filter_bar.narrow("workspace_id", run.text("workspace_id"))
    st.session_state["opened_run"] = run.text("run_id")


def follow(page: Page) -> None:
    """Go to the page of the run that was opened, if one was; to be called before anything is drawn."""
    opened = st.session_state.pop("opened_run", None)
    if opened is not None and RUNS_PAGE in page.pages:
        st.switch_page(page.pages[RUNS_PAGE], query_params={"run": opened})


def runs_href(page: Page, of_runs: Mapping[str, Values]) -> str:
    """The same as a link of a table's cell; relative, so that it works behind any proxy."""
    return f"runs?{urlencode(behind(page, None, of_runs), doseq=True)}"


def with_value(filters: Filters, dimension: str, value: Values) -> Filters:
    """The filters, of one dimension only this value, or these."""
    kept = {name: filters.values(name) for name in Filters.__dataclass_fields__ if name != "root_only"}
    return Filters(**{**kept, dimension: _several(value)}, root_only=filters.root_only)


def step_period(key: str, steps: list[Step], timezone: str) -> Period | None:
    """The period of the step that starts at `key`, a wall-clock time as text."""
    found = next((step for step in steps if step.start.isoformat() == key), None)
    if found is None:
        return None
    zone = ZoneInfo(timezone)
    return Period(found.start.replace(tzinfo=zone), found.end.replace(tzinfo=zone), timezone)


def _narrow(period: Period | None, narrowed: Mapping[str, Values]) -> None:
    for dimension, value in narrowed.items():
        filter_bar.narrow(dimension, *_several(value))
    if period is not None:
        filter_bar.show_period(period)


def _several(value: Values) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _selection(key: str) -> Mapping[str, Any]:
    state = st.session_state.get(key)
    found: Mapping[str, Any] = (state or {}).get("selection") or {}
    return found


def _wall_clock(milliseconds: float, browser_zone: str | None) -> datetime:
    instant = pd.Timestamp(milliseconds, unit="ms", tz="UTC").tz_convert(browser_zone or "UTC")
    return instant.tz_localize(None).to_pydatetime()

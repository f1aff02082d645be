"""The Overview: how many runs, how well, how fast, for how much, over the chosen days."""

from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from runtally_ui import chart_data, charts, exports, formats, states
from runtally_ui.agent_table import agent_table
from runtally_ui.answers import Analytics, Totals
from runtally_ui.api_client import ApiClient, ApiError
from runtally_ui.chart_data import Palette
from runtally_ui.colours import OTHER, AgentKey, SlotBook, display_names, series_domain, with_fallback
from runtally_ui.drawing import draw_chart
from runtally_ui.filters import Days, Filters, shared_link
from runtally_ui.page_data import PageData, begun_within, load_widenings
from runtally_ui.tiles import Tile, tiles

_OUTCOME_KEY = ":green[● Succeeded]  :red[▲ Failed or timed out]  :gray[■ Cancelled]"


@dataclass(frozen=True)
class Question:
    """What the page was asked, and when."""

    days: Days
    filters: Filters
    today: date
    now: datetime


def draw(api: ApiClient, book: SlotBook, question: Question, data: PageData, heading: DeltaGenerator) -> None:
    """The whole page below the filter bar, in whichever state it is."""
    answer = data.current
    _data_as_of(heading, answer, question.days.timezone)
    if isinstance(answer, ApiError):
        states.failing(answer)
    elif answer.totals.runs == 0:
        _empty(api, question, answer, data)
    else:
        _figures(answer, data, question)
        _charts(answer, data, question, palette(data, book))


def palette(data: PageData, book: SlotBook) -> Palette:
    """Names and colours from the unfiltered answers: no filter may change either."""
    unfiltered = _agents(data.unfiltered)
    slots = with_fallback(book.assign([key for key, _ in _agents(data.ranking)]), dict(unfiltered))
    return Palette(display_names([*_agents(data.ranking), *unfiltered, *_agents(data.current)]), slots)


def notes(answer: Analytics) -> list[str]:
    """What the figures leave out, in sentences; nothing is said when nothing is left out."""
    coverage, runs = answer.meta.coverage, answer.totals.runs
    sentences = []
    parts = {"cost": coverage.cost, "duration": coverage.duration, "tokens": coverage.tokens}
    shares = [f"{name} known for {formats.share(n / runs)} of runs" for name, n in parts.items() if n < runs]
    if shares:
        listed = ", ".join([shares[0].capitalize(), *(text.removesuffix(" of runs") for text in shares[1:])])
        sentences.append(f"{listed}; the figures leave unknown ones out.")
    if answer.meta.hides_failures:
        sentences.append(
            "▲ These filters leave failed or timed-out runs out: rates are those of the filtered runs, "
            "and the cost of the hidden runs is not counted."
        )
    if answer.meta.truncated:
        sentences.append("▲ The API cut this answer short; the figures are incomplete.")
    return sentences


def _data_as_of(heading: DeltaGenerator, answer: Analytics | ApiError, zone: str) -> None:
    if isinstance(answer, Analytics) and answer.meta.data_as_of is not None:
        as_of = formats.instant(answer.meta.data_as_of, zone)
        heading.caption(f"Data as of {formats.escaped(as_of)}", text_alignment="right")


def _empty(api: ApiClient, question: Question, answer: Analytics, data: PageData) -> None:
    everywhere = data.unfiltered.meta.data_range if isinstance(data.unfiltered, Analytics) else None
    if isinstance(data.unfiltered, Analytics) and everywhere is None:
        states.empty_store(api.base_url, question.now)
        return
    found = answer.meta.data_range
    widenings = [] if found else load_widenings(api, question.days, question.filters)
    states.empty_filter(states.Emptiness(question.days, question.filters, found, everywhere, widenings))


def _figures(answer: Analytics, data: PageData, question: Question) -> None:
    then: Totals | None = data.previous.totals if isinstance(data.previous, Analytics) else None
    shown = tiles(
        answer.totals,
        then,
        len(question.days),
        by_status=bool(question.filters.status),
        begun_within=begun_within(answer, question.days.before()),
    )
    with st.grid(6, min_column_width=165, gap="small", key="tiles"):
        for number, tile in enumerate(shown):
            with st.container(border=True, key=f"tile-{number}", height="stretch", gap="xxsmall"):
                _draw_tile(tile)
    st.container(key="notes").caption("  \n".join(formats.escaped(note) for note in notes(answer)))


def _draw_tile(tile: Tile) -> None:
    st.metric(
        tile.label,
        formats.escaped(tile.value),
        0 if tile.change == "0" else tile.change,
        delta_color=tile.judgement,
        delta_description=tile.versus,
        help=formats.escaped(tile.explanation),
    )
    st.caption(formats.escaped(tile.rests_on))


def _charts(answer: Analytics, data: PageData, question: Question, colours: Palette) -> None:
    _runs_card(answer, data, question, colours)
    left, right = st.columns(2, gap="small")
    with left:
        _cost_card(answer, data, question)
    with right:
        _response_card(answer, colours)
    left, right = st.columns(2, gap="small")
    with left:
        _outcomes_card(answer, colours)
    with right:
        _failure_card(answer, colours)
    _table_card(answer, question, colours)


def _runs_card(answer: Analytics, data: PageData, question: Question, colours: Palette) -> None:
    frame = chart_data.daily_runs_frame(answer.runs_per_day, colours, question.today)
    domain = series_domain(colours.slots, colours.names)
    # The legend follows the unfiltered agents, so that it stays in place while filters change.
    shown = [name for name in domain[:-1] if not name.startswith("\u200b")]
    others = chart_data.unlisted_names(answer, colours)
    if others or len(_agents(data.unfiltered)) > len(shown):
        shown.append(OTHER)
    with _card("card-runs", "Runs by agent", _runs_caption(answer.totals.runs, question, others)):
        draw_chart(
            charts.runs_by_agent(frame, domain, shown),
            key="chart-runs",
            shows="Runs per day, stacked by agent",
        )


def _runs_caption(runs: int, question: Question, others: list[str]) -> str:
    parts = [formats.plural(runs, "run"), "by day", question.days.timezone.replace("_", " ")]
    if question.days.last >= question.today:
        parts.append("today is still running and drawn faded")
    if 0 < len(others) <= 3:
        parts.append(f"Other: {formats.escaped(', '.join(others))}")
    elif others:
        parts.append(f"Other: {len(others)} agents with fewer runs")
    return " · ".join(parts)


def _cost_card(answer: Analytics, data: PageData, question: Question) -> None:
    previous = data.previous if isinstance(data.previous, Analytics) else None
    whole = begun_within(answer, question.days.before()) is None
    earlier = previous.totals.cost_usd if previous and whole else None
    caption = f"USD, {formats.day_span(question.days.first, question.days.last)}"
    if earlier is not None:
        before = question.days.before()
        caption += f" · dashed: {formats.day_span(before.first, before.last)}, "
        caption += formats.escaped(formats.money(earlier))
    with _card("card-cost", "Cumulative cost", caption):
        if answer.totals.cost_usd is None:
            _not_available("No run in these days has a known cost.", "Publish runs with cost_usd.")
            return
        rows = previous.runs_per_day if previous and earlier is not None else None
        frame = chart_data.cumulative_cost_frame(answer.runs_per_day, rows, question.today)
        draw_chart(
            charts.cumulative_cost(frame),
            key="chart-cost",
            shows="Cumulative cost by day, against the period before",
        )


def _response_card(answer: Analytics, colours: Palette) -> None:
    frame = chart_data.response_time_frame(answer.agents, colours)
    timed = sum(agent.avg_duration_ms is not None and not agent.other for agent in answer.agents)
    caption = f"Mean duration of timed runs · {_of_agents('slowest', len(frame), timed)}"
    with _card("card-response", "Average response time by agent", caption):
        if frame.empty:
            _not_available("No run in these days has a known duration.", "Publish runs with duration_ms.")
            return
        draw_chart(
            charts.response_time(frame),
            key="chart-response",
            shows="Average response time by agent, slowest first",
        )


def _outcomes_card(answer: Analytics, colours: Palette) -> None:
    ended = chart_data.most_failing(answer.agents)
    shown = min(len(ended), chart_data.SHOWN_AGENTS)
    caption = f"{_OUTCOME_KEY} · {_of_agents('most failing', shown, len(ended))}"
    with _card("card-outcomes", "Success against failure by agent", caption):
        if not ended:
            _not_available("No run in these days has ended yet.", "Queued and running runs have no outcome.")
            return
        draw_chart(
            charts.outcomes(chart_data.outcomes_frame(answer.agents, colours)),
            key="chart-outcomes",
            shows="Succeeded, failed and cancelled runs by agent",
        )


def _failure_card(answer: Analytics, colours: Palette) -> None:
    frame = chart_data.failure_share_frame(answer.agents, colours)
    caption = "Failed share of the runs that ended · line: 95 % interval"
    with _card("card-failure", "Failure share by agent", caption):
        if answer.meta.hides_failures:
            _not_available(
                "The filters leave failed or timed-out runs out.", "Clear the status filter to see the share."
            )
            return
        if frame.empty:
            _not_available("No run in these days has ended yet.", "Queued and running runs have no outcome.")
            return
        draw_chart(
            charts.failure_share(frame),
            key="chart-failure",
            shows="Failed share of runs by agent, highest first",
        )


def _table_card(answer: Analytics, question: Question, colours: Palette) -> None:
    with _card("card-agents", "Agents", "All agents of these days, the busiest first"):
        agent_table(answer, colours)
        _downloads(answer, question)


def _downloads(answer: Analytics, question: Question) -> None:
    name = f"runtally-{question.days.first}-{question.days.last}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Agents CSV", lambda: exports.agents_csv(answer.agents), f"{name}-agents.csv", "text/csv",
            key="csv-agents", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            "Daily runs CSV", lambda: exports.daily_csv(answer.runs_per_day), f"{name}-daily.csv", "text/csv",
            key="csv-daily", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        with st.popover("Link to these days", icon=":material/link:", type="tertiary"):
            st.caption("Opens these very dates and filters, whenever it is opened.")
            st.code(fixed_link(st.context.url, question), language=None, wrap_lines=True)


def fixed_link(url: str | None, question: Question) -> str:
    """The page's address with its dates spelled out."""
    query = urlencode(shared_link(question.days, question.filters))
    return f"{(url or '').partition('?')[0].rstrip('/')}/?{query}"


def _of_agents(which: str, shown: int, of: int) -> str:
    return f"the {shown} {which} of {of} agents" if shown < of else formats.plural(of, "agent")


def _card(key: str, title: str, caption: str) -> DeltaGenerator:
    """A titled frame. `caption` is Markdown: names in it are escaped by whoever puts them there."""
    card = st.container(border=True, key=key, height="stretch", gap="small")
    with card.container(gap="xxsmall"):
        st.markdown(f"##### {title}", anchors=False)
        st.caption(caption)
    return card


def _not_available(reason: str, remedy: str) -> None:
    with st.container(height=charts.HALF_HEIGHT, border=False, vertical_alignment="center"):
        st.markdown(f"**N/A** · {formats.escaped(reason)}", text_alignment="center")
        st.caption(formats.escaped(remedy), text_alignment="center")


def _agents(answer: Analytics | ApiError) -> list[tuple[AgentKey, str]]:
    if isinstance(answer, ApiError):
        return []
    return [
        ((agent.workspace_id, agent.agent_id), agent.agent_name or agent.agent_id)
        for agent in answer.agents
        if agent.workspace_id is not None and agent.agent_id is not None
    ]

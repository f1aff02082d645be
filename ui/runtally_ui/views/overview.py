"""The Overview: how many runs, how well, how fast, for how much, over the chosen range."""

from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import urlencode

import streamlit as st

from runtally_ui import chart_data, charts, exports, formats, rights, states
from runtally_ui.agent_series import agent_runs_frame, runs_by_agent
from runtally_ui.agent_table import agent_table
from runtally_ui.answers import Analytics, QueryAnswer
from runtally_ui.api_client import ApiError
from runtally_ui.cards import card, downloads, failure, not_available, query_card
from runtally_ui.chart_data import begun_within, known_sum
from runtally_ui.colours import OTHER, series_domain
from runtally_ui.drawing import draw_chart, drawing
from runtally_ui.filters import shared_link
from runtally_ui.overview_rows import (
    agent_behind,
    agents_by_day,
    cost_rows,
    day_costs,
    day_steps,
    duration_rows,
    failed_runs,
    outcome_rows,
    outcome_runs,
    timed_runs,
)
from runtally_ui.page import Asked, Page
from runtally_ui.questions import Answers, Query, Question, agent_analytics
from runtally_ui.sentences import notes, subtitle, trend_caption
from runtally_ui.sharing import agent_href
from runtally_ui.tiles import draw_tiles, measure_tile
from runtally_ui.trend_card import TrendOptions, draw_selectable, draw_switches, switched_on, trend_card

_OUTCOME_KEY = ":green[● Succeeded]  :red[▲ Failed or timed out]  :gray[■ Cancelled]"
TILES = ("runs", "success_rate", "cost_usd", "cost_per_run_usd", "total_tokens", "avg_duration_ms")
_BENEATH_TILES = ("root_runs", "succeeded", "errors", "cancelled", "input_tokens", "output_tokens")
SERIES_AGENTS = 20
_UNUSUAL_DAYS = (
    "Diamonds: days that cost more or less than the mean of the seven ordinary days before, give or take two standard "
    "deviations, with 20 runs or more. The band around a day's own cost has no place on an axis of sums."
)


def questions(asked: Asked) -> Mapping[str, Question]:
    """All of the page, asked together: each question more costs a tenth of its time. The tiles are the trend's totals.
    The analytics have the runs of agents by day, and the trend the costs before by day; other steps are asked for.
    """
    found: dict[str, Question] = {
        "trend": asked.trend(*TILES[1:], "p95_duration_ms", *_BENEATH_TILES, compared=True),
        "agents": agent_analytics(asked.period, asked.filters),
    }  # fmt: skip
    if not asked.in_whole_days:
        found["by_agent"] = Query(
            asked.period, asked.filters, ("runs", "succeeded", "errors"), ("workspace_id", "agent_id"),
            granularity=asked.step, limit=asked.series_that_fit(SERIES_AGENTS), other=True,
        )  # fmt: skip
    if asked.before is not None and not asked.in_whole_days:
        found["before"] = Query(asked.before, asked.filters, ("cost_usd",), granularity="day")
    return found


def draw(page: Page, answers: Answers) -> None:
    """Tiles, then charts of time, then charts of agents."""
    totals = answers.query("trend")
    if not states.stands(page, totals) or not isinstance(totals, QueryAnswer):
        return
    _tiles(page, totals)
    _runs_card(page, answers)
    left, right = st.columns(2, gap="small")
    below_left, below_right = st.columns(2, gap="small")
    # Last what is made of the agents' days, the largest answer: the browser draws the rest before it is there.
    with right:
        _cost_trend(page, answers)
    with below_left:
        _response_trend(page, answers)
    with below_right:
        _success_trend(page, answers)
    with left:
        _cumulative_card(page, answers)
    _agent_cards(page, answers)


def _tiles(page: Page, totals: QueryAnswer) -> None:
    row = totals.total
    ended = sum(int(row.number(name) or 0) for name in ("succeeded", "errors", "cancelled"))
    rests_on = {
        "runs": f"{formats.count(int(row.number('root_runs') or 0))} not started by another run",
        "success_rate": f"{formats.count(int(row.number('succeeded') or 0))} of {formats.count(ended)} ended"
        + (", filtered" if page.asked.filters.status else ""),
        "total_tokens": f"{formats.figure(row.number('input_tokens'), 'count')} in · "
        f"{formats.figure(row.number('output_tokens'), 'count')} out",
    }
    draw_tiles([measure_tile(name, totals, page.asked, page.measures, rests_on.get(name, "")) for name in TILES])
    st.container(key="notes").caption("  \n".join(formats.escaped(note) for note in notes(totals, page.asked)))


def _runs_card(page: Page, answers: Answers) -> None:
    answer, palette = _by_agent(page, answers), page.palette
    domain = series_domain(palette.slots, palette.names)
    # The legend follows the unfiltered agents, so that it stays in place while filters change.
    shown = [name for name in domain[:-1] if not name.startswith("\u200b")]
    if len(palette.names) > len(shown):
        shown.append(OTHER)

    def caption(found: QueryAnswer) -> str:
        return trend_caption(found, page.asked, "Runs, stacked by agent")

    with query_card("runs", "Runs by agent", answer, caption, help_text=page.measures.help("runs")) as found:
        if found is None:
            return
        frame = agent_runs_frame(found, palette, page.asked.now)
        rolling, outliers = switched_on("runs")
        drawn = drawing(runs_by_agent, frame, tuple(domain), tuple(shown), rolling=rolling, outliers=outliers)
        draw_selectable(page, "runs", "Runs over time, stacked by agent", drawn, found, {})
        draw_switches("runs")


def _by_agent(page: Page, answers: Answers) -> QueryAnswer | ApiError:
    if not page.asked.in_whole_days:
        return answers.query("by_agent")
    answer = answers.analytics("agents")
    if isinstance(answer, ApiError):
        return answer
    return agents_by_day(answer, page.asked.series_that_fit(SERIES_AGENTS), page.asked.period.timezone)


def _cost_trend(page: Page, answers: Answers) -> None:
    trend_card(
        page, "cost-per-run", "Cost and cost per run", answers.query("trend"), "cost_usd",
        TrendOptions(
            sums=True, second="cost_per_run_usd", note="line: per run of known cost", hides="the cost",
            nothing="No run in this period has a known cost.",
        ),
    )  # fmt: skip


def _response_trend(page: Page, answers: Answers) -> None:
    trend_card(
        page, "duration", "Duration", answers.query("trend"), "avg_duration_ms",
        TrendOptions(
            second="p95_duration_ms", note="blue: mean, orange: 95th percentile",
            nothing="No run in this period has a known duration.",
        ),
    )  # fmt: skip


def _success_trend(page: Page, answers: Answers) -> None:
    trend_card(
        page, "success", "Success rate", answers.query("trend"), "success_rate",
        TrendOptions(nothing="No run in this period has ended yet."),
    )  # fmt: skip


def _cumulative_card(page: Page, answers: Answers) -> None:
    """Cost so far by day, from the analytics answer; the period compared with dashed where it is whole."""
    answer = answers.analytics("agents")
    if isinstance(answer, ApiError):
        with card("cost", "Cumulative cost"):
            failure(answer, "cost")
        return
    before = page.asked.before
    whole = before is not None and begun_within(answer, before) is None
    costs = _costs_before(page, answers) if whole else []
    earlier = known_sum(costs)
    caption = f"USD, {formats.day_span(page.asked.period.first, page.asked.period.last)}"
    if earlier is not None and before is not None:
        caption += f" · dashed: {formats.day_span(before.first, before.last)}, "
        caption += formats.escaped(formats.money(earlier))
    hidden = subtitle(page.asked.filters, "the cost")
    with card(
        "cost",
        "Cumulative cost",
        f"{caption} · {hidden}" if hidden else caption,
        help_text=page.measures.help("cost_usd"),
    ):
        if answer.totals.cost_usd is None:
            not_available("No run in this period has a known cost.", "Publish runs with cost_usd.")
            return
        before_by_day = costs if earlier is not None else []
        frame = chart_data.cumulative_cost_frame(answer.runs_per_day, before_by_day, page.asked.today)
        rolling, outliers = switched_on("cost")
        compared = bool(frame["previous"].notna().any())
        drawn = drawing(charts.cumulative_cost, frame, compared=compared, rolling=rolling, outliers=outliers)
        days = day_steps(answer.runs_per_day, page.asked.period.timezone)
        draw_selectable(page, "cost", "Cumulative cost by day, against the period before", drawn, days, {})
        draw_switches("cost", _UNUSUAL_DAYS)
        downloads("cost", cost_rows(answer.runs_per_day))


def _costs_before(page: Page, answers: Answers) -> list[Decimal | None]:
    """By day; nothing where they cannot be told."""
    by_day = answers.query("trend" if page.asked.in_whole_days else "before")
    if isinstance(by_day, ApiError):
        return []
    return day_costs(row.before for row in by_day.rows) if page.asked.in_whole_days else day_costs(by_day.rows)


def _agent_cards(page: Page, answers: Answers) -> None:
    answer = answers.analytics("agents")
    if isinstance(answer, ApiError):
        with card("agents", "Agents"):
            failure(answer, "agents")
        return
    _response_card(page, answer)
    left, right = st.columns(2, gap="small")
    with left:
        _outcomes_card(page, answer)
    with right:
        _failure_card(page, answer)
    _table_card(page, answer)


def _response_card(page: Page, answer: Analytics) -> None:
    frame = chart_data.response_time_frame(answer.agents, page.palette)
    timed = sum(agent.avg_duration_ms is not None and not agent.other for agent in answer.agents)
    caption = f"Mean duration of timed runs · {_of_agents('slowest', len(frame), timed)}"
    with card("response", "Average response time by agent", caption, help_text=page.measures.help("avg_duration_ms")):
        if frame.empty:
            not_available("No run in these days has a known duration.", "Publish runs with duration_ms.")
            return
        draw_chart(
            drawing(charts.response_time, frame),
            key="chart-response",
            shows="Average response time by agent, slowest first",
            selections=["agent"],
        )
        agent_behind(page, "response", answer.agents, timed_runs)
        downloads("response", duration_rows(answer.agents))


def _outcomes_card(page: Page, answer: Analytics) -> None:
    ended = chart_data.most_failing(answer.agents)
    shown = min(len(ended), chart_data.SHOWN_AGENTS)
    caption = f"{_OUTCOME_KEY} · {_of_agents('most failing', shown, len(ended))}"
    with card("outcomes", "Success against failure by agent", caption, help_text=page.measures.help("success_rate")):
        if not ended:
            not_available("No run in these days has ended yet.", "Queued and running runs have no outcome.")
            return
        draw_chart(
            drawing(charts.outcomes, chart_data.outcomes_frame(answer.agents, page.palette)),
            key="chart-outcomes",
            shows="Succeeded, failed and cancelled runs by agent",
            selections=["agent"],
        )
        agent_behind(page, "outcomes", answer.agents, outcome_runs)
        downloads("outcomes", outcome_rows(answer.agents))


def _failure_card(page: Page, answer: Analytics) -> None:
    frame = chart_data.failure_share_frame(answer.agents, page.palette)
    caption = "Failed share of the runs that ended · line: 95% interval"
    with card("failure", "Failure share by agent", caption, help_text=page.measures.help("failure_rate")):
        if answer.meta.hides_failures:
            not_available(
                "The filters leave failed or timed-out runs out.", "Clear the status filter to see the share."
            )
            return
        if frame.empty:
            not_available("No run in these days has ended yet.", "Queued and running runs have no outcome.")
            return
        draw_chart(
            drawing(charts.failure_share, frame),
            key="chart-failure",
            shows="Failed share of runs by agent, highest first",
            selections=["agent"],
        )
        agent_behind(page, "failure", answer.agents, failed_runs)
        downloads("failure", outcome_rows(answer.agents))


def _table_card(page: Page, answer: Analytics) -> None:
    told = "A row for each agent of this period that the filters let through. Rates are over known values."
    with card("agents", "Agents", "All agents of this period, busiest first", help_text=told):
        agent_table(answer, page.palette, lambda workspace, agent: agent_href(page, workspace, agent))
        _downloads(page, answer)


def _downloads(page: Page, answer: Analytics) -> None:
    name = f"runtally-{page.asked.period.first}-{page.asked.period.last}"
    with st.container(horizontal=True, vertical_alignment="center"):
        if rights.may(rights.EXPORT):
            _table_downloads(name, answer)
        with st.popover("Link to these days", icon=":material/link:", type="tertiary"):
            st.caption("Opens these very dates and filters, whenever it is opened.")
            st.code(fixed_link(st.context.url, page.asked), language=None, wrap_lines=True)


def _table_downloads(name: str, answer: Analytics) -> None:
    st.download_button(
        "Agents CSV", lambda: exports.agents_csv(answer.agents), f"{name}-agents.csv", "text/csv",
        key="csv-agents", icon=":material/download:", on_click="ignore",
    )  # fmt: skip
    st.download_button(
        "Daily runs CSV", lambda: exports.daily_csv(answer.runs_per_day), f"{name}-daily.csv", "text/csv",
        key="csv-daily", icon=":material/download:", on_click="ignore",
    )  # fmt: skip
    rows = QueryAnswer(data=[agent.model_dump(mode="json") for agent in answer.agents])
    st.download_button(
        "Agents JSON", lambda: exports.query_json(rows), f"{name}-agents.json", "application/json",
        key="json-agents", icon=":material/download:", on_click="ignore",
    )  # fmt: skip


def fixed_link(url: str | None, asked: Asked) -> str:
    """The page's address with its dates spelled out."""
    query = urlencode(shared_link(asked.period, asked.filters))
    return f"{(url or '').partition('?')[0].rstrip('/')}/?{query}"


def _of_agents(which: str, shown: int, of: int) -> str:
    return f"the {shown} {which} of {of} agents" if shown < of else formats.plural(of, "agent")

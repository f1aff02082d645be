"""An agent's own page: how well, how fast, for how much, for whom, and beside its workspace. One failing part leaves
the others.
"""

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from runtally_ui import agent_parts, formats, own_fields, states
from runtally_ui.agent_answers import AgentAnalytics, Latency
from runtally_ui.agent_colours import heading_html, theme_colours
from runtally_ui.agent_series import agent_runs_frame, runs_by_agent
from runtally_ui.answers import QueryAnswer
from runtally_ui.api_client import ApiError
from runtally_ui.cards import query_card
from runtally_ui.colours import series_domain
from runtally_ui.drawing import drawing
from runtally_ui.drilling import RUNS_PAGE, runs_address
from runtally_ui.filter_bar import bar_changed, narrow
from runtally_ui.page import Asked, Page
from runtally_ui.questions import Answers, Get, Query, Question, in_path
from runtally_ui.sentences import notes, trend_caption
from runtally_ui.sharing import share_links
from runtally_ui.tiles import draw_tiles, measure_tile
from runtally_ui.trend_card import TrendOptions, draw_selectable, draw_switches, switched_on, trend_card

AGENTS_PATH = "/api/v1/agents"
LATENCY_PATH = "/api/v1/latency"
BARS = 40
TILES = ("runs", "success_rate", "cost_usd", "cost_per_run_usd", "p95_duration_ms", "total_tokens")
_TREND = ("success_rate", "errors", "cost_usd", "cost_per_run_usd", "avg_duration_ms", "p95_duration_ms")


def own(agent_id: str, asked: Asked) -> Asked:
    """What the bar says, of this agent alone: its own filter for agents does not count on an agent's page."""
    return replace(asked, filters=replace(asked.filters, agent_id=(agent_id,)))


def questions(agent_id: str, asked: Asked) -> Mapping[str, Question]:
    """All of the page, asked together."""
    mine = own(agent_id, asked)
    params = (*mine.period.params(), *mine.filters.params())
    compared = (("compare", mine.compare),) if mine.compare else ()
    return {
        "agent": Get(f"{AGENTS_PATH}/{in_path(agent_id)}/analytics", (*params, *compared), AgentAnalytics),
        "latency": Get(LATENCY_PATH, (*params, ("buckets", str(BARS)), ("agent_limit", "1")), Latency),
        "totals": mine.totals(*TILES[1:], "avg_duration_ms"),
        "trend": mine.trend(*_TREND),
        "runs": Query(
            mine.period, mine.filters, ("runs", "succeeded", "errors"), ("workspace_id", "agent_id"),
            granularity=mine.step, limit=1,
        ),
    }  # fmt: skip


def open_agent(workspace_id: str, agent_id: str) -> None:
    """A callback: show the agent's page. Its workspace becomes the filter, as ids are unique within one only."""
    st.session_state["profile"] = agent_id
    if "workspaces_of_list" not in st.session_state:
        st.session_state["workspaces_of_list"] = list(st.session_state.get("workspace_id") or [])
    narrow("workspace_id", workspace_id)


def close_agent() -> None:
    """A callback: back to the list, with the workspaces that it was about."""
    own_fields.clear("profile")
    narrow("workspace_id", *st.session_state.pop("workspaces_of_list", []))
    bar_changed()


def draw(page: Page, answers: Answers, agent_id: str) -> None:
    """Drawn under the field that names the agent."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="own-fields"):
        st.button("All agents", key="close-agent", icon=":material/arrow_back:", on_click=close_agent)
        own_fields.text_field("profile", "Open an agent", "Open an agent by its id", 280)
        st.button("Refresh", key="refresh-agent", icon=":material/refresh:", type="tertiary",
                  help="Ask for all of this again now.")  # fmt: skip
    mine = replace(page, asked=own(agent_id, page.asked))
    agent, totals = answers.get("agent", AgentAnalytics), answers.query("totals")
    if isinstance(agent, ApiError) and agent.status in (404, 409):
        _no_agent(mine, agent, agent_id)
        return
    workspaces = [agent.workspace_id] if isinstance(agent, AgentAnalytics) else _workspaces(page, agent_id)
    if len(workspaces) == 1:
        chosen = replace(mine.asked.filters, workspace_id=tuple(workspaces))
        mine = replace(mine, asked=replace(mine.asked, filters=chosen))
    _heading(mine, agent, workspaces, agent_id)
    if not states.stands(mine, totals, pinned=("agent_id", "workspace_id")) or not isinstance(totals, QueryAnswer):
        return
    draw_tiles([measure_tile(name, totals, mine.asked, mine.measures) for name in TILES])
    st.container(key="notes").caption("  \n".join(formats.escaped(note) for note in notes(totals, mine.asked)))
    _parts(mine, answers, agent)


def _parts(page: Page, answers: Answers, agent: AgentAnalytics | ApiError) -> None:
    trend = answers.query("trend")
    _runs(page, answers.query("runs"))
    left, right = st.columns(2, gap="small")
    with left:
        trend_card(page, "agent-success", "Success rate", trend, "success_rate",
                   TrendOptions(nothing="No run in this period has ended yet."))  # fmt: skip
    with right:
        trend_card(
            page, "agent-duration", "Duration", trend, "avg_duration_ms",
            TrendOptions(second="p95_duration_ms", note="blue: mean, orange: 95th percentile",
                         nothing="No run in this period has a known duration."),
        )  # fmt: skip
    left, right = st.columns(2, gap="small")
    with left:
        agent_parts.latency_card(page, answers.get("latency", Latency))
    with right:
        agent_parts.comparisons_card(page, agent)
    left, right = st.columns(2, gap="small")
    with left:
        trend_card(
            page, "agent-cost", "Cost and cost per run", trend, "cost_usd",
            TrendOptions(sums=True, second="cost_per_run_usd", note="line: per run of known cost", hides="the cost",
                         nothing="No run in this period has a known cost.", height=agent_parts.HEIGHT),
        )  # fmt: skip
    with right:
        agent_parts.models_card(page, agent)
    left, right = st.columns(2, gap="small")
    with left:
        agent_parts.errors_card(page, agent)
    with right:
        trend_card(
            page, "agent-errors", "Errors over time", trend, "errors",
            TrendOptions(sums=True, colour="red", note="failed or timed out", height=agent_parts.HEIGHT),
        )  # fmt: skip
    left, right = st.columns(2, gap="small")
    with left:
        agent_parts.users_card(page, agent)
    with right:
        agent_parts.ratings_card(page, agent)


def _heading(page: Page, agent: AgentAnalytics | ApiError, workspaces: list[str], agent_id: str) -> None:
    key = (workspaces[0] if len(workspaces) == 1 else "", agent_id)
    label = agent.agent_name if isinstance(agent, AgentAnalytics) else None
    name = formats.cut(page.palette.names.get(key) or label or agent_id)
    zone = page.asked.period.timezone
    told = [f"`{formats.cut(agent_id).replace('`', chr(39))}`", *(formats.escaped(one) for one in workspaces)]
    if isinstance(agent, AgentAnalytics) and agent.last_run_at is not None and agent.first_run_at is not None:
        told += [f"runs since {formats.short_day(agent.first_run_at)} {agent.first_run_at.year}",
                 f"the last began {formats.escaped(formats.instant(agent.last_run_at, zone))}"]  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="run-head"):
        with st.container(gap="xxsmall", width="content"):
            st.html(heading_html(name, theme_colours(), page.palette.slot(*key)))
            st.caption(" · ".join(told))
        with st.container(horizontal=True, vertical_alignment="center", width="content", gap="xsmall"):
            if RUNS_PAGE in page.pages:
                st.page_link(page.pages[RUNS_PAGE], label="All its runs", icon=":material/list_alt:",
                             query_params=runs_address(page.asked.period, page.asked.filters))  # fmt: skip
            share_links(page, {"profile": agent_id}, replace(page.asked.filters, agent_id=()))


def _runs(page: Page, answer: QueryAnswer | ApiError) -> None:
    palette = page.palette

    def caption(found: QueryAnswer) -> str:
        return trend_caption(found, page.asked, "In the agent's own colour")

    with query_card("agent-runs", "Runs", answer, caption, help_text=page.measures.help("runs")) as found:
        if found is None:
            return
        frame = agent_runs_frame(found, palette, page.asked.now)
        domain = tuple(series_domain(palette.slots, palette.names))
        rolling, outliers = switched_on("agent-runs")
        drawn = drawing(runs_by_agent, frame, domain, (), height=220, rolling=rolling, outliers=outliers)
        draw_selectable(page, "agent-runs", "Runs of the agent over time", drawn, found, {})
        draw_switches("agent-runs")


def _workspaces(page: Page, agent_id: str) -> list[str]:
    """Where an agent of this id is known to run."""
    chosen = page.asked.filters.workspace_id
    known = [workspace for workspace, agent in page.palette.names if agent == agent_id]
    return [workspace for workspace in known if not chosen or workspace in chosen]


def _no_agent(page: Page, error: ApiError, agent_id: str) -> None:
    workspaces = _workspaces(page, agent_id)
    with st.container(border=True, key="state-no-agent", horizontal_alignment="center", vertical_alignment="center",
                      height=320):  # fmt: skip
        icon = ":primary[:material/search_off:]"
        title = "Which of them?" if error.status == 409 else "No such agent"
        st.markdown(f"##### {icon} {title}", text_alignment="center")
        st.markdown(formats.escaped(error.detail or error.title), text_alignment="center")
        if error.status == 409:
            with st.container(horizontal=True, horizontal_alignment="center"):
                for place, workspace in enumerate(workspaces):
                    st.button(formats.escaped(f"In {workspace}"), key=f"of-workspace-{place}", type="primary",
                              on_click=narrow, args=("workspace_id", workspace))  # fmt: skip

"""Agents: the list, sorted and paged by the API, and one agent's own page under `?profile=`."""

from collections.abc import Mapping, Sequence

import streamlit as st

from runtally_ui import agent_page, formats, own_fields, states
from runtally_ui.agent_answers import AgentList
from runtally_ui.agent_colours import theme_colours
from runtally_ui.answers import QueryAnswer, QueryRow
from runtally_ui.api_client import ApiError
from runtally_ui.cards import downloads, failure
from runtally_ui.listed_agents import agent_key, list_frame, list_table, sparkline_step, sparklines
from runtally_ui.page import Asked, Page
from runtally_ui.paging import Place, page_buttons, place
from runtally_ui.questions import Answers, Get, Query, Question, ask_together
from runtally_ui.sentences import notes, subtitle

PAGE_SIZE = 50
ORDERS = {
    "Busiest first": ("runs", "desc"),
    "Dearest first": ("cost_usd", "desc"),
    "Dearest per run": ("cost_per_run_usd", "desc"),
    "Most failing first": ("failure_rate", "desc"),
    "Slowest first (p95)": ("p95_duration_ms", "desc"),
    "Most tokens first": ("total_tokens", "desc"),
}
"""The orders on offer, as measures and directions of the API."""


def questions(asked: Asked) -> Mapping[str, Question]:
    """Of one agent, or of a page of them."""
    agent_id = own_fields.text("profile")
    if agent_id:
        return agent_page.questions(agent_id, asked)
    sort, direction = ORDERS[own_fields.choice("sort", list(ORDERS))]
    params = (*asked.period.params(), *asked.filters.params(), ("sort", sort), ("direction", direction))
    return {
        "totals": asked.totals("active_agents", "cost_usd", "avg_duration_ms", "total_tokens"),
        "agents": Get(agent_page.AGENTS_PATH, (*params, ("limit", str(PAGE_SIZE)), *_place(asked).params), AgentList),
    }


def draw(page: Page, answers: Answers) -> None:
    """The list; or the one agent that was opened."""
    agent_id = own_fields.text("profile")
    if agent_id:
        agent_page.draw(page, answers, agent_id)
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="own-fields"):
        own_fields.choice_of("sort", "Order", list(ORDERS), 190)
        own_fields.text_field("profile", "Open an agent", "Open an agent by its id", 230)
    totals = answers.query("totals")
    if not states.stands(page, totals) or not isinstance(totals, QueryAnswer):
        return
    _list(page, answers.get("agents", AgentList), totals)


def _place(asked: Asked) -> Place:
    # A relative range moves on with the clock; the place in its list stays.
    period = (asked.period.preset, asked.period.timezone) if asked.period.preset else asked.period
    return place("agents", (period, asked.filters, own_fields.choice("sort", list(ORDERS))))


def _list(page: Page, answer: AgentList | ApiError, totals: QueryAnswer) -> None:
    if isinstance(answer, ApiError):
        failure(answer, "agents")
        return
    at = _place(page.asked)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="count"):
        hidden = subtitle(page.asked.filters, "the cost")
        st.markdown(count_line(len(answer.data), totals.total, at.number) + (f" · {hidden}" if hidden else ""),
                    width="content")  # fmt: skip
        page_buttons(at, answer.next_cursor if answer.has_more else None)
    if not answer.data:
        st.caption("No agents on this page any more: the list has moved on. Go back to the first.")
        return
    _table(page, answer.rows)
    told = ["A click on an agent's name opens its page", *(formats.escaped(note) for note in notes(totals, page.asked))]
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption("  \n".join(told))
        downloads("listed-agents", answer)


def _table(page: Page, agents: Sequence[QueryRow]) -> None:
    step = sparkline_step(page.asked.period)
    over_time = ask_together(page.api, {"over_time": _over_time(page.asked, agents, step)}).query("over_time")
    found = sparklines(over_time) if isinstance(over_time, QueryAnswer) else {}
    theme = theme_colours()["dark" if st.context.theme.type == "dark" else "light"]

    def open_agent(row: int) -> None:
        agent_page.open_agent(*agent_key(agents[row]))

    frame = list_frame(agents, found, page.palette, theme, page.asked.period.timezone)
    list_table(frame, step, page.measures, open_agent, has_sparklines=isinstance(over_time, QueryAnswer))
    if isinstance(over_time, ApiError):
        st.caption(f":red[:material/error:] Runs over time: {formats.escaped(over_time.title)}. The figures stand.")


def _over_time(asked: Asked, agents: Sequence[QueryRow], step: str) -> Question:
    """The runs of these agents in each step; asked for once it is known who they are."""
    ids = tuple(dict.fromkeys(row.text("agent_id") for row in agents))
    return Query(
        asked.period, asked.filters, ("runs",), ("workspace_id", "agent_id"), granularity=step, limit=1000,
        more=(("agent_id", "in", ids),),
    )  # fmt: skip


def count_line(shown: int, totals: QueryRow, number: int) -> str:
    """`**Page 2** · 50 of 120 agents · 6,503 runs · $12.40`."""
    agents, runs = int(totals.number("active_agents") or 0), int(totals.number("runs") or 0)
    first = f"**Page {number}** · " if number > 1 else ""
    counted = f"**{formats.plural(agents, 'agent')}**" if shown >= agents else f"**{shown:,}** of {agents:,} agents"
    cost = totals.exact("cost_usd")
    spent = "" if cost is None else f" · {formats.escaped(formats.money(cost))}"
    return f"{first}{counted} · {formats.plural(runs, 'run')}{spent}"

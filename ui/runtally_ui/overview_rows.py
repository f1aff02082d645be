"""The Overview's rows of agents and of cost: for its drawings and downloads, and the runs behind a bar."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from runtally_ui import drilling
from runtally_ui.answers import Agent, Analytics, DailyRuns, QueryAnswer, QueryMeta, QueryRow
from runtally_ui.chart_data import OUTCOMES, daily_cost
from runtally_ui.page import Page

OF_OUTCOMES: Mapping[str, tuple[str, ...]] = dict(
    zip(OUTCOMES, (("succeeded",), ("failed", "timed_out"), ("cancelled",)), strict=True)
)
"""The statuses that an outcome stands for."""


def duration_rows(agents: Sequence[Agent]) -> QueryAnswer:
    """The mean duration of each agent, and how many runs it is of."""
    return _by_agent(agents, lambda agent: {
        "avg_duration_ms": agent.avg_duration_ms, "timed_runs": agent.coverage.duration, "runs": agent.runs,
    })  # fmt: skip


def outcome_rows(agents: Sequence[Agent]) -> QueryAnswer:
    """How the runs of each agent ended."""

    def row(agent: Agent) -> dict[str, Any]:
        counts = agent.status_counts
        named = {name: getattr(counts, name) for name in ("succeeded", "failed", "timed_out", "cancelled")}
        return {**named, "ended": counts.ended, "failure_rate": counts.errors / counts.ended if counts.ended else None}

    return _by_agent(agents, row)


def cost_rows(rows: Sequence[DailyRuns]) -> QueryAnswer:
    """The cost of each day and up to it."""
    found, total = [], Decimal(0)
    for day, cost in daily_cost(rows).items():
        total += cost or Decimal(0)
        found.append({
            "date": day.isoformat(), "cost_usd": None if cost is None else f"{cost:f}", "cost_so_far_usd": f"{total:f}",
        })  # fmt: skip
    return QueryAnswer(data=found)


def day_steps(rows: Sequence[DailyRuns], timezone: str) -> QueryAnswer:
    """The days as steps of time, for the runs behind a point of the cumulative cost."""
    midnights = (datetime.combine(day, time(), ZoneInfo(timezone)) for day in daily_cost(rows))
    return QueryAnswer(
        data=[{"time": midnight.isoformat()} for midnight in midnights], meta=QueryMeta(granularity="day")
    )


def agents_by_day(answer: Analytics, most: int, timezone: str) -> QueryAnswer:
    """The runs of the `most` busiest agents on each day, those of all others folded: what a query by agent and day
    would answer, out of the answer that is there anyway.
    """
    named = {(agent.workspace_id, agent.agent_id) for agent in answer.agents[:most] if not agent.other}
    counts: dict[tuple[date, str | None, str | None], Counter[str]] = defaultdict(Counter)
    for row in answer.runs_per_day:
        agent = (row.workspace_id, row.agent_id)
        of = (row.date, *agent) if agent in named else (row.date, None, None)
        counts[of].update(runs=row.runs, succeeded=row.succeeded, errors=row.failed)
    zone = ZoneInfo(timezone)
    starts = {day: datetime.combine(day, time(), zone).isoformat() for day, *_ in counts}
    data = [
        {"time": starts[day], "workspace_id": workspace_id, "agent_id": agent_id, "other": agent_id is None, **counted}
        for (day, workspace_id, agent_id), counted in counts.items()
    ]
    meta = answer.meta
    return QueryAnswer(
        data=data,
        meta=QueryMeta(
            data_as_of=meta.data_as_of, hides_failures=meta.hides_failures, data_range=meta.data_range,
            truncated=len(answer.agents) > len(named), granularity="day",
        ),
    )  # fmt: skip


def day_costs(rows: Iterable[QueryRow]) -> list[Decimal | None]:
    """What each day cost, of the rows of an answer by day."""
    return [row.exact("cost_usd") for row in rows]


def agent_behind(
    page: Page,
    key: str,
    agents: Sequence[Agent],
    counted: Callable[[Agent, Mapping[str, Any]], tuple[Mapping[str, drilling.Values], int]],
) -> None:
    """Under a chart of bars by agent: the way to the runs of the one that was clicked, which `counted` tells."""
    mark = drilling.clicked(f"chart-{key}", "agent")
    ids = (mark["Workspace"], mark["agent_id"]) if mark else None
    agent = next((agent for agent in agents if (agent.workspace_id, agent.agent_id) == ids), None)
    if mark is None or agent is None or agent.workspace_id is None or agent.agent_id is None:
        return
    of_runs, runs = counted(agent, mark)
    allowed = page.asked.filters.status
    if allowed and "status" in of_runs:
        of_runs = {**of_runs, "status": tuple(status for status in of_runs["status"] if status in allowed)}
    drilling.runs_behind(
        page, key, page.palette.name(agent.workspace_id, agent.agent_id),
        narrowed={"workspace_id": agent.workspace_id, "agent_id": agent.agent_id}, of_runs=of_runs, runs=runs,
    )  # fmt: skip


def timed_runs(agent: Agent, _: Mapping[str, Any]) -> tuple[Mapping[str, drilling.Values], int]:
    """Of a bar of durations: the runs whose duration is known."""
    return {"min_duration_ms": "0"}, agent.coverage.duration


def outcome_runs(agent: Agent, mark: Mapping[str, Any]) -> tuple[Mapping[str, drilling.Values], int]:
    """Of a part of a bar of outcomes: the runs that ended so."""
    statuses = OF_OUTCOMES[str(mark["outcome"])]
    return {"status": statuses}, sum(int(getattr(agent.status_counts, status)) for status in statuses)


def failed_runs(agent: Agent, _: Mapping[str, Any]) -> tuple[Mapping[str, drilling.Values], int]:
    """Of a bar of failure shares."""
    return {"status": ("failed", "timed_out")}, agent.status_counts.errors


def _by_agent(agents: Sequence[Agent], row: Callable[[Agent], dict[str, Any]]) -> QueryAnswer:
    ids = ("workspace_id", "agent_id", "agent_name", "other")
    return QueryAnswer(data=[{**{name: getattr(agent, name) for name in ids}, **row(agent)} for agent in agents])

"""`GET /api/agents/analytics` (CONTRACT 3.1), the list of agents, and the analytics of one."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from runtally_clickhouse.catalogue import RunFilters, RunQuestion, ask
from runtally_clickhouse.client import Row
from runtally_clickhouse.errors import StoreRefused, StoreUnavailable
from runtally_clickhouse.measures.asking import Answer
from runtally_clickhouse.measures.question import Question

from runtally_api import (
    agent_parts,
    examples,
    examples_named,
    given_ids,  # noqa: F401 - paths below say `given_id`
)
from runtally_api.agent_list import AGENT_ANALYTICS, AGENT_LIST, AGENT_MEASURES, agent_fields, listed_agents
from runtally_api.answers import AgentsAnalytics
from runtally_api.dependencies import AgentLimit, ApiParts, Parts, RangedQuery, RunQuery
from runtally_api.documentation import documented
from runtally_api.folding import add_up, agent_totals, runs_per_day, split_busiest, totals
from runtally_api.group_pages import GroupCursor, page
from runtally_api.meta import build_meta, read_data_range, read_freshness
from runtally_api.problems import Ambiguous, NotFound, Problem, Unavailable, store_refusal
from runtally_api.saved_questions import answer_question, bounded_steps, make_question, named_meta, shown

router = APIRouter(tags=["analytics"])
_RESPONSES = documented(examples.AGENTS_ANALYTICS, 422, 503)


@router.get(
    "/api/agents/analytics", response_model=AgentsAnalytics, response_model_exclude_unset=True, responses=_RESPONSES
)
@router.get(
    "/api/v1/agents/analytics", response_model=AgentsAnalytics, response_model_exclude_unset=True, responses=_RESPONSES
)
def agents_analytics(parts: Parts, query: RangedQuery, agent_limit: AgentLimit = 100) -> dict[str, Any]:
    """Runs, outcomes, durations, tokens and cost by agent and day, the busiest agents first."""
    freshness = read_freshness(parts.reader, query.now)
    agents = ask(parts.reader, RunQuestion.RUNS_BY_AGENT, query.scope)
    days = query.time.days()
    daily = ask(parts.reader, RunQuestion.RUNS_BY_AGENT_AND_DAY, query.scope, {"day_starts_ms": list(days)})
    listed, rest = split_busiest(agents, agent_limit)
    everything = totals(add_up(agents))
    return {
        "runs_per_day": runs_per_day(daily, listed, days, with_other=bool(rest)),
        "agents": agent_totals(listed, rest),
        "totals": everything,
        "meta": build_meta(
            query,
            freshness,
            read_data_range(parts.reader, query),
            {"runs": everything["runs"], **everything["coverage"]},
            truncated=bool(rest),
        ),
    }


@router.get("/api/v1/agents", response_model=AGENT_LIST, responses=documented(examples_named.AGENTS, 422, 503))
def list_agents(
    parts: Parts,
    query: RangedQuery,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(description="next_cursor of the page before; its range counts.")] = None,
) -> dict[str, Any]:
    """Agents and their metrics, the busiest first, page by page."""
    place = GroupCursor.decode(cursor, 2, parts.settings.max_range) if cursor else None
    query = place.applied(query) if place else query
    freshness = read_freshness(parts.reader, query.now)
    question = make_question(query, AGENT_MEASURES, dimensions=("agent_id",), limit=limit + 1, other=False)
    question = replace(question, after=place.after if place else None)
    answer = answer_question(parts, question, query.scope)
    groups, following = page(answer, query, limit)
    return {
        "data": listed_agents(groups, ask(parts.reader, RunQuestion.AGENTS_SEEN, query.scope)),
        "totals": shown(answer.totals, AGENT_MEASURES),
        **following,
        "meta": named_meta(parts, query, freshness, answer),
    }


@router.get(
    "/api/v1/agents/{id:given_id}/analytics",
    response_model=AGENT_ANALYTICS,
    responses=documented(examples_named.AGENT_ANALYTICS, 404, 409, 422, 503, problems={404: examples_named.NO_AGENT}),
)
def agent_analytics(parts: Parts, query: RangedQuery, agent_id: Annotated[str, Path(alias="id")]) -> dict[str, Any]:
    """One agent: performance, resources, errors, users, and how it compares; a part that fails leaves the others."""
    freshness = read_freshness(parts.reader, query.now)
    agent = _agent(parts, query, agent_id)
    workspace_id = agent["workspace_id"]
    own, workspace = (
        replace(
            query,
            scope=replace(
                query.scope,
                filters=replace(query.scope.filters, workspace_id=(workspace_id,), agent_id=agent_ids),
            ),
        )
        for agent_ids in ((agent_id,), ())
    )
    whole = answer_question(parts, make_question(own, ("runs",)), own.scope)

    def ask_own(question: Question) -> Answer:
        return answer_question(parts, question, own.scope)

    def comparisons() -> list[dict[str, Any]]:
        measures = tuple(agent_parts.COMPARED)
        most = parts.settings.max_query_rows
        by_agent = make_question(workspace, measures, dimensions=("agent_id",), limit=most, other=False)
        return agent_parts.comparisons(
            ask_own(make_question(own, measures, compare="previous_period")),
            answer_question(parts, by_agent, workspace.scope),
            (workspace_id, agent_id),
        )

    days = bounded_steps(own.time, "day", parts.settings.max_query_rows, "from")
    found, failed = _each_part(
        {
            "performance": lambda: agent_parts.performance(ask_own, own, days),
            "resources": lambda: agent_parts.resources(ask_own, own),
            "errors": lambda: agent_parts.errors(ask_own, own),
            "users": lambda: agent_parts.users(ask_own, own),
            "comparisons": comparisons,
        }
    )
    return {
        **agent_fields(agent),
        **found,
        "failed_parts": failed,
        "meta": named_meta(parts, own, freshness, whole),
    }


def _agent(parts: ApiParts, query: RunQuery, agent_id: str) -> Row:
    """Who the agent is. Raises `NotFound` when no run that may be seen is its own, in any range, and `Ambiguous`."""
    asked = query.scope.filters
    if asked.agent_id and agent_id not in asked.agent_id:
        raise NotFound(f"agent '{agent_id[:128]}' is not among those of the filter agent_id")
    filters = RunFilters(workspace_id=asked.workspace_id, agent_id=(agent_id,))
    rows = ask(parts.reader, RunQuestion.AGENTS_SEEN, replace(query.scope.without_range(), filters=filters))
    if not rows:
        raise NotFound(f"no agent '{agent_id[:128]}'")
    if len(rows) > 1:
        raise Ambiguous("agent", agent_id[:128], [row["workspace_id"] for row in rows])
    return rows[0]


def _each_part(parts: Mapping[str, Callable[[], Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What each part says, null where it fails, and why those failed."""
    found: dict[str, Any] = {}
    failed = []
    for name, part in parts.items():
        try:
            found[name] = part()
        except (Problem, StoreRefused, StoreUnavailable) as error:
            problem = _problem(error)
            found[name] = None
            failed.append(
                {
                    "part": name,
                    "type": f"/problems/{problem.name}",
                    "status": problem.status,
                    "detail": problem.detail,
                }
            )
    return found, failed


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    return store_refusal(error) if isinstance(error, StoreRefused) else Unavailable("the store does not answer")

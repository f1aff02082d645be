"""`GET /api/agents/analytics` (CONTRACT 3.1), the list of agents, and the analytics of one."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from runtally_clickhouse.catalogue import RunFilters
from runtally_clickhouse.client import Row
from runtally_clickhouse.errors import StoreRefused, StoreUnavailable
from runtally_clickhouse.measures.asking import Answer, AnswerRow
from runtally_clickhouse.measures.cell_questions import CellQuestion
from runtally_clickhouse.measures.question import Order, Question
from runtally_clickhouse.store_parts import read_parts

from runtally_api import (
    agent_parts,
    examples,
    examples_named,
    given_ids,  # noqa: F401 - paths below say `given_id`
)
from runtally_api.agent_list import AGENT_ANALYTICS, AGENT_LIST, AGENT_MEASURES, agent_fields, listed_agents
from runtally_api.answers import AgentsAnalytics
from runtally_api.cursor_seals import opened
from runtally_api.dependencies import AgentLimit, ApiParts, Compare, Parts, RangedQuery, RunQuery
from runtally_api.documentation import documented
from runtally_api.folding import add_up, agent_totals, runs_per_day, split_busiest, totals
from runtally_api.group_pages import GroupCursor, OrderedCursor, ordered_page, page
from runtally_api.identity.access import needs
from runtally_api.identity.permissions import Permission
from runtally_api.meta import build_meta
from runtally_api.problems import Ambiguous, FieldError, InvalidRequest, NotFound, Problem, Unavailable, store_refusal
from runtally_api.saved_questions import (
    answer_of_cells,
    answer_question,
    ask_together,
    bounded_steps,
    make_question,
    named_meta,
    shown,
)
from runtally_api.timing import TimedRoute

router = APIRouter(tags=["analytics"], route_class=TimedRoute, dependencies=[needs(Permission.VIEW_ANALYTICS)])
_RESPONSES = documented(examples.AGENTS_ANALYTICS, 422, 503)
Sort = Annotated[
    str, Query(description="A measure of the list; agents of which it is not known come last.",
               json_schema_extra={"enum": list(AGENT_MEASURES)}),
]  # fmt: skip
Direction = Annotated[Literal["desc", "asc"], Query()]
_Listing = tuple[RunQuery, Question, Callable[[Answer], tuple[Sequence[AnswerRow], dict[str, Any]]]]


@router.get(
    "/api/agents/analytics", response_model=AgentsAnalytics, response_model_exclude_unset=True, responses=_RESPONSES
)
@router.get(
    "/api/v1/agents/analytics", response_model=AgentsAnalytics, response_model_exclude_unset=True, responses=_RESPONSES
)
def agents_analytics(parts: Parts, query: RangedQuery, agent_limit: AgentLimit = 100) -> dict[str, Any]:
    """Runs, outcomes, durations, tokens and cost by agent and day, the busiest agents first."""
    days = query.time.days()
    told = ask_together(
        parts,
        query,
        beside=[
            lambda: answer_of_cells(parts, CellQuestion.RUNS_BY_AGENT, query.scope),
            lambda: answer_of_cells(parts, CellQuestion.RUNS_BY_AGENT_AND_DAY, query.scope, tuple(days)),
        ],
    )
    agents, daily = told.beside
    listed, rest = split_busiest(agents, agent_limit)
    everything = totals(add_up(agents))
    return {
        "runs_per_day": runs_per_day(daily, listed, days, with_other=bool(rest)),
        "agents": agent_totals(listed, rest),
        "totals": everything,
        "meta": build_meta(
            query,
            told.freshness,
            told.data_range,
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
    sort: Sort = "runs",
    direction: Direction = "desc",
) -> dict[str, Any]:
    """Agents and their metrics, the busiest first or by another measure, page by page."""
    order = Order(_sortable(sort), descending=direction == "desc")
    listing = _busiest_agents if order == Order("runs") else _ordered_agents
    query, question, paged = listing(parts, query, cursor, limit, order)
    told = ask_together(
        parts, query, question, beside=[lambda: answer_of_cells(parts, CellQuestion.AGENTS_SEEN, query.scope)]
    )
    (answer,), (seen,) = told.answers, told.beside
    groups, following = paged(answer)
    return {
        "data": listed_agents(groups, seen),
        "totals": shown(answer.totals, AGENT_MEASURES),
        **following,
        "meta": named_meta(query, told),
    }


@router.get(
    "/api/v1/agents/{id:given_id}/analytics",
    response_model=AGENT_ANALYTICS,
    responses=documented(examples_named.AGENT_ANALYTICS, 404, 409, 422, 503, problems={404: examples_named.NO_AGENT}),
)
def agent_analytics(
    parts: Parts,
    query: RangedQuery,
    agent_id: Annotated[str, Path(alias="id")],
    compare: Compare = "previous_period",
) -> dict[str, Any]:
    """One agent: performance, resources, errors, users, and how it compares; a part that fails leaves the others."""
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

    answers: list[Answer] = []

    def ask_about(question: Question, about: RunQuery) -> Answer:
        answer = answer_question(parts, question, about.scope)
        answers.append(answer)
        return answer

    days = bounded_steps(own.time, "day", parts.settings.max_query_rows, "from")
    beside = agent_parts.Beside(workspace, (workspace_id, agent_id), parts.settings.max_query_rows, compare)
    named = agent_parts.named_parts(ask_about, own, days, beside)
    told = ask_together(
        parts, own, make_question(own, ("runs",)), beside=[partial(_tried, part) for part in named.values()]
    )
    tries = dict(zip(named, told.beside, strict=True))
    return {
        **agent_fields(agent),
        **{name: found for name, (found, _) in tries.items()},
        "failed_parts": [_failed(name, problem) for name, (_, problem) in tries.items() if problem is not None],
        "meta": named_meta(own, replace(told, answers=(*told.answers, *answers))),
    }


def _busiest_agents(parts: ApiParts, query: RunQuery, cursor: str | None, limit: int, _: Order) -> _Listing:
    place = GroupCursor.decode(opened(query, cursor), 2, parts.settings.max_range) if cursor else None
    query = place.applied(query) if place else query
    question = make_question(query, AGENT_MEASURES, dimensions=("agent_id",), limit=limit + 1, other=False)
    question = replace(question, after=place.after if place else None)
    return query, question, lambda answer: page(answer, query, limit)


def _ordered_agents(parts: ApiParts, query: RunQuery, cursor: str | None, limit: int, order: Order) -> _Listing:
    longest = parts.settings.max_range
    place = OrderedCursor.decode(opened(query, cursor), order.by, order.descending, longest) if cursor else None
    query, skip = (place.applied(query), place.skip) if place else (query, 0)
    question = make_question(
        query, AGENT_MEASURES, dimensions=("agent_id",), order=(order,), limit=skip + limit + 1, other=False
    )
    return query, question, lambda answer: ordered_page(answer, query, order, skip, limit)


def _sortable(name: str) -> str:
    if name not in AGENT_MEASURES:
        raise InvalidRequest(
            FieldError("sort", f"unknown measure '{name[:60]}'", f"send one of {', '.join(AGENT_MEASURES)}")
        )
    return name


def _agent(parts: ApiParts, query: RunQuery, agent_id: str) -> Row:
    """Who the agent is. Raises `NotFound` when no run that may be seen is its own, in any range, and `Ambiguous`."""
    asked = query.scope.filters
    if asked.agent_id and agent_id not in asked.agent_id:
        raise NotFound(f"agent '{agent_id[:128]}' is not among those of the filter agent_id")
    filters = RunFilters(workspace_id=asked.workspace_id, agent_id=(agent_id,))
    bounds = read_parts(parts.reader).bounds
    ever = bounds and replace(query.scope, start=bounds[0], end=bounds[1], filters=filters)
    rows = answer_of_cells(parts, CellQuestion.AGENTS_SEEN, ever) if ever else []
    if not rows:
        raise NotFound(f"no agent '{agent_id[:128]}'")
    if len(rows) > 1:
        raise Ambiguous("agent", agent_id[:128], [row["workspace_id"] for row in rows])
    return rows[0]


def _tried(part: Callable[[], Any]) -> tuple[Any, Problem | None]:
    """What a part says, None where it fails, and why it did."""
    try:
        return part(), None
    except (Problem, StoreRefused, StoreUnavailable) as error:
        return None, _problem(error)


def _failed(name: str, problem: Problem) -> dict[str, Any]:
    return {"part": name, "type": f"/problems/{problem.name}", "status": problem.status, "detail": problem.detail}


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    return store_refusal(error) if isinstance(error, StoreRefused) else Unavailable("the store does not answer")

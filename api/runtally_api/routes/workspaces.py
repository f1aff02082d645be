"""`GET /api/v1/workspaces`: the list, and the summary and health of one."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from runtally_clickhouse.catalogue import RunFilters, RunQuestion, ask

from runtally_api import (
    examples_workspaces,
    given_ids,  # noqa: F401 - paths below say `given_id`
)
from runtally_api.cursor_seals import opened
from runtally_api.dependencies import ApiParts, Parts, RangedQuery, RunQuery
from runtally_api.documentation import documented
from runtally_api.group_pages import GroupCursor, page
from runtally_api.identity.access import needs
from runtally_api.identity.permissions import Permission
from runtally_api.problems import NotFound
from runtally_api.saved_questions import ask_together, bounded_steps, make_question, named_meta, rows, shown
from runtally_api.timing import TimedRoute
from runtally_api.workspace_answers import (
    BY_DAY,
    BY_GROUP,
    WORKSPACE_HEALTH,
    WORKSPACE_LIST,
    WORKSPACE_MEASURES,
    WORKSPACE_SUMMARY,
)
from runtally_api.workspace_health import HEALTH_MEASURES, health

TOP = 10
router = APIRouter(
    prefix="/api/v1/workspaces",
    tags=["workspaces"],
    route_class=TimedRoute,
    dependencies=[needs(Permission.VIEW_ANALYTICS)],
)
GivenId = Annotated[str, Path(alias="id")]


@router.get("", response_model=WORKSPACE_LIST, responses=documented(examples_workspaces.WORKSPACES, 422, 503))
def list_workspaces(
    parts: Parts,
    query: RangedQuery,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(description="next_cursor of the page before; its range counts.")] = None,
) -> dict[str, Any]:
    """Workspaces and their metrics, the busiest first, page by page."""
    place = GroupCursor.decode(opened(query, cursor), 1, parts.settings.max_range) if cursor else None
    query = place.applied(query) if place else query
    question = make_question(query, WORKSPACE_MEASURES, dimensions=("workspace_id",), limit=limit + 1, other=False)
    told = ask_together(parts, query, replace(question, after=place.after if place else None))
    (answer,) = told.answers
    groups, following = page(answer, query, limit)
    return {
        "data": [
            {"workspace_id": (row.group.key or ("",))[0], **shown(row.values, WORKSPACE_MEASURES)} for row in groups
        ],
        "totals": shown(answer.totals, WORKSPACE_MEASURES),
        **following,
        "meta": named_meta(query, told),
    }


@router.get(
    "/{id:given_id}/summary",
    response_model=WORKSPACE_SUMMARY,
    responses=documented(examples_workspaces.SUMMARY, 404, 422, 503, problems={404: examples_workspaces.NO_WORKSPACE}),
)
def workspace_summary(parts: Parts, query: RangedQuery, workspace_id: GivenId) -> dict[str, Any]:
    """A workspace beside the period before it, its days, and its busiest agents and models."""
    own = _of_workspace(parts, query, workspace_id)
    days = bounded_steps(own.time, "day", parts.settings.max_query_rows, "from")
    told = ask_together(
        parts,
        own,
        make_question(own, WORKSPACE_MEASURES, compare="previous_period"),
        make_question(own, BY_DAY, days),
        *(make_question(own, BY_GROUP, dimensions=(name,), limit=TOP) for name in ("agent_id", "model")),
    )
    whole, series, agents, models = told.answers
    return {
        "workspace_id": workspace_id,
        **rows(whole, WORKSPACE_MEASURES)[0],
        "series": rows(series, BY_DAY),
        "agents": [_without_workspace(row) for row in rows(agents, BY_GROUP)],
        "models": rows(models, BY_GROUP),
        "meta": named_meta(own, told, truncated=agents.truncated or models.truncated),
    }


@router.get(
    "/{id:given_id}/health",
    response_model=WORKSPACE_HEALTH,
    responses=documented(examples_workspaces.HEALTH, 404, 422, 503, problems={404: examples_workspaces.NO_WORKSPACE}),
)
def workspace_health(parts: Parts, query: RangedQuery, workspace_id: GivenId) -> dict[str, Any]:
    """How well a workspace does, 0 to 100, and the parts that this is made of."""
    own = _of_workspace(parts, query, workspace_id)
    told = ask_together(parts, own, make_question(own, HEALTH_MEASURES, compare="previous_period"))
    (answer,) = told.answers
    row = answer.rows[0]
    then = row.then or {}
    return {
        "workspace_id": workspace_id,
        **health(row.values, then),
        "values": shown(row.values, HEALTH_MEASURES),
        "previous": shown(then, HEALTH_MEASURES),
        "meta": named_meta(own, told),
    }


def _of_workspace(parts: ApiParts, query: RunQuery, workspace_id: str) -> RunQuery:
    """The question about one workspace alone. Raises `NotFound` when no run that may be seen is in it, in any range."""
    asked = query.scope.filters
    if asked.workspace_id and workspace_id not in asked.workspace_id:
        raise NotFound(f"workspace '{workspace_id[:128]}' is not among those of the filter workspace_id")
    known = replace(query.scope.without_range(), filters=RunFilters(workspace_id=(workspace_id,)))
    if not ask(parts.reader, RunQuestion.DATA_RANGE, known)[0]["runs"]:
        raise NotFound(f"no workspace '{workspace_id[:128]}'")
    scope = replace(query.scope, filters=replace(asked, workspace_id=(workspace_id,)))
    return replace(query, scope=scope)


def _without_workspace(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "workspace_id"}

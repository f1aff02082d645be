"""`/models/compare` and `/sessions` under `/api/v1`: models beside each other, and sessions page by page."""

from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query
from runtally_clickhouse.measures.question import Filter

from runtally_api import examples_named as examples
from runtally_api import use_answers as answers
from runtally_api.cursor_seals import opened
from runtally_api.dependencies import Compare, Parts, RangedQuery
from runtally_api.documentation import documented
from runtally_api.formats import ratio
from runtally_api.group_pages import GroupCursor, page
from runtally_api.identity.access import needs
from runtally_api.identity.permissions import Permission
from runtally_api.saved_questions import ask_together, make_question, named_meta, rows, shown
from runtally_api.timing import TimedRoute
from runtally_api.usage import model_name

router = APIRouter(
    prefix="/api/v1", tags=["analytics"], route_class=TimedRoute, dependencies=[needs(Permission.VIEW_ANALYTICS)]
)
WITH_MODEL = Filter("model", "not_in", ("",))
IN_SESSION = Filter("session_id", "not_in", ("",))


@router.get("/models/compare", response_model=answers.MODELS_ANSWER, responses=documented(examples.MODELS, 422, 503))
def compare_models(
    parts: Parts,
    query: RangedQuery,
    compare: Compare = "previous_period",
    limit: Annotated[int, Query(ge=1, le=1000, description="Models listed; the others are folded into one row.")] = 100,
) -> dict[str, Any]:
    """Models beside each other: outcomes, durations, tokens and cost, and how each changed."""
    question = make_question(
        query, answers.MODEL_MEASURES, dimensions=("model",), filters=(WITH_MODEL,), limit=limit, compare=compare
    )
    told = ask_together(parts, query, question)
    (answer,) = told.answers
    cost = answer.totals["cost_usd"]
    models = [
        {
            **row,
            "model_name": None if row["other"] else model_name(row["model"]),
            "share_of_runs": ratio(row["runs"], answer.runs),
            "share_of_cost": _share(row["cost_usd"], cost if isinstance(cost, Decimal) else None),
        }
        for row in rows(answer, answers.MODEL_MEASURES)
    ]
    return {
        "models": models,
        "totals": shown(answer.totals, answers.MODEL_MEASURES),
        "meta": named_meta(query, told, truncated=answer.truncated),
    }


def _share(cost: str | None, total: Decimal | None) -> float | None:
    return None if cost is None or not total else float(Decimal(cost) / total)


@router.get("/sessions", response_model=answers.SESSIONS_ANSWER, responses=documented(examples.SESSIONS, 422, 503))
def sessions(
    parts: Parts,
    query: RangedQuery,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(description="next_cursor of the page before; its range counts.")] = None,
    totals: Annotated[
        bool, Query(description="false leaves them null: of many sessions they take the longest.")
    ] = True,
) -> dict[str, Any]:
    """Sessions of runs, those with the most runs first, page by page; and what all of them come to."""
    place = GroupCursor.decode(opened(query, cursor), 2, parts.settings.max_range) if cursor else None
    query = place.applied(query) if place else query
    question = make_question(
        query,
        answers.SESSION_MEASURES,
        dimensions=("workspace_id", "session_id"),
        filters=(IN_SESSION,),
        limit=limit + 1,
        other=False,
    )
    question = replace(question, after=place.after if place else None, alone=True)
    told = ask_together(parts, query, make_question(query, answers.SESSION_TOTALS if totals else ()), question)
    of_all, answer = told.answers
    groups, following = page(answer, query, limit)
    listed = rows(replace(answer, rows=list(groups)), answers.SESSION_MEASURES)
    return {
        "data": [{name: value for name, value in row.items() if name != "other"} for row in listed],
        "totals": shown(of_all.totals, answers.SESSION_TOTALS) if totals else None,
        **following,
        "meta": named_meta(query, told),
    }

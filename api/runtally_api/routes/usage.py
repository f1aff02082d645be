"""`GET /api/v1/analytics/usage | agents | models | summary` (CONTRACT 3.2)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from fastapi import APIRouter
from runtally_clickhouse.catalogue import RunQuestion, ask
from runtally_clickhouse.client import Row
from runtally_clickhouse.measures.cell_questions import CellQuestion

from runtally_api import answers, examples
from runtally_api.dependencies import AgentLimit, ApiParts, Parts, RangedQueryWithAliases, RunQuery
from runtally_api.documentation import documented
from runtally_api.folding import add_up, split_busiest
from runtally_api.identity.access import needs
from runtally_api.identity.permissions import Permission
from runtally_api.meta import build_meta
from runtally_api.ranges import midnight
from runtally_api.saved_questions import answer_of_cells, ask_together
from runtally_api.timing import TimedRoute
from runtally_api.usage import agent_usage, daily_usage, mean_ms, model_name

ACTIVE_DAYS = 7
router = APIRouter(
    prefix="/api/v1/analytics",
    tags=["analytics"],
    route_class=TimedRoute,
    dependencies=[needs(Permission.VIEW_ANALYTICS)],
)


@router.get("/usage", response_model=answers.Usage, responses=documented(examples.USAGE, 422, 503))
def usage(parts: Parts, query: RangedQueryWithAliases) -> dict[str, Any]:
    """Runs, tokens and sessions over the range and on each of its days."""
    days = query.time.days()
    meta, total, rows = _asked(
        parts,
        query,
        lambda: ask(parts.reader, RunQuestion.USAGE_TOTALS, query.scope),  # sessions are not in cells
        lambda: ask(parts.reader, RunQuestion.USAGE_BY_DAY, query.scope, {"day_starts_ms": list(days)}),
    )
    return {
        "total_messages": total["messages"],
        "total_tokens": total["tokens"],
        "total_sessions": total["sessions"],
        "avg_response_time_ms": mean_ms(total),
        "daily_usage": daily_usage(rows, days),
        "meta": meta,
    }


@router.get(
    "/agents",
    response_model=answers.AgentsUsage,
    response_model_exclude_unset=True,
    responses=documented(examples.AGENTS_USAGE, 422, 503),
)
def agents(parts: Parts, query: RangedQueryWithAliases, agent_limit: AgentLimit = 100) -> dict[str, Any]:
    """Use, response time and errors of each agent, the busiest first."""
    meta, total, rows = _asked_of_cells(parts, query, CellQuestion.RUNS_BY_AGENT)
    listed, rest = split_busiest(rows, agent_limit)
    entries = [{"name": row["agent_id"], "workspace_id": row["workspace_id"], **agent_usage(row)} for row in listed]
    if rest:
        entries.append({"name": None, "workspace_id": None, "other": True, **agent_usage(add_up(rest))})
    return {"agents": entries, "total_calls": total["messages"], "meta": {**meta, "truncated": bool(rest)}}


@router.get("/models", response_model=answers.ModelsUsage, responses=documented(examples.MODELS_USAGE, 422, 503))
def models(parts: Parts, query: RangedQueryWithAliases) -> dict[str, Any]:
    """Use of each model, the busiest first. Runs without a model are not counted here."""
    meta, _, rows = _asked_of_cells(parts, query, CellQuestion.RUNS_BY_MODEL)
    entries = [{**row, "model_name": model_name(row["model_id"])} for row in rows]
    return {"models": entries, "total_usage": sum(row["usage_count"] for row in rows), "meta": meta}


@router.get("/summary", response_model=answers.Summary, responses=documented(examples.SUMMARY, 422, 503))
def summary(parts: Parts, query: RangedQueryWithAliases) -> dict[str, Any]:
    """The headline numbers; a session is active when it has a run in the 7 days that end today."""
    today = query.now.astimezone(query.time.zone).date()
    recent = replace(
        query.scope,
        start=midnight(today - timedelta(days=ACTIVE_DAYS - 1), query.time.zone),
        end=midnight(today + timedelta(days=1), query.time.zone),
    )
    totals = partial(answer_of_cells, parts, CellQuestion.RUN_TOTALS, query.scope)
    meta, total, active = _asked(parts, query, totals, lambda: ask(parts.reader, RunQuestion.USAGE_TOTALS, recent))
    return {
        "total_messages": total["messages"],
        "active_sessions": active[0]["sessions"],
        "total_tokens": total["tokens"],
        "avg_response_time_ms": mean_ms(total),
        "meta": meta,
    }


def _asked_of_cells(parts: ApiParts, query: RunQuery, question: CellQuestion) -> tuple[dict[str, Any], Row, list[Row]]:
    totals = partial(answer_of_cells, parts, CellQuestion.RUN_TOTALS, query.scope)
    return _asked(parts, query, totals, partial(answer_of_cells, parts, question, query.scope))


def _asked(
    parts: ApiParts, query: RunQuery, totals: Callable[[], list[Row]], beside: Callable[[], list[Row]]
) -> tuple[dict[str, Any], Row, list[Row]]:
    """`meta` and the totals of the request, and what was read beside them."""
    told = ask_together(parts, query, beside=[totals, beside])
    (total,), rows = told.beside
    coverage = {
        "runs": total["messages"],
        "cost": total["known_costs"],
        "duration": total["known_durations"],
        "tokens": total["known_tokens"],
    }
    return build_meta(query, told.freshness, told.data_range, coverage), total, rows

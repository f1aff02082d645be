"""`/executions`, `/metrics/execution` and `/metrics/execution/realtime` under `/api/v1`: how runs go and end."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from runtally_clickhouse.catalogue import FIRST_INSTANT, LAST_INSTANT
from runtally_clickhouse.measures.time_steps import make_steps

from runtally_api import examples_named as examples
from runtally_api import execution_answers as answers
from runtally_api.dependencies import AgentLimit, Compare, Parts, RangedQuery, RecentQuery, Steps
from runtally_api.documentation import documented
from runtally_api.formats import ratio
from runtally_api.identity.access import needs
from runtally_api.identity.permissions import Permission
from runtally_api.saved_questions import ask_together, bounded_steps, make_question, named_meta, rows, shown
from runtally_api.timing import TimedRoute

GROUPS = 20
router = APIRouter(
    prefix="/api/v1", tags=["executions"], route_class=TimedRoute, dependencies=[needs(Permission.VIEW_ANALYTICS)]
)


@router.get(
    "/executions", response_model=answers.EXECUTIONS_ANSWER, responses=documented(examples.EXECUTIONS, 422, 503)
)
def executions(parts: Parts, query: RangedQuery, granularity: Steps = "auto") -> dict[str, Any]:
    """How many runs there are of each status, trigger and environment, and how that went over time."""
    steps = bounded_steps(
        query.time, None if granularity == "auto" else granularity, parts.settings.max_query_rows, "granularity"
    )
    names = ("status", "trigger", "environment")
    told = ask_together(
        parts,
        query,
        make_question(query, answers.EXECUTIONS, steps),
        *(make_question(query, answers.EXECUTIONS_OF, dimensions=(name,), limit=GROUPS) for name in names),
    )
    series, *groups = told.answers
    return {
        "totals": shown(series.totals, answers.EXECUTIONS),
        **{
            f"by_{name}": [
                {**row, "share": ratio(row["runs"], answer.runs)} for row in rows(answer, answers.EXECUTIONS_OF)
            ]
            for name, answer in zip(names, groups, strict=True)
        },
        "series": rows(series, answers.EXECUTIONS),
        "meta": named_meta(query, told, truncated=any(answer.truncated for answer in groups)),
    }


@router.get(
    "/metrics/execution",
    response_model=answers.EXECUTION_METRICS_ANSWER,
    responses=documented(examples.EXECUTION_METRICS, 422, 503),
)
def execution_metrics(
    parts: Parts, query: RangedQuery, compare: Compare = "previous_period", agent_limit: AgentLimit = 100
) -> dict[str, Any]:
    """What runs take: time, waiting, calls and tokens, beside the range before, and by agent."""
    measures = answers.EXECUTION_METRICS
    told = ask_together(
        parts,
        query,
        make_question(query, measures, compare=compare),
        make_question(query, measures, dimensions=("agent_id",), limit=agent_limit),
    )
    totals, agents = told.answers
    return {
        "totals": rows(totals, measures)[0],
        "by_agent": rows(agents, measures),
        "meta": named_meta(query, told, truncated=agents.truncated),
    }


@router.get(
    "/metrics/execution/realtime",
    response_model=answers.REALTIME_ANSWER,
    responses=documented(examples.REALTIME, 422, 503),
)
def realtime(parts: Parts, query: RecentQuery) -> dict[str, Any]:
    """Runs queued and under way now, and those that started in the last minute and in the last five."""
    zone = query.time.zone
    ever = make_steps(FIRST_INSTANT, LAST_INSTANT, zone, "none")
    minute = make_steps(query.now - timedelta(minutes=1), query.now, zone, "none")
    told = ask_together(
        parts,
        query,
        make_question(query, answers.RECENT),
        make_question(query, answers.RECENT, minute),
        make_question(query, answers.NOW, ever),
    )
    last_five, last, now = told.answers
    return {
        "now": shown(now.totals, answers.NOW),
        "last_minute": shown(last.totals, answers.RECENT),
        "last_five_minutes": shown(last_five.totals, answers.RECENT),
        "meta": named_meta(query, told),
    }

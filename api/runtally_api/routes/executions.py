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
from runtally_api.meta import read_freshness
from runtally_api.saved_questions import answer_question, bounded_steps, make_question, named_meta, rows, shown

GROUPS = 20
router = APIRouter(prefix="/api/v1", tags=["executions"])


@router.get(
    "/executions", response_model=answers.EXECUTIONS_ANSWER, responses=documented(examples.EXECUTIONS, 422, 503)
)
def executions(parts: Parts, query: RangedQuery, granularity: Steps = "auto") -> dict[str, Any]:
    """How many runs there are of each status, trigger and environment, and how that went over time."""
    freshness = read_freshness(parts.reader, query.now)
    steps = bounded_steps(
        query.time, None if granularity == "auto" else granularity, parts.settings.max_query_rows, "granularity"
    )
    series = answer_question(parts, make_question(query, answers.EXECUTIONS, steps), query.scope)
    groups = {
        name: answer_question(
            parts, make_question(query, answers.EXECUTIONS_OF, dimensions=(name,), limit=GROUPS), query.scope
        )
        for name in ("status", "trigger", "environment")
    }
    return {
        "totals": shown(series.totals, answers.EXECUTIONS),
        **{
            f"by_{name}": [
                {**row, "share": ratio(row["runs"], answer.runs)} for row in rows(answer, answers.EXECUTIONS_OF)
            ]
            for name, answer in groups.items()
        },
        "series": rows(series, answers.EXECUTIONS),
        "meta": named_meta(
            parts,
            query,
            freshness,
            series,
            *groups.values(),
            truncated=any(answer.truncated for answer in groups.values()),
        ),
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
    freshness = read_freshness(parts.reader, query.now)
    measures = answers.EXECUTION_METRICS
    totals = answer_question(parts, make_question(query, measures, compare=compare), query.scope)
    agents = answer_question(
        parts, make_question(query, measures, dimensions=("agent_id",), limit=agent_limit), query.scope
    )
    return {
        "totals": rows(totals, measures)[0],
        "by_agent": rows(agents, measures),
        "meta": named_meta(parts, query, freshness, totals, truncated=agents.truncated),
    }


@router.get(
    "/metrics/execution/realtime",
    response_model=answers.REALTIME_ANSWER,
    responses=documented(examples.REALTIME, 422, 503),
)
def realtime(parts: Parts, query: RecentQuery) -> dict[str, Any]:
    """Runs queued and under way now, and those that started in the last minute and in the last five."""
    freshness = read_freshness(parts.reader, query.now)
    zone = query.time.zone
    ever = make_steps(FIRST_INSTANT, LAST_INSTANT, zone, "none")
    minute = make_steps(query.now - timedelta(minutes=1), query.now, zone, "none")
    now = answer_question(parts, make_question(query, answers.NOW, ever), query.scope)
    last = answer_question(parts, make_question(query, answers.RECENT, minute), query.scope)
    last_five = answer_question(parts, make_question(query, answers.RECENT), query.scope)
    return {
        "now": shown(now.totals, answers.NOW),
        "last_minute": shown(last.totals, answers.RECENT),
        "last_five_minutes": shown(last_five.totals, answers.RECENT),
        "meta": named_meta(parts, query, freshness, last_five),
    }

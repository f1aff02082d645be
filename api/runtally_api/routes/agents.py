"""`GET /api/agents/analytics` (CONTRACT 3.1)."""

from typing import Any

from fastapi import APIRouter
from runtally_clickhouse.catalogue import RunQuestion, ask

from runtally_api import examples
from runtally_api.answers import AgentsAnalytics
from runtally_api.dependencies import AgentLimit, Parts, RangedQuery
from runtally_api.documentation import documented
from runtally_api.folding import add_up, agent_totals, runs_per_day, split_busiest, totals
from runtally_api.meta import build_meta, read_data_range, read_freshness

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

"""`/performance`, `/stats`, `/throughput` and `/latency` under `/api/v1`: how well, how much and how fast."""

from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from runtally_clickhouse.measures.histograms import HistogramName, ask_histogram, histogram_buckets
from runtally_clickhouse.measures.question import Question

from runtally_api import examples_named as examples
from runtally_api import execution_answers as answers
from runtally_api.dependencies import AgentLimit, ApiParts, Compare, Parts, RangedQuery, RunQuery, Steps
from runtally_api.documentation import documented
from runtally_api.identity.access import needs
from runtally_api.identity.permissions import Permission
from runtally_api.saved_questions import ask_together, bounded_steps, make_question, named_meta, rows, shown
from runtally_api.timing import TimedRoute

router = APIRouter(
    prefix="/api/v1", tags=["performance"], route_class=TimedRoute, dependencies=[needs(Permission.VIEW_ANALYTICS)]
)


@router.get(
    "/performance", response_model=answers.PERFORMANCE_ANSWER, responses=documented(examples.PERFORMANCE, 422, 503)
)
def performance(
    parts: Parts,
    query: RangedQuery,
    granularity: Steps = "auto",
    compare: Compare = "previous_period",
    agent_limit: AgentLimit = 100,
) -> dict[str, Any]:
    """Outcomes and durations: over the range and the one before, over time, and by agent."""
    told = ask_together(
        parts,
        query,
        make_question(query, answers.PERFORMANCE, compare=compare),
        _series(parts, query, answers.PERFORMANCE, granularity),
        _by_agent(query, answers.PERFORMANCE, agent_limit),
    )
    totals, series, agents = told.answers
    return {
        "totals": rows(totals, answers.PERFORMANCE)[0],
        "series": rows(series, answers.PERFORMANCE),
        "by_agent": rows(agents, answers.PERFORMANCE),
        "meta": named_meta(query, told, truncated=agents.truncated),
    }


@router.get("/stats", response_model=answers.STATS_ANSWER, responses=documented(examples.STATS, 422, 503))
def stats(parts: Parts, query: RangedQuery, compare: Compare = "previous_period") -> dict[str, Any]:
    """The numbers of the whole fleet, beside those of the range before."""
    told = ask_together(parts, query, make_question(query, answers.STATS, compare=compare))
    (totals,) = told.answers
    return {"totals": rows(totals, answers.STATS)[0], "meta": named_meta(query, told)}


@router.get(
    "/throughput", response_model=answers.THROUGHPUT_ANSWER, responses=documented(examples.THROUGHPUT, 422, 503)
)
def throughput(
    parts: Parts, query: RangedQuery, granularity: Steps = "auto", compare: Compare = "previous_period"
) -> dict[str, Any]:
    """Runs, tokens and cost over time, and the busiest step."""
    told = ask_together(
        parts,
        query,
        make_question(query, answers.THROUGHPUT, compare=compare),
        _series(parts, query, answers.THROUGHPUT, granularity),
    )
    totals, answer = told.answers
    series = rows(answer, answers.THROUGHPUT)
    busiest = max(series, key=lambda row: row["runs_per_minute"], default=None)
    peak = None
    if busiest is not None and busiest["runs"]:
        peak = {name: busiest[name] for name in ("time", "runs", "runs_per_minute")}
    return {
        "totals": rows(totals, answers.THROUGHPUT)[0],
        "peak": peak,
        "granularity": answer.question.steps.granularity,
        "series": series,
        "meta": named_meta(query, told),
    }


@router.get("/latency", response_model=answers.LATENCY_ANSWER, responses=documented(examples.LATENCY, 422, 503))
def latency(
    parts: Parts,
    query: RangedQuery,
    buckets: Annotated[int, Query(ge=2, le=200, description="At most so many bars of each histogram.")] = 30,
    agent_limit: AgentLimit = 100,
) -> dict[str, Any]:
    """How long runs took and waited: percentiles, histograms, and each agent's."""
    measures = ("runs", *answers.DURATIONS, *answers.QUEUE_TIMES)
    names: tuple[HistogramName, ...] = ("duration_histogram", "queue_histogram")
    told = ask_together(
        parts,
        query,
        _by_agent(query, measures, agent_limit),
        beside=[partial(_histogram, parts, query, name, buckets) for name in names],
    )
    (answer,), (durations, queue_times) = told.answers, told.beside
    known = answer.known
    return {
        "runs": answer.runs,
        "duration": {
            **shown(answer.totals, answers.DURATIONS),
            "known_runs": known["avg_duration_ms"],
            "histogram": durations,
        },
        "queue": {
            **shown(answer.totals, answers.QUEUE_TIMES),
            "known_runs": known["avg_queue_ms"],
            "histogram": queue_times,
        },
        "by_agent": rows(answer, measures),
        "meta": named_meta(query, told, truncated=answer.truncated),
    }


def _series(parts: ApiParts, query: RunQuery, measures: tuple[str, ...], granularity: Steps) -> Question:
    steps = bounded_steps(
        query.time, None if granularity == "auto" else granularity, parts.settings.max_query_rows, "granularity"
    )
    return make_question(query, measures, steps)


def _by_agent(query: RunQuery, measures: tuple[str, ...], limit: int) -> Question:
    return make_question(query, measures, dimensions=("agent_id",), limit=limit)


def _histogram(parts: ApiParts, query: RunQuery, name: HistogramName, most: int) -> list[dict[str, int]]:
    return [asdict(bucket) for bucket in histogram_buckets(ask_histogram(parts.reader, name, query.scope), most)]

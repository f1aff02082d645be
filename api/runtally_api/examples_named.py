"""The examples of the named endpoints: one plausible value for each measure. A test holds each to its schema."""

from collections.abc import Sequence
from typing import Any

from runtally_clickhouse.measures.definitions import MEASURES

from runtally_api import agent_parts
from runtally_api import execution_answers as executions
from runtally_api import use_answers as use
from runtally_api.agent_list import AGENT_MEASURES
from runtally_api.examples import META, PROBLEMS, Example
from runtally_api.saved_questions import with_status_counts

NAMED_META: Example = {**META, "approximate": {"p95_duration_ms": "nearest rank, within 1%"}}
_VALUES: Example = {
    "runs": 240,
    "root_runs": 200,
    "sub_runs": 40,
    "queued": 0,
    "running": 1,
    "stalled": 0,
    "succeeded": 200,
    "failed": 30,
    "timed_out": 4,
    "cancelled": 3,
    "unknown": 2,
    "errors": 34,
    "runs_per_minute": 0.005555555555555556,
    "success_rate": 0.8438818565400844,
    "success_rate_all": 0.8333333333333334,
    "failure_rate": 0.14345991561181434,
    "input_tokens": 120000,
    "output_tokens": 34000,
    "total_tokens": 154000,
    "cost_usd": "7.412",
    "cost_per_run_usd": "0.03208658",
    "cost_per_success_usd": "0.03706",
    "cost_coverage": 0.9625,
    "credits": "12.5",
    "avg_duration_ms": 1834.25,
    "p50_duration_ms": 1310.4,
    "p75_duration_ms": 2101.7,
    "p90_duration_ms": 3402.9,
    "p95_duration_ms": 4310.1,
    "p99_duration_ms": 6120.8,
}


def measured_example(measures: Sequence[str]) -> Example:
    """These measures with plausible values, by the names and in the order of an answer."""
    return with_status_counts({name: _VALUES.get(name, _typical(name)) for name in measures})


def _typical(name: str) -> Any:
    measure = MEASURES[name]
    if measure.type == "decimal":
        return "0.5"
    if measure.type == "datetime":
        return "2026-11-21T09:29:58Z"
    return 12 if measure.type == "integer" else 0.5 if measure.unit == "fraction" else 1.5


_AGENT: Example = {
    "workspace_id": "acme",
    "agent_id": "planner",
    "agent_name": "Planner",
    "first_run_at": "2026-10-23T08:00:00Z",
    "last_run_at": "2026-11-21T09:29:58Z",
}
AGENTS: Example = {
    "data": [{**_AGENT, **measured_example(AGENT_MEASURES)}],
    "totals": measured_example(AGENT_MEASURES),
    "next_cursor": None,
    "has_more": False,
    "meta": NAMED_META,
}
_BY_AGENT: Example = {"other": False}
AGENT_ANALYTICS: Example = {
    **_AGENT,
    "performance": {
        **measured_example(agent_parts.PERFORMANCE),
        "series": [{"time": "2026-11-21T00:00:00Z", **measured_example(agent_parts.SERIES)}],
    },
    "resources": {
        **measured_example(agent_parts.RESOURCES),
        "models": [{"model": "claude-sonnet-4", **_BY_AGENT, **measured_example(agent_parts.BY_MODEL)}],
    },
    "errors": {
        **measured_example(agent_parts.ERRORS),
        "types": [{"error_type": "RateLimited", **_BY_AGENT, **measured_example(agent_parts.BY_ERROR), "share": 0.625}],
    },
    "users": None,
    "comparisons": [
        {
            "measure": "cost_usd",
            "value": "7.412",
            "workspace_average": "5.2",
            "first_is": "highest",
            "rank": 2,
            "ranked_agents": 9,
            "percentile": 0.875,
            "previous": "6.1",
            "change": 0.215082,
        }
    ],
    "failed_parts": [
        {
            "part": "users",
            "type": "/problems/invalid-query",
            "status": 422,
            "detail": "time: the question needs more memory than one may take",
        }
    ],
    "meta": NAMED_META,
}
NO_AGENT: Example = {**PROBLEMS[404], "detail": "no agent 'coder'"}
_OF_AGENT: Example = {"workspace_id": "acme", "agent_id": "planner", "other": False}
_TIME = "2026-11-21T00:00:00Z"


def _compared(measures: Sequence[str]) -> Example:
    then = measured_example(measures)
    changes = {name: None for name in measures if name in ("first_run_at", "last_run_at")}
    return {**then, "compare": then, "change": {**dict.fromkeys(measures, 0.0), **changes}}


PERFORMANCE: Example = {
    "totals": _compared(executions.PERFORMANCE),
    "series": [{"time": _TIME, **measured_example(executions.PERFORMANCE)}],
    "by_agent": [{**_OF_AGENT, **measured_example(executions.PERFORMANCE)}],
    "meta": NAMED_META,
}
STATS: Example = {"totals": _compared(executions.STATS), "meta": NAMED_META}
_EXECUTIONS_OF: Example = {"other": False, **measured_example(executions.EXECUTIONS_OF), "share": 1.0}
EXECUTIONS: Example = {
    "totals": measured_example(executions.EXECUTIONS),
    "by_status": [{"status": "succeeded", **_EXECUTIONS_OF}],
    "by_trigger": [{"trigger": "schedule", **_EXECUTIONS_OF}],
    "by_environment": [{"environment": "production", **_EXECUTIONS_OF}],
    "series": [{"time": _TIME, **measured_example(executions.EXECUTIONS)}],
    "meta": NAMED_META,
}
EXECUTION_METRICS: Example = {
    "totals": _compared(executions.EXECUTION_METRICS),
    "by_agent": [{**_OF_AGENT, **measured_example(executions.EXECUTION_METRICS)}],
    "meta": NAMED_META,
}
REALTIME: Example = {
    "now": {"queued": 3, "running": 12, "stalled": 1},
    "last_minute": measured_example(executions.RECENT),
    "last_five_minutes": measured_example(executions.RECENT),
    "meta": NAMED_META,
}
THROUGHPUT: Example = {
    "totals": _compared(executions.THROUGHPUT),
    "peak": {"time": _TIME, "runs": 12, "runs_per_minute": 0.008333333333333333},
    "granularity": "day",
    "series": [{"time": _TIME, **measured_example(executions.THROUGHPUT)}],
    "meta": NAMED_META,
}
_BARS: list[Example] = [{"from_ms": 0, "to_ms": 1, "runs": 2}, {"from_ms": 1000, "to_ms": 1220, "runs": 236}]
LATENCY: Example = {
    "runs": 240,
    "duration": {**measured_example(executions.DURATIONS), "known_runs": 238, "histogram": _BARS},
    "queue": {**measured_example(executions.QUEUE_TIMES), "known_runs": 0, "histogram": []},
    "by_agent": [
        {**_OF_AGENT, **measured_example(("runs", *executions.DURATIONS, *executions.QUEUE_TIMES))},
    ],
    "meta": NAMED_META,
}
MODELS: Example = {
    "models": [
        {
            "model": "claude-sonnet-4",
            "model_name": "Claude Sonnet 4",
            "other": False,
            **_compared(use.MODEL_MEASURES),
            "share_of_runs": 1.0,
            "share_of_cost": 1.0,
        }
    ],
    "totals": measured_example(use.MODEL_MEASURES),
    "meta": NAMED_META,
}
SESSIONS: Example = {
    "data": [{"workspace_id": "acme", "session_id": "s-7", **measured_example(use.SESSION_MEASURES)}],
    "totals": measured_example(use.SESSION_TOTALS),
    "next_cursor": None,
    "has_more": False,
    "meta": NAMED_META,
}

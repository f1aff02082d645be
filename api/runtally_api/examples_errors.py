"""The examples of the OpenAPI document about errors."""

from runtally_api.examples import META, PROBLEMS, RUN, Example

NAMED_META: Example = {**META, "approximate": {}}
_VALUES: Example = {
    "runs": 24,
    "errors": 21,
    "affected_agents": 2,
    "affected_users": 9,
    "recovery_rate": 0.125,
    "mean_time_to_recovery_ms": 1200.0,
    "first_seen_at": "2026-10-24T06:11:00.500Z",
    "last_seen_at": "2026-11-21T09:12:44Z",
}
SHARED: Example = {"other": False, **_VALUES, "share": 0.6486486486486487}
_REST: Example = {
    "other": True,
    "runs": 13,
    "errors": 13,
    "affected_agents": 3,
    "affected_users": 4,
    "recovery_rate": 0.0,
    "mean_time_to_recovery_ms": None,
    "first_seen_at": "2026-10-25T00:00:00Z",
    "last_seen_at": "2026-11-20T17:40:02Z",
    "share": 0.35135135135135137,
}
ERRORS: Example = {
    "totals": {
        "runs": 240,
        "runs_with_errors": 37,
        "errors": 34,
        "failure_rate": 0.14345991561181434,
        "affected_agents": 4,
        "affected_users": 11,
        "recovery_rate": 0.08108108108108109,
        "mean_time_to_recovery_ms": 1200.0,
        "first_seen_at": "2026-10-24T06:11:00.500Z",
        "last_seen_at": "2026-11-21T09:12:44Z",
    },
    "by_type": [{"error_type": "RateLimitError", **SHARED}, {"error_type": None, **_REST}],
    "by_category": [{"error_category": "rate_limit", **SHARED}],
    "by_severity": [{"error_severity": "high", **SHARED}],
    "meta": NAMED_META,
}
_LOOK: Example = {
    "path": "/api/v1/query",
    "body": {
        "measures": ["runs", "errors", "first_run_at", "last_run_at"],
        "dimensions": ["agent_id", "error_type"],
        "time": {"from": "2026-10-23T00:00:00Z", "to": "2026-11-22T00:00:00Z", "timezone": "UTC"},
        "filters": [
            {"dimension": "hour", "op": "in", "values": [14]},
            {"dimension": "has_error", "op": "in", "values": [True]},
        ],
        "root_only": False,
    },
}
PATTERNS: Example = {
    "totals": {"runs": 240, "runs_with_errors": 37, "share_with_errors": 0.15416666666666667},
    "by_hour": [
        {
            "hour": 14,
            "runs": 20,
            "runs_with_errors": 12,
            "share_with_errors": 0.6,
            "share_of_errors": 0.32432432432432434,
            "share_of_runs": 0.08333333333333333,
            "concentration": 3.891891891891892,
            "suggestion": "Look at what runs between 14:00 and 14:59: schedules, rate limits, maintenance.",
            "look": _LOOK,
        }
    ],
    "by_agent": [],
    "by_model": [],
    "by_version": [],
    "meta": NAMED_META,
}
_AGENT: Example = {"workspace_id": "acme", "agent_id": "planner"}
ERROR_OF_TYPE: Example = {
    "error_type": "RateLimitError",
    **_VALUES,
    "share": 0.6486486486486487,
    "series": [{"time": "2026-11-21T00:00:00Z", "runs": 3, "errors": 2}],
    "by_agent": [{**_AGENT, **SHARED}],
    "by_model": [{"model": "claude-sonnet-4", **SHARED}],
    "by_version": [{**_AGENT, "agent_version": "1.4.0", **SHARED}],
    "by_category": [{"error_category": "rate_limit", **SHARED}],
    "by_severity": [{"error_severity": "high", **SHARED}],
    "recent_runs": [{**RUN, "status": "failed", "error_type": "RateLimitError", "error_message": "429 from the model"}],
    "meta": NAMED_META,
}
NO_ERROR: Example = {**PROBLEMS[404], "detail": "no run has the error 'RateLimitErorr'"}

"""The examples of the OpenAPI document about errors."""

from runtally_api.examples import META, Example

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

"""The examples of the OpenAPI document, from the contract. A test holds each to its schema."""

from typing import Any

Example = dict[str, Any]

META: Example = {
    "from": "2026-10-23T00:00:00Z",
    "to": "2026-11-22T00:00:00Z",
    "timezone": "UTC",
    "data_as_of": "2026-11-21T09:30:01.120Z",
    "freshness_seconds": 0.8,
    "truncated": False,
    "hides_failures": False,
    "coverage": {"runs": 240, "cost": 231, "duration": 238, "tokens": 236},
    "data_range": {"first": "2026-10-01T08:00:00Z", "last": "2026-11-21T09:29:58Z"},
}
_TOTALS: Example = {
    "runs": 240,
    "root_runs": 200,
    "status_counts": {
        "queued": 0,
        "running": 1,
        "stalled": 0,
        "succeeded": 200,
        "failed": 30,
        "timed_out": 4,
        "cancelled": 3,
        "unknown": 2,
    },
    "success_rate": 0.8438818565400844,
    "success_rate_all": 0.8333333333333334,
    "avg_duration_ms": 1834.25,
    "input_tokens": 120000,
    "output_tokens": 34000,
    "total_tokens": 154000,
    "cost_usd": "7.412",
    "coverage": {"duration": 238, "tokens": 236, "cost": 231},
}
AGENTS_ANALYTICS: Example = {
    "runs_per_day": [
        {
            "date": "2026-11-21",
            "workspace_id": "acme",
            "agent_id": "planner",
            "runs": 12,
            "succeeded": 10,
            "failed": 2,
            "cost_usd": "0.31",
        }
    ],
    "agents": [{"workspace_id": "acme", "agent_id": "planner", "agent_name": "Planner", **_TOTALS}],
    "totals": _TOTALS,
    "meta": META,
}
USAGE: Example = {
    "total_messages": 240,
    "total_tokens": 154000,
    "total_sessions": 31,
    "avg_response_time_ms": 1834.25,
    "daily_usage": [{"date": "2026-10-23", "messages": 0, "tokens": 0, "sessions": 0}],
    "meta": META,
}
AGENTS_USAGE: Example = {
    "agents": [
        {
            "name": "planner",
            "workspace_id": "acme",
            "usage_count": 240,
            "total_tokens": 154000,
            "avg_response_time_ms": 1834.25,
            "error_count": 34,
            "error_rate": 14.17,
        }
    ],
    "total_calls": 240,
    "meta": META,
}
MODELS_USAGE: Example = {
    "models": [
        {
            "model_id": "models/llama-2-7b_chat.gguf",
            "model_name": "Llama 2 7B Chat",
            "usage_count": 240,
            "total_tokens": 154000,
        }
    ],
    "total_usage": 240,
    "meta": META,
}
SUMMARY: Example = {
    "total_messages": 240,
    "active_sessions": 12,
    "total_tokens": 154000,
    "avg_response_time_ms": 1834.25,
    "meta": META,
}
_KEY = "0193a5c0-7b1e-7c3f-9a51-2f0c6f3f1a10"
RUN: Example = {
    "run_id": "bar-1",
    "id": _KEY,
    "workspace_id": "acme",
    "agent_id": "planner",
    "agent_name": "Planner",
    "status": "succeeded",
    "stalled": False,
    "started_at": "2026-11-21T09:00:00.123Z",
    "updated_at": "2026-11-21T09:00:02.000001Z",
    "finished_at": None,
    "handed_off_at": None,
    "duration_ms": 1001,
    "queue_ms": None,
    "provider": "anthropic",
    "model": "claude-sonnet-4",
    "agent_version": "1.4.0",
    "environment": "production",
    "trigger": "schedule",
    "user_id": "",
    "session_id": "s-7",
    "trace_id": "",
    "parent_run_id": "",
    "input_tokens": 10,
    "output_tokens": 20,
    "total_tokens": 30,
    "cache_read_tokens": None,
    "cache_write_tokens": None,
    "reasoning_tokens": None,
    "cost_usd": "0.001",
    "cost_source": "reported",
    "price_version": "",
    "credits": None,
    "llm_calls": 2,
    "tool_calls": 1,
    "files_modified": None,
    "retries": 0,
    "error_type": "",
    "error_severity": "",
    "error_category": "",
    "error_message": "",
    "recovered": None,
    "recovery_ms": None,
    "tags": {},
    "clock_skew": False,
    "deleted": False,
}
RUN_PAGE: Example = {"data": [RUN], "next_cursor": None, "has_more": False, "meta": META}
RUN_DETAIL: Example = {**RUN, "meta": META}

_WARNING: Example = {
    "index": 0,
    "field": "estimated_cost",
    "message": "unknown field, ignored; did you mean cost_usd?",
}
ACCEPTED_RUNS: Example = {
    "accepted": 2,
    "rejected": 0,
    "runs": [{"index": 0, "run_id": "bar-1", "id": _KEY}, {"index": 1, "run_id": _KEY, "id": _KEY}],
    "warnings": [_WARNING],
}
_TAKEN: Example = {"accepted": 1, "rejected": 0, "warnings": []}
ACCEPTED_FEEDBACK: Example = {**_TAKEN, "feedback": [{"index": 0, "feedback_id": "f-1", "id": "f-1"}]}
ACCEPTED_LIFECYCLE: Example = {**_TAKEN, "lifecycle": [{"index": 0, "event_id": "e-1", "id": "e-1"}]}
ACCEPTED_ACTIVITY: Example = {**_TAKEN, "activity": [{"index": 0, "event_id": "e-1", "id": "e-1"}]}

MESSAGES: dict[str, Example] = {
    "RunSnapshot": {
        "run_id": "bar-1",
        "workspace_id": "acme",
        "agent_id": "planner",
        "status": "succeeded",
        "started_at": "2026-11-21T09:00:00.123Z",
        "updated_at": "2026-11-21T09:00:02.000001Z",
        "duration_ms": 1001,
        "input_tokens": 10,
        "output_tokens": 20,
        "cost_usd": "0.001",
        "tags": {"team": "search"},
    },
    "RunFeedback": {
        "feedback_id": "f-1",
        "run_id": "bar-1",
        "workspace_id": "acme",
        "agent_id": "planner",
        "rating": 5,
        "comment": "just right",
        "created_at": "2026-11-21T09:05:00Z",
    },
    "AgentLifecycle": {
        "event_id": "e-1",
        "workspace_id": "acme",
        "agent_id": "planner",
        "from_state": "paused",
        "to_state": "active",
        "actor": "ops",
        "at": "2026-11-21T08:00:00Z",
    },
    "UserActivity": {
        "event_id": "e-1",
        "workspace_id": "acme",
        "user_id": "u-3",
        "event_name": "chat_opened",
        "at": "2026-11-21T08:59:58Z",
        "revenue_usd": "1.50",
        "properties": {"page": "home"},
    },
}


def _problem(status: int, name: str, title: str, detail: str, *errors: Example, **more: Any) -> Example:
    return {
        "type": f"/problems/{name}",
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": "4b0f9c6e5a5d4d0c8f3f7f9a1c2b3d4e",
        "errors": list(errors),
        **more,
    }


PROBLEMS: dict[int, Example] = {
    400: _problem(400, "not-json", "Not JSON", "not JSON: Expecting value at character 11"),
    401: _problem(401, "unauthorized", "Unauthorized", "show a valid token or API key: Authorization: Bearer ..."),
    403: _problem(403, "forbidden", "Forbidden", "this needs the permission view_analytics"),
    404: _problem(404, "not-found", "Not found", "no run 'bar-2'"),
    409: _problem(
        409,
        "ambiguous-run",
        "Ambiguous run",
        "run 'bar-1' exists in acme, beta",
        {
            "field": "workspace_id",
            "message": "several workspaces use this run_id: acme, beta",
            "remedy": "name one of them",
        },
    ),
    408: _problem(408, "too-slow", "Too slow", "the body did not come in time: send it again"),
    413: _problem(413, "too-large", "Too large", "10001 items; at most 10000 fit in one request: send several"),
    415: _problem(
        415,
        "unsupported-media-type",
        "Unsupported media type",
        "send Content-Type application/json or application/x-ndjson, got 'text/plain'",
    ),
    422: _problem(
        422,
        "invalid-request",
        "Invalid request",
        "from: must lie before to",
        {"field": "from", "message": "must lie before to", "remedy": "swap the two bounds, or widen the range"},
    ),
    429: _problem(
        429,
        "too-many-requests",
        "Too many requests",
        "more than 30000 requests a minute to this endpoint: see Retry-After",
    ),
    431: _problem(431, "headers-too-large", "Headers too large", "the headers of a request have at most 65536 bytes"),
    503: _problem(503, "unavailable", "Temporarily unavailable", "the store does not answer"),
}
TWO_LENGTHS: Example = _problem(
    400, "two-lengths", "Two lengths", "a request has Content-Length or Transfer-Encoding, not both"
)
REJECTED_RUNS: dict[int, Example] = {
    422: _problem(
        422,
        "invalid-runs",
        "Some runs were rejected",
        "1 of 2 runs rejected",
        {
            "index": 1,
            "run_id": "bar-2",
            "field": "input_tokens",
            "message": "must be an integer >= 0, got -5",
            "remedy": "send null when unknown",
        },
        accepted=1,
        rejected=1,
        runs=[{"index": 0, "run_id": "bar-1", "id": _KEY}],
        warnings=[],
    )
}
QUERY: Example = {
    "data": [
        {
            "time": "2026-10-23T00:00:00+02:00",
            "workspace_id": "acme",
            "agent_id": "planner",
            "other": False,
            "runs": 12,
            "success_rate": 0.9,
            "cost_usd": "0.31",
            "compare": {"time": "2026-09-23T00:00:00+02:00", "runs": 10, "success_rate": 0.8, "cost_usd": "0.3"},
            "change": {"runs": 0.2, "success_rate": 0.125, "cost_usd": 0.033333},
        }
    ],
    "columns": [
        {"name": "time", "kind": "time", "type": "datetime", "unit": None},
        {"name": "workspace_id", "kind": "dimension", "type": "string", "unit": None},
        {"name": "agent_id", "kind": "dimension", "type": "string", "unit": None},
        {"name": "other", "kind": "group", "type": "boolean", "unit": None},
        {"name": "runs", "kind": "measure", "type": "integer", "unit": "run"},
        {"name": "success_rate", "kind": "measure", "type": "number", "unit": "fraction"},
        {"name": "cost_usd", "kind": "measure", "type": "decimal", "unit": "usd"},
    ],
    "totals": {
        "runs": 240,
        "success_rate": 0.84,
        "cost_usd": "7.412",
        "compare": {"runs": 200, "success_rate": 0.8, "cost_usd": "6.1"},
        "change": {"runs": 0.2, "success_rate": 0.05, "cost_usd": 0.215082},
    },
    "meta": {
        **META,
        "query_id": "0f6c1c54d1f94c0bb0ad6c2c1ff0c4be",
        "rows": 1,
        "granularity": "day",
        "approximate": {},
        "coverage": {"cost_usd": {"known": 231, "runs": 240}},
        "relation": "run_facts",
        "source": "mixed",
        "buckets": {"day": 56, "hour": 90, "quarter_hour": 8, "raw": 3},
        "compare": {"from": "2026-09-22T22:00:00Z", "to": "2026-10-22T22:00:00Z"},
    },
}
QUERY_BODY: Example = {
    "measures": ["runs", "success_rate", "cost_usd"],
    "dimensions": ["agent_id"],
    "time": {"from": "2026-10-23", "to": "2026-11-21", "granularity": "day", "timezone": "Europe/Berlin"},
    "filters": [{"dimension": "status", "op": "in", "values": ["succeeded", "failed"]}],
    "order": [{"by": "cost_usd", "direction": "desc"}],
    "limit": 10,
    "other": True,
    "compare": "previous_period",
}
INVALID_QUERY: Example = _problem(
    422,
    "invalid-query",
    "Invalid query",
    "measures[1]: unknown measure 'sucess_rate'",
    {
        "field": "measures[1]",
        "message": "unknown measure 'sucess_rate'",
        "remedy": "send success_rate",
        "allowed": ["runs", "success_rate"],
        "nearest": "success_rate",
    },
)
NOT_ACCEPTABLE: Example = _problem(
    406, "not-acceptable", "Not acceptable", "the answer can be had as application/json, text/csv"
)

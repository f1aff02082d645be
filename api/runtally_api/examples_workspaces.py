"""The examples of the OpenAPI document about workspaces."""

from collections.abc import Sequence

from runtally_api.examples import PROBLEMS, Example
from runtally_api.examples_named import NAMED_META, measured_example
from runtally_api.workspace_answers import BY_DAY, BY_GROUP, WORKSPACE_MEASURES
from runtally_api.workspace_health import HEALTH_MEASURES, health

_MOMENTS: Example = {"first_run_at": "2026-10-23T08:00:00Z", "last_run_at": "2026-11-21T09:29:58Z"}


def _values(measures: Sequence[str]) -> Example:
    return {**measured_example([name for name in measures if name not in _MOMENTS]), **_MOMENTS}


WORKSPACES: Example = {
    "data": [{"workspace_id": "acme", **_values(WORKSPACE_MEASURES)}],
    "totals": _values(WORKSPACE_MEASURES),
    "next_cursor": None,
    "has_more": False,
    "meta": NAMED_META,
}
SUMMARY: Example = {
    "workspace_id": "acme",
    **_values(WORKSPACE_MEASURES),
    "compare": _values(WORKSPACE_MEASURES),
    "change": {"runs": 0.2, "cost_usd": -0.05, "first_run_at": None},
    "series": [{"time": "2026-11-21T00:00:00Z", **measured_example(BY_DAY)}],
    "agents": [{"agent_id": "planner", "other": False, **measured_example(BY_GROUP)}],
    "models": [{"model": "claude-sonnet-4", "other": False, **measured_example(BY_GROUP)}],
    "meta": NAMED_META,
}
_NOW: Example = {
    "runs": 240,
    "running": 3,
    "stalled": 1,
    "success_rate": 0.84,
    "failure_rate": 0.14,
    "p95_duration_ms": 4310.1,
    "cost_coverage": 0.9625,
}
_THEN: Example = {**_NOW, "runs": 230, "failure_rate": 0.12, "p95_duration_ms": 4101.3}
HEALTH: Example = {
    "workspace_id": "acme",
    **health(_NOW, _THEN),
    "values": {name: _NOW[name] for name in HEALTH_MEASURES},
    "previous": {name: _THEN[name] for name in HEALTH_MEASURES},
    "meta": NAMED_META,
}
NO_WORKSPACE: Example = {**PROBLEMS[404], "detail": "no workspace 'amce'"}

"""`GET /api/v1/errors` and `/errors/patterns` of the stub: answers of its `/query` under other names."""

from collections.abc import Callable, Mapping
from typing import Any

Ask = Callable[[dict[str, Any]], dict[str, Any]]
_NAMES = {
    "runs_with_errors": "runs", "errors": "errors", "active_agents": "affected_agents",
    "active_users": "affected_users", "recovery_rate": "recovery_rate",
    "mean_time_to_recovery_ms": "mean_time_to_recovery_ms", "first_run_at": "first_seen_at",
    "last_run_at": "last_seen_at",
}  # fmt: skip
_FILTERS = ("workspace_id", "agent_id", "model", "status", "environment", "user_id")
_WITH_ERRORS = {"dimension": "has_error", "op": "in", "values": [True]}
_KINDS = {"hour": ("hour",), "agent": ("agent_id",), "model": ("model",), "version": ("agent_id", "agent_version")}


def errors(query: Mapping[str, list[str]], ask: Ask) -> dict[str, Any]:
    """The ten most frequent of each list, the others folded into one."""
    found: dict[str, Any] = {}
    for part in ("type", "category", "severity"):
        body = _body(query, [f"error_{part}"], list(_NAMES), [_WITH_ERRORS], limit=10, other=True)
        answer = ask({**body, "order": [{"by": "runs_with_errors", "direction": "desc"}]})
        whole = sum(row["runs_with_errors"] for row in answer["data"])
        found[f"by_{part}"] = [
            {
                f"error_{part}": row[f"error_{part}"],
                "other": row["other"],
                **{name: row[measure] for measure, name in _NAMES.items()},
                "share": row["runs_with_errors"] / whole if whole else None,
            }
            for row in answer["data"]
        ]
        found["meta"] = answer["meta"]
    return {"totals": {}, **found}


def patterns(query: Mapping[str, list[str]], ask: Ask) -> dict[str, Any]:
    """Groups with five errors or more, and half as many again as their share of the runs."""
    found: dict[str, Any] = {}
    for kind, dimensions in _KINDS.items():
        body = _body(query, list(dimensions), ["runs", "runs_with_errors"], [], limit=1000, other=False)
        answer = ask(body)
        runs, errors = (sum(row[name] for row in answer["data"]) for name in ("runs", "runs_with_errors"))
        found["meta"] = answer["meta"]
        found[f"by_{kind}"] = [
            pattern
            for row in answer["data"]
            if row["runs_with_errors"] >= 5
            for pattern in [_pattern(row, dimensions, runs, errors, body)]
            if pattern["concentration"] >= 1.5
        ]
    return {"totals": {}, **found}


def _pattern(
    row: dict[str, Any], dimensions: tuple[str, ...], runs: int, errors: int, body: dict[str, Any]
) -> dict[str, Any]:
    group = {name: row[name] for name in ("workspace_id", *dimensions) if name in row}
    of_errors, of_runs = row["runs_with_errors"] / errors, row["runs"] / runs
    narrowed = [{"dimension": name, "op": "in", "values": [value]} for name, value in group.items()]
    look = {
        "measures": ["runs", "errors", "first_run_at", "last_run_at"],
        "dimensions": ["agent_id", "error_type"],
        "time": body["time"],
        "filters": [*narrowed, _WITH_ERRORS],
    }
    return {
        **group,
        "runs": row["runs"],
        "runs_with_errors": row["runs_with_errors"],
        "share_with_errors": row["runs_with_errors"] / row["runs"],
        "share_of_errors": of_errors,
        "share_of_runs": of_runs,
        "concentration": of_errors / of_runs,
        "suggestion": f"Look at {group[dimensions[-1]]}.",
        "look": {"path": "/api/v1/query", "body": look},
    }


def _body(
    query: Mapping[str, list[str]], dimensions: list[str], measures: list[str], more: list[dict[str, Any]], **how: Any
) -> dict[str, Any]:
    chosen = [{"dimension": name, "op": "in", "values": query[name]} for name in _FILTERS if name in query]
    time = {"from": query["from"][0], "to": query["to"][0], "timezone": query.get("timezone", ["UTC"])[0]}
    return {"measures": measures, "dimensions": dimensions, "time": time, "filters": [*chosen, *more],
            "root_only": query.get("root_only") == ["true"], **how}  # fmt: skip

"""Where errors concentrate: groups of runs that hold more of the errors than of the runs. Pure.

A group is a pattern when at least `LEAST_RUNS` of its runs have errors, and its share of the runs with errors is at
least `LEAST_CONCENTRATION` times its share of all runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from runtally_clickhouse.measures.asking import Answer

from runtally_api.dependencies import RunQuery
from runtally_api.formats import instant, ratio

LEAST_RUNS: Final = 5
LEAST_CONCENTRATION: Final = 1.5
MOST_PATTERNS: Final = 10
PATTERN_MEASURES: Final = ("runs", "runs_with_errors")
_FILTERS: Final = ("workspace_id", "agent_id", "model", "status", "user_id", "environment")


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to tell runs apart; `broken_down` is what to look at next within a pattern.

    The last dimension names the group: runs where it is not known are no pattern. `suggestion` takes all by name.
    """

    dimensions: tuple[str, ...]
    broken_down: tuple[str, ...]
    suggestion: str


KINDS: Final[Mapping[str, Kind]] = {
    "hour": Kind(
        ("hour",),
        ("agent_id", "error_type"),
        "Look at what runs between {hour}:00 and {hour}:59: schedules, rate limits, maintenance.",
    ),
    "agent": Kind(
        ("agent_id",), ("error_type", "agent_version"), "Look at which errors {agent_id} has, and in which version."
    ),
    "model": Kind(
        ("model",), ("agent_id", "error_type"), "Look at which agents use {model}, and at its provider's limits."
    ),
    "version": Kind(
        ("agent_id", "agent_version"),
        ("error_type",),
        "Compare version {agent_version} of {agent_id} with the one before it.",
    ),
}


def patterns(kind: Kind, answer: Answer, query: RunQuery) -> list[dict[str, Any]]:
    """The patterns in an answer by the kind's dimensions, those with the most errors beyond their share first."""
    whole, with_errors = _counts(answer.totals)
    names = [dimension.name for dimension in answer.question.keys]
    found = []
    for row in answer.rows:
        runs, errors = _counts(row.values)
        concentration = ratio(errors * whole, with_errors * runs)
        if row.group.key is None or concentration is None or row.group.key[-1] == "":
            continue
        if errors < LEAST_RUNS or concentration < LEAST_CONCENTRATION:
            continue
        group = dict(zip(names, row.group.key, strict=True))
        shares = {
            "runs": runs,
            "runs_with_errors": errors,
            "share_with_errors": ratio(errors, runs),
            "share_of_errors": ratio(errors, with_errors),
            "share_of_runs": ratio(runs, whole),
            "concentration": concentration,
        }
        look = {"path": "/api/v1/query", "body": _look(kind, group, query)}
        found.append(
            (errors * whole - with_errors * runs, {**group, **shares, **_suggested(kind, group), "look": look})
        )
    found.sort(key=lambda entry: -entry[0])
    return [entry for _, entry in found[:MOST_PATTERNS]]


def pattern_totals(answer: Answer) -> dict[str, Any]:
    """All runs of the question, and how many of them have errors."""
    runs, errors = _counts(answer.totals)
    return {"runs": runs, "runs_with_errors": errors, "share_with_errors": ratio(errors, runs)}


def _counts(values: Mapping[str, Any]) -> tuple[int, int]:
    runs, with_errors = (values[name] for name in PATTERN_MEASURES)
    return int(runs), int(with_errors)


def _suggested(kind: Kind, group: Mapping[str, Any]) -> dict[str, str]:
    text = {name: f"{value:02}" if name == "hour" else f"'{value}'" for name, value in group.items()}
    return {"suggestion": kind.suggestion.format_map(text)}


def _look(kind: Kind, group: Mapping[str, Any], query: RunQuery) -> dict[str, Any]:
    """The body of a question to `POST /api/v1/query` that breaks a pattern's errors down further."""
    asked = query.scope.filters
    filters = [{"dimension": name, "op": "in", "values": [value]} for name, value in group.items()]
    filters.append({"dimension": "has_error", "op": "in", "values": [True]})
    for name in _FILTERS:
        values = list(getattr(asked, name))
        if values and name not in group:
            filters.append({"dimension": name, "op": "in", "values": values})
    return {
        "measures": ["runs", "errors", "first_run_at", "last_run_at"],
        "dimensions": list(kind.broken_down),
        "time": {
            "from": instant(query.time.start),
            "to": instant(query.time.end),
            "timezone": query.time.timezone,
        },
        "filters": filters,
        "root_only": asked.root_only,
    }

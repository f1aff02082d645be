"""What the answers about errors hold: runs that failed, timed out or name an error_type, told apart one way or another.

Pure. `runs` of a row are its runs with errors, recovered ones too; `errors` are those that failed or timed out.
"""

from typing import Annotated, Any, Final

from pydantic import Field
from runtally_clickhouse.measures.asking import Answer, Values
from runtally_clickhouse.measures.question import Filter

from runtally_api.answers import Run
from runtally_api.formats import ratio
from runtally_api.measured_answers import NamedMeta, measure_type, shape
from runtally_api.query_answers import written

WITH_ERRORS: Final = Filter("has_error", "in", (1,))
TOP_ERRORS: Final = 10
# The names that measures have where they are about errors.
ERROR_MEASURES: Final = {
    "runs_with_errors": "runs",
    "errors": "errors",
    "active_agents": "affected_agents",
    "active_users": "affected_users",
    "recovery_rate": "recovery_rate",
    "mean_time_to_recovery_ms": "mean_time_to_recovery_ms",
    "first_run_at": "first_seen_at",
    "last_run_at": "last_seen_at",
}
TOTAL_MEASURES: Final = ("runs", "runs_with_errors", "errors", "failure_rate")

Share = Annotated[float | None, Field(description="Of the runs with errors.")]
_KINDS: Final[dict[str, Any]] = {name: measure_type(measure) for measure, name in ERROR_MEASURES.items()}
ErrorsTotals = shape(
    "ErrorsTotals",
    "Errors of all kinds together; `runs` counts all runs here.",
    **{name: measure_type(name) for name in TOTAL_MEASURES},
    **{name: kind for name, kind in _KINDS.items() if name not in TOTAL_MEASURES},
)


def grouped(name: str, *dimensions: str) -> Any:
    """The shape of a row of errors that agree in these dimensions; `other` is all that are not listed, together."""
    named: dict[str, Any] = {dimension: str | None for dimension in dimensions}
    return shape(name, **named, other=bool, **_KINDS, share=Share)


Errors = shape(
    "Errors",
    "Errors by type, category and severity, the most frequent first.",
    totals=ErrorsTotals,
    by_type=list[grouped("ErrorsOfType", "error_type")],  # type: ignore[misc]
    by_category=list[grouped("ErrorsOfCategory", "error_category")],  # type: ignore[misc]
    by_severity=list[grouped("ErrorsOfSeverity", "error_severity")],  # type: ignore[misc]
    meta=NamedMeta,
)

ErrorOfType = shape(
    "ErrorOfType",
    "One error: how it went over time, where it happens, and the newest runs that had it.",
    error_type=str,
    **_KINDS,
    share=Share,
    series=list[shape("ErrorsInTime", time=str, runs=int, errors=int)],  # type: ignore[misc]
    by_agent=list[grouped("ErrorOfAgent", "workspace_id", "agent_id")],  # type: ignore[misc]
    by_model=list[grouped("ErrorOfModel", "model")],  # type: ignore[misc]
    by_version=list[grouped("ErrorOfVersion", "workspace_id", "agent_id", "agent_version")],  # type: ignore[misc]
    by_category=list[grouped("ErrorOfCategory", "error_category")],  # type: ignore[misc]
    by_severity=list[grouped("ErrorOfSeverity", "error_severity")],  # type: ignore[misc]
    recent_runs=list[Run],
    meta=NamedMeta,
)


def _pattern(name: str, **group: Any) -> Any:
    return shape(
        name,
        **group,
        runs=int,
        runs_with_errors=int,
        share_with_errors=Annotated[float, Field(description="Of the group's runs, those with errors.")],
        share_of_errors=Annotated[float, Field(description="Of all runs with errors, those of the group.")],
        share_of_runs=Annotated[float, Field(description="Of all runs, those of the group.")],
        concentration=Annotated[float, Field(description="share_of_errors / share_of_runs.")],
        suggestion=str,
        look=shape("PatternLook", "A question to POST to `path`.", path=str, body=dict[str, Any]),
    )


ErrorPatterns = shape(
    "ErrorPatterns",
    "Groups of runs that hold more of the errors than of the runs.",
    totals=shape("PatternTotals", runs=int, runs_with_errors=int, share_with_errors=float | None),
    by_hour=list[_pattern("HourPattern", hour=int)],  # type: ignore[misc]
    by_agent=list[_pattern("AgentPattern", workspace_id=str, agent_id=str)],  # type: ignore[misc]
    by_model=list[_pattern("ModelPattern", model=str)],  # type: ignore[misc]
    by_version=list[_pattern("VersionPattern", workspace_id=str, agent_id=str, agent_version=str)],  # type: ignore[misc]
    meta=NamedMeta,
)


def error_values(values: Values) -> dict[str, Any]:
    """What is said of some runs with errors, under the names that it has there."""
    return {name: written(values[measure]) for measure, name in ERROR_MEASURES.items()}


def error_totals(everything: Answer, errors: Answer) -> dict[str, Any]:
    """All runs, and what is said of those with errors."""
    of_errors = {name: value for name, value in error_values(errors.totals).items() if name not in TOTAL_MEASURES}
    return {**{name: written(everything.totals[name]) for name in TOTAL_MEASURES}, **of_errors}


def error_rows(answer: Answer, whole: int) -> list[dict[str, Any]]:
    """A row for each group of an answer about runs with errors, each with its share of the `whole` of them."""
    names = [dimension.name for dimension in answer.question.keys]
    found = []
    for row in answer.rows:
        key = row.group.key or (None,) * len(names)
        named = dict(zip(names, key, strict=True))
        values = error_values(row.values)
        found.append({**named, "other": row.group.key is None, **values, "share": ratio(values["runs"], whole)})
    return found

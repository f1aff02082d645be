"""`GET /api/v1/errors`: which errors there are, whom they hit, where they concentrate; and one of them alone."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from runtally_clickhouse.catalogue import RunFilters
from runtally_clickhouse.measures.data_range import ask_data_range
from runtally_clickhouse.measures.question import Filter, Order, Question
from runtally_clickhouse.run_lists import ListFilters, newest_runs

from runtally_api import (
    error_answers,
    examples_errors,
    given_ids,  # noqa: F401 - a path below says `given_id`
)
from runtally_api.dependencies import ApiParts, Parts, RangedQuery, RunQuery
from runtally_api.documentation import documented
from runtally_api.error_answers import (
    ERROR_MEASURES,
    TOP_ERRORS,
    TOTAL_MEASURES,
    WITH_ERRORS,
    error_rows,
    error_values,
)
from runtally_api.error_patterns import KINDS, PATTERN_MEASURES, pattern_totals, patterns
from runtally_api.formats import ratio
from runtally_api.identity.access import needs
from runtally_api.identity.permissions import Permission
from runtally_api.problems import NotFound
from runtally_api.query_answers import step_time
from runtally_api.run_rows import run_answer
from runtally_api.saved_questions import answer_each_key_alone, ask_together, bounded_steps, make_question, named_meta
from runtally_api.timing import TimedRoute

router = APIRouter(
    prefix="/api/v1/errors", tags=["errors"], route_class=TimedRoute, dependencies=[needs(Permission.VIEW_ANALYTICS)]
)
MOST_GROUPS = 10_000
# What the runs with one error are told apart by.
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "agent": ("agent_id",),
    "model": ("model",),
    "version": ("agent_id", "agent_version"),
    "category": ("error_category",),
    "severity": ("error_severity",),
}
Limit = Annotated[int, Query(ge=1, le=1000, description="Rows of each list; the others are folded into one row.")]


@router.get("", response_model=error_answers.Errors, responses=documented(examples_errors.ERRORS, 422, 503))
def errors(parts: Parts, query: RangedQuery, limit: Limit = TOP_ERRORS) -> dict[str, Any]:
    """Errors by type, category and severity: how many, since when, whom they hit, and whether runs recover."""
    kinds = errors_by(query, ("error_type", "error_category", "error_severity"), limit, WITH_ERRORS)
    told = ask_together(
        parts,
        query,
        make_question(query, TOTAL_MEASURES),
        beside=[partial(answer_each_key_alone, parts, kinds, query.scope)],
    )
    everything, groups = told.answers[0], told.beside[0]
    by_type, by_category, by_severity = groups
    return {
        "totals": error_answers.error_totals(everything, by_type),
        "by_type": error_rows(by_type, by_type.runs),
        "by_category": error_rows(by_category, by_category.runs),
        "by_severity": error_rows(by_severity, by_severity.runs),
        "meta": named_meta(query, told, truncated=any(answer.truncated for answer in groups)),
    }


@router.get(
    "/patterns", response_model=error_answers.ErrorPatterns, responses=documented(examples_errors.PATTERNS, 422, 503)
)
def error_patterns(parts: Parts, query: RangedQuery) -> dict[str, Any]:
    """Where errors concentrate: hours, agents, models and versions, each with a look to take next."""
    most = min(parts.settings.max_query_rows - 2, MOST_GROUPS)
    order = [Order("runs_with_errors")]
    told = ask_together(
        parts,
        query,
        make_question(query, PATTERN_MEASURES),
        *(
            replace(
                make_question(query, (), dimensions=kind.dimensions, order=order, limit=most), measures=PATTERN_MEASURES
            )
            for kind in KINDS.values()
        ),
    )
    everything, *by_kind = told.answers
    return {
        "totals": pattern_totals(everything),
        **{
            f"by_{name}": patterns(kind, answer, query)
            for (name, kind), answer in zip(KINDS.items(), by_kind, strict=True)
        },
        "meta": named_meta(query, told),
    }


@router.get(
    "/{type:given_id}",
    response_model=error_answers.ErrorOfType,
    responses=documented(examples_errors.ERROR_OF_TYPE, 404, 422, 503, problems={404: examples_errors.NO_ERROR}),
)
def error_of_type(parts: Parts, query: RangedQuery, error_type: Annotated[str, Path(alias="type")]) -> dict[str, Any]:
    """One error: how it went over time, where it happens, and the newest runs that had it."""
    of_type = Filter("error_type", "in", (error_type,))
    _require_known(parts, query, of_type)
    steps = bounded_steps(query.time, None, parts.settings.max_query_rows, "from")
    told = ask_together(
        parts,
        query,
        make_question(query, tuple(ERROR_MEASURES), steps, filters=[of_type]),
        make_question(query, ("runs",), filters=[WITH_ERRORS]),
        *(errors_by(query, dimensions, TOP_ERRORS, of_type) for dimensions in GROUPS.values()),
        beside=[lambda: _recent_runs(parts, query, error_type)],
    )
    series, all_errors, *groups = told.answers
    values = error_values(series.totals)
    return {
        "error_type": error_type,
        **values,
        "share": ratio(values["runs"], all_errors.runs),
        "series": [
            {
                "time": step_time(steps, row.step or 0),
                "runs": row.values["runs_with_errors"],
                "errors": row.values["errors"],
            }
            for row in series.rows
        ],
        **{f"by_{name}": error_rows(answer, series.runs) for name, answer in zip(GROUPS, groups, strict=True)},
        "recent_runs": told.beside[0],
        "meta": named_meta(query, told, truncated=any(answer.truncated for answer in groups)),
    }


def _require_known(parts: ApiParts, query: RunQuery, of_type: Filter) -> None:
    """Raise `NotFound` when no run that the caller may see ever had the error, whatever else is filtered."""
    filters = RunFilters(workspace_id=query.scope.filters.workspace_id)
    question = make_question(query, ("runs",), filters=[of_type])
    if ask_data_range(parts.reader, question, replace(query.scope, filters=filters)) is None:
        raise NotFound(f"no run has the error '{of_type.values[0]!s:.128}'")


def _recent_runs(parts: ApiParts, query: RunQuery, error_type: str) -> list[dict[str, Any]]:
    rows = newest_runs(parts.reader, query.scope, ListFilters(error_type=(error_type,)), TOP_ERRORS)
    return [run_answer(row, whole_message=False, redact=parts.settings.redact_error_messages) for row in rows]


def errors_by(query: RunQuery, dimensions: tuple[str, ...], limit: int, *filters: Filter) -> Question:
    """What is said of the runs with errors that pass the filters, by these dimensions, the most frequent first."""
    order = (Order("runs_with_errors"),)
    question = make_question(query, (), dimensions=dimensions, filters=filters, order=order, limit=limit)
    return replace(question, measures=tuple(ERROR_MEASURES))  # coverage is told of all runs, not of these

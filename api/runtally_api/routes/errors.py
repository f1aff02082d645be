"""`GET /api/v1/errors`: which errors there are, whom they hit, and whether runs recover from them."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from runtally_clickhouse.measures.asking import Answer
from runtally_clickhouse.measures.question import Filter, Order

from runtally_api import error_answers, examples_errors
from runtally_api.dependencies import ApiParts, Parts, RangedQuery, RunQuery
from runtally_api.documentation import documented
from runtally_api.error_answers import ERROR_MEASURES, TOP_ERRORS, TOTAL_MEASURES, WITH_ERRORS, error_rows
from runtally_api.meta import read_freshness
from runtally_api.saved_questions import answer_question, make_question, named_meta

router = APIRouter(prefix="/api/v1/errors", tags=["errors"])
Limit = Annotated[int, Query(ge=1, le=1000, description="Rows of each list; the others are folded into one row.")]


@router.get("", response_model=error_answers.Errors, responses=documented(examples_errors.ERRORS, 422, 503))
def errors(parts: Parts, query: RangedQuery, limit: Limit = TOP_ERRORS) -> dict[str, Any]:
    """Errors by type, category and severity: how many, since when, whom they hit, and whether runs recover."""
    freshness = read_freshness(parts.reader, query.now)
    everything = answer_question(parts, make_question(query, TOTAL_MEASURES), query.scope)
    by_type, by_category, by_severity = (
        errors_by(parts, query, (name,), limit, WITH_ERRORS)
        for name in ("error_type", "error_category", "error_severity")
    )
    answers = (by_type, by_category, by_severity)
    return {
        "totals": error_answers.error_totals(everything, by_type),
        "by_type": error_rows(by_type, by_type.runs),
        "by_category": error_rows(by_category, by_category.runs),
        "by_severity": error_rows(by_severity, by_severity.runs),
        "meta": named_meta(
            parts, query, freshness, everything, *answers, truncated=any(answer.truncated for answer in answers)
        ),
    }


def errors_by(parts: ApiParts, query: RunQuery, dimensions: tuple[str, ...], limit: int, *filters: Filter) -> Answer:
    """What is said of the runs with errors that pass the filters, by these dimensions, the most frequent first."""
    order = [Order("runs_with_errors")]
    question = make_question(
        query, tuple(ERROR_MEASURES), dimensions=dimensions, filters=filters, order=order, limit=limit
    )
    return answer_question(parts, question, query.scope)

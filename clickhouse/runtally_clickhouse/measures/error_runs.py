"""Which questions are about runs with errors alone, so that the few of them that stand one by one answer them. Pure."""

from runtally_clickhouse.catalogue import RunScope
from runtally_clickhouse.measures.dimensions import Dimension
from runtally_clickhouse.measures.question import Filter, Question
from runtally_clickhouse.measures.relations import error_runs_hold

_FAILED = frozenset({"failed", "timed_out"})


def error_runs_answer(question: Question, scope: RunScope) -> bool:
    """Whether no run without an error passes the question's filters, and the rest have all that it asks."""
    if not (_is_failed(scope.filters.status) or any(_lets_errors_pass(*each) for each in question.filtered)):
        return False
    dimensions = [*question.keys, *(dimension for dimension, _ in question.filtered)]
    parts = [part for measure in question.asked for part in measure.form.parts]
    return error_runs_hold(" ".join([*parts, *(dimension.sql for dimension in dimensions)]))


def _lets_errors_pass(dimension: Dimension, entry: Filter) -> bool:
    """Whether it lets nothing else pass."""
    match dimension.name, entry.operator:
        case "has_error", "in":
            return bool(entry.values) and all(entry.values)
        case "status", "in":
            return _is_failed(entry.values)
        case "error_type", "in":
            return bool(entry.values) and "" not in entry.values
        case "error_type", "contains":
            return bool(entry.values) and "" not in entry.values
    return False


def _is_failed(statuses: tuple[str | int | float, ...]) -> bool:
    return bool(statuses) and _FAILED.issuperset(statuses)

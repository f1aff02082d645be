"""What a named endpoint asks the catalogue: a question made of a request, its answer within the limits, its `meta`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeVar

from runtally_clickhouse.catalogue import RunScope
from runtally_clickhouse.client import Row
from runtally_clickhouse.errors import StoreRefused
from runtally_clickhouse.measures.asking import Answer, TooManyRows, Values, ask_each_key_alone, ask_question
from runtally_clickhouse.measures.cell_questions import CellQuestion, ask_cells
from runtally_clickhouse.measures.composition import LONGEST_OF_BUCKETS, Limits
from runtally_clickhouse.measures.data_range import Outside, ask_data_range, ask_outside, join_ends
from runtally_clickhouse.measures.definitions import MEASURES, STATUSES
from runtally_clickhouse.measures.forms import PerMinute
from runtally_clickhouse.measures.question import Filter, Order, Question
from runtally_clickhouse.measures.time_steps import (
    Comparison,
    Granularity,
    TimeSteps,
    count_steps,
    fitting_granularity,
    make_steps,
)
from runtally_clickhouse.store_parts import within_stored

from runtally_api import query_answers
from runtally_api.dependencies import ApiParts, RunQuery
from runtally_api.meta import DataRange, Freshness, build_meta, data_range_of, read_freshness
from runtally_api.problems import FieldError, InvalidQuery, exceeded_limit
from runtally_api.ranges import TimeRange
from runtally_api.together import all_of

T = TypeVar("T")
# What `meta.coverage` counts: a question whose answer is to have that `meta` asks for these too.
COVERED: Final = ("cost_usd", "avg_duration_ms", "total_tokens")


def make_question(
    query: RunQuery,
    measures: Sequence[str],
    steps: TimeSteps | None = None,
    dimensions: Sequence[str] = (),
    filters: Sequence[Filter] = (),
    order: Sequence[Order] = (),
    limit: int = 100,
    other: bool = True,
    compare: Comparison | None = None,
) -> Question:
    """The question about the request's range, as a whole without `steps`; what `meta.coverage` counts comes with it."""
    return Question(
        measures=tuple(dict.fromkeys((*measures, *COVERED))),
        steps=steps or make_steps(query.time.start, query.time.end, query.time.zone, "none"),
        dimensions=tuple(dimensions),
        filters=tuple(filters),
        order=tuple(order),
        limit=limit,
        other=other,
        compare=compare,
    )


def bounded_steps(time: TimeRange, granularity: Granularity | None, most_rows: int, field: str) -> TimeSteps:
    """The steps of a range; None is what fits it. Raises `InvalidQuery` about `field` when they are too many."""
    granularity = granularity or fitting_granularity(time.start, time.end)
    number = count_steps(time.start, time.end, granularity)
    if number > most_rows:
        message = f"{number} steps of a {granularity} are more than the {most_rows} rows of an answer"
        raise InvalidQuery(FieldError(field, message, "ask for a coarser granularity, or a shorter range"))
    return make_steps(time.start, time.end, time.zone, granularity)


def answer_question(parts: ApiParts, question: Question, scope: RunScope) -> Answer:
    """Ask within the limits of the settings. Blocks; raises `InvalidQuery` when the answer takes more than it may."""
    return within_limits(parts, lambda limits: ask_question(parts.reader, _of_stored(parts, question), scope, limits))


def _of_stored(parts: ApiParts, question: Question) -> Question:
    """The same question about no more time than has runs, where its range is too long for cells: those of all time.

    Not so where the answer is by time: steps, minutes, another period.
    """
    steps = question.steps
    by_time = steps.starts_ms or question.compare or any(isinstance(each.form, PerMinute) for each in question.asked)
    if by_time or steps.end - steps.start <= LONGEST_OF_BUCKETS:
        return question
    return replace(question, steps=make_steps(*within_stored(parts.reader, steps.start, steps.end), steps.zone, "none"))


def answer_each_key_alone(parts: ApiParts, question: Question, scope: RunScope) -> list[Answer]:
    """The answers by each of the question's keys alone. Blocks and raises as `answer_question`."""
    return within_limits(parts, lambda limits: ask_each_key_alone(parts.reader, question, scope, limits))


def within_limits(parts: ApiParts, ask: Callable[[Limits], T]) -> T:
    """What `ask` gives within the limits of the settings. Blocks; raises `InvalidQuery` when it takes more."""
    limits = _limits(parts)
    try:
        return ask(limits)
    except TooManyRows as error:
        message = f"{error} are more rows than the {limits.max_rows} of an answer"
        remedy = "ask for a coarser granularity, a shorter range, or a lower limit"
        raise InvalidQuery(FieldError("limit", message, remedy)) from error
    except StoreRefused as error:
        limit = exceeded_limit(error)
        if limit is None:
            raise
        remedy = "ask for a shorter range, a coarser granularity or fewer measures, or filter by workspace or agent"
        raise InvalidQuery(FieldError("time", f"the question needs more {limit} than one may take", remedy)) from error


@dataclass(frozen=True, slots=True)
class Told:
    """The answers to a request's questions, what was read beside them, and how the data were when they were asked."""

    freshness: Freshness
    data_range: DataRange
    answers: tuple[Answer, ...]
    beside: tuple[Any, ...] = ()


def ask_together(
    parts: ApiParts, query: RunQuery, *questions: Question, beside: Sequence[Callable[[], Any]] = ()
) -> Told:
    """Ask all of them at once, and what `meta` says of the data; `beside` reads what questions cannot ask.

    Nothing is read before the freshness, which must not tell of more than the answer holds. Blocks and raises as
    `answer_question`.
    """
    freshness = read_freshness(parts.reader, query.now)
    tasks: list[Callable[[], Any]] = [partial(answer_question, parts, each, query.scope) for each in questions]
    of_range = make_question(query, ("runs",))
    about_all = next((place for place, each in enumerate(questions) if _is_about_all(each, of_range)), None)
    ends = ask_data_range if about_all is None else ask_outside
    outside, *found = all_of(parts.pool, [partial(ends, parts.reader, of_range, query.scope), *tasks, *beside])
    if isinstance(outside, Outside) and about_all is not None:
        outside = join_ends(parts.reader, of_range, query.scope, outside, found[about_all].began)
    return Told(freshness, data_range_of(outside), tuple(found[: len(tasks)]), tuple(found[len(tasks) :]))


def _is_about_all(question: Question, of_range: Question) -> bool:
    """Whether its answer is about all runs of the request's range, and so tells when these began."""
    steps, asked = question.steps, of_range.steps
    return not question.filters and (steps.start, steps.end) == (asked.start, asked.end)


def answer_of_cells(
    parts: ApiParts, question: CellQuestion, scope: RunScope, day_starts_ms: tuple[int, ...] = ()
) -> list[Row]:
    """The rows of a fixed question, out of rollups where they pay. Blocks; raises as `ask_cells`."""
    if scope.end - scope.start > LONGEST_OF_BUCKETS:
        start, end = within_stored(parts.reader, scope.start, scope.end)
        scope = replace(scope, start=start, end=end)
    return ask_cells(parts.reader, question, scope, _limits(parts), day_starts_ms)


def _limits(parts: ApiParts) -> Limits:
    settings = parts.settings
    return Limits(settings.max_query_memory_bytes, settings.max_query_rows, settings.use_rollups, parts.group_counts)


def shown(values: Values, measures: Sequence[str]) -> dict[str, Any]:
    """These measures as JSON has them; the counts of all statuses together are `status_counts`."""
    entry = {name: query_answers.written(values[name]) for name in measures}
    return with_status_counts(entry)


def with_status_counts(entry: dict[str, Any]) -> dict[str, Any]:
    """The same entry with the counts of all statuses, where it has them, as one object."""
    if not entry.keys() >= set(STATUSES):
        return entry
    found: dict[str, Any] = {}
    for name, value in entry.items():
        if name == STATUSES[0]:
            found["status_counts"] = {status: entry[status] for status in STATUSES}
        elif name not in STATUSES:
            found[name] = value
    return found


def rows(answer: Answer, measures: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of an answer as JSON has them, of what was asked these measures only."""
    asked = {*answer.question.measures} - set(measures)
    found = []
    for row in query_answers.rows(answer):
        kept = {name: value for name, value in row.items() if name not in asked}
        for name in ("compare", "change"):
            if name in kept:
                inner = {key: value for key, value in kept[name].items() if key not in asked}
                kept[name] = with_status_counts(inner) if name == "compare" else inner
        found.append(with_status_counts(kept))
    return found


def coverage_of(answer: Answer) -> dict[str, int]:
    """The `coverage` of `meta`, of a question that asked for `COVERED`."""
    known = answer.known
    return {
        "runs": answer.runs,
        "cost": known["cost_usd"],
        "duration": known["avg_duration_ms"],
        "tokens": known["total_tokens"],
    }


def named_meta(query: RunQuery, told: Told, *, truncated: bool = False) -> dict[str, Any]:
    """The `meta` of an answer made of answers of the catalogue, the first of which is about all runs of the request."""
    meta = build_meta(query, told.freshness, told.data_range, coverage_of(told.answers[0]), truncated=truncated)
    return {**meta, "approximate": approximations(told.answers)}


def approximations(answers: Iterable[Answer]) -> dict[str, str]:
    """The measures of these answers that are not exact, and how far off each may be, in the catalogue's order."""
    asked = {name for answer in answers for name in answer.question.measures}
    measures = [measure for name, measure in MEASURES.items() if name in asked]
    return {measure.name: measure.approximation for measure in measures if measure.approximation}

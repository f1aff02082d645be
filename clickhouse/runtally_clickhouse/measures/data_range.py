"""When the first and the last run began, in any range: within a question's own its answer tells, and outside of that
it is looked for from the ends of what is stored, as most often a day of each will do.

All that was ever stored would have to be read for it otherwise, beside every question.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from runtally_clickhouse.catalogue import RunScope
from runtally_clickhouse.client import Reader
from runtally_clickhouse.measures.asking import ask_question
from runtally_clickhouse.measures.composition import Limits
from runtally_clickhouse.measures.question import Question
from runtally_clickhouse.measures.time_steps import make_steps
from runtally_clickhouse.store_parts import read_parts

FIRST_LOOK: Final = timedelta(days=1)
WIDER: Final = 4
_MOST_BYTES: Final = 2 * 1024**3
_A_MOMENT: Final = timedelta(milliseconds=1)
_ZONE: Final = ZoneInfo("UTC")
Range = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Outside:
    """The starts of some runs before a range, the first of all among them, and of some after it with the last one."""

    before: Range | None
    after: Range | None


def ask_outside(reader: Reader, question: Question, scope: RunScope) -> Outside:
    """Of the runs that pass the question's filters, those that began outside of its range.

    Exact for every acknowledged run. Blocks; raises as `Reader.query`.
    """
    bounds = read_parts(reader).bounds
    if bounds is None:
        return Outside(None, None)
    before, after = (bounds[0], min(question.steps.start, bounds[1])), (max(question.steps.end, bounds[0]), bounds[1])
    return Outside(
        _look(reader, question, scope, before, from_end=False), _look(reader, question, scope, after, from_end=True)
    )


def join_ends(
    reader: Reader, question: Question, scope: RunScope, outside: Outside, began: Range | None
) -> Range | None:
    """The first and the last start of all, `began` being those in the question's range; None when there is none.

    Asks once more only where no run began in the range. Blocks then, and raises as `Reader.query`.
    """
    first = outside.before or began
    last = outside.after or began
    if first is None and last is not None:
        first = _look(reader, question, scope, (question.steps.end, last[1] + _A_MOMENT), from_end=False)
    if last is None and first is not None:
        last = _look(reader, question, scope, (first[0], question.steps.start), from_end=True)
    return None if first is None or last is None else (first[0], last[1])


def ask_data_range(reader: Reader, question: Question, scope: RunScope) -> Range | None:
    """As `join_ends`, for who asks nothing of the question's own range."""
    bounds = read_parts(reader).bounds
    first = None if bounds is None else _look(reader, question, scope, bounds, from_end=False)
    if bounds is None or first is None:
        return None
    last = _look(reader, question, scope, (first[0], bounds[1]), from_end=True)
    return (first[0], last[1]) if last else first


def _look(reader: Reader, question: Question, scope: RunScope, bounds: Range, *, from_end: bool) -> Range | None:
    """The first and last start in the first window with runs, of windows that widen from one end."""
    start, end = bounds
    width = FIRST_LOOK
    while start < end:
        window = (max(start, _day(end - width)), end) if from_end else (start, min(end, _day(start) + width))
        found = _within(reader, question, scope, window)
        if found is not None:
            return found
        start, end = (start, window[0]) if from_end else (window[1], end)
        width *= WIDER
    return None


def _day(instant: datetime) -> datetime:
    """Where cells of a day begin."""
    return instant.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _within(reader: Reader, question: Question, scope: RunScope, window: Range) -> Range | None:
    asked = replace(
        question,
        measures=("runs",),
        steps=make_steps(*window, _ZONE, "none"),
        dimensions=(),
        order=(),
        compare=None,
    )
    return ask_question(reader, asked, scope, Limits(_MOST_BYTES, 10)).began

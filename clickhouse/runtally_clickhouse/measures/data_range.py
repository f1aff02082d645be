"""When the first and the last run began, in any range: looked for from both ends, as most often a day of each will do.

All that was ever stored would have to be read for it otherwise, beside every question.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from runtally_clickhouse.catalogue import RunScope, estimated_rows, query_text
from runtally_clickhouse.client import Reader
from runtally_clickhouse.measures.asking import ask_question
from runtally_clickhouse.measures.composition import Limits, compose_data_range
from runtally_clickhouse.measures.question import Question
from runtally_clickhouse.measures.time_steps import make_steps

FIRST_LOOK: Final = timedelta(days=1)
WIDER: Final = 4
# From so many stored rows on it is quicker to look than to read them all.
ROWS_TO_LOOK: Final = 500_000
_BUCKET: Final = timedelta(minutes=15)
_MOST_BYTES: Final = 2 * 1024**3
_ZONE: Final = ZoneInfo("UTC")
Range = tuple[datetime, datetime]


def ask_data_range(
    reader: Reader, question: Question, scope: RunScope, rows_to_look: int = ROWS_TO_LOOK
) -> Range | None:
    """The first and the last start of the runs that pass the question's filters, whenever; None when there is none.

    Exact for every acknowledged run. Blocks; raises as `Reader.query`.
    """
    everything = scope.without_range()
    if estimated_rows(reader, everything) < rows_to_look:
        row = reader.query(*compose_data_range(question, scope))[0]
        return (row["first"].replace(tzinfo=UTC), row["last"].replace(tzinfo=UTC)) if row["runs"] else None
    bounds = _stored_bounds(reader)
    if bounds is None:
        return None
    first = _look(reader, question, scope, bounds, from_end=False)
    if first is None:
        return None
    last = _look(reader, question, scope, (first[0], bounds[1]), from_end=True)
    return (first[0], max(first[1], last[1] if last else first[1]))


def _look(reader: Reader, question: Question, scope: RunScope, bounds: Range, *, from_end: bool) -> Range | None:
    """The first and last start in the first window with runs, of windows that widen from one end."""
    start, end = bounds
    width = FIRST_LOOK
    while start < end:
        window = (max(start, end - width), end) if from_end else (start, min(end, start + width))
        found = _within(reader, question, scope, window)
        if found is not None:
            return found
        start, end = (start, window[0]) if from_end else (window[1], end)
        width *= WIDER
    return None


def _within(reader: Reader, question: Question, scope: RunScope, window: Range) -> Range | None:
    asked = replace(
        question,
        measures=("first_run_at", "last_run_at"),
        steps=make_steps(*window, _ZONE, "none"),
        dimensions=(),
        order=(),
        compare=None,
    )
    totals = ask_question(reader, asked, scope, Limits(_MOST_BYTES, 10)).totals
    first, last = totals["first_run_at"], totals["last_run_at"]
    return (first, last) if isinstance(first, datetime) and isinstance(last, datetime) else None


def _stored_bounds(reader: Reader) -> Range | None:
    """Whole buckets between which all acknowledged runs began."""
    row = reader.query(query_text("stored_bounds"), {})[0]
    (first_month, last_month), (first_s, last_s) = row["months"], row["marked"]
    if not first_month:
        return None
    start, end = _month(first_month), _month(last_month)
    end = (end + timedelta(days=32)).replace(day=1)
    first, last = (datetime.fromtimestamp(second, UTC) for second in (first_s, last_s))
    # A month without a mark holds rows that nobody marked, such as those of a restore: it is looked at whole.
    if start <= first < (start + timedelta(days=32)).replace(day=1):
        start = first
    if (end - timedelta(days=1)).replace(day=1) <= last < end:
        end = last + _BUCKET
    return start, end


def _month(number: int) -> datetime:
    return datetime(number // 100, number % 100, 1, tzinfo=UTC)

"""Which hours hold runs that a list lets pass: asked of cells, so that the list reads these hours and no others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from runtally_clickhouse.catalogue import EPOCH, RunScope
from runtally_clickhouse.client import Reader
from runtally_clickhouse.measures.asking import ask_question
from runtally_clickhouse.measures.composition import Limits, Relation, cells_pay, cells_relation
from runtally_clickhouse.measures.question import Filter, Question
from runtally_clickhouse.measures.time_steps import make_steps

_MOST_BYTES: Final = 2 * 1024**3
_MOST_STEPS: Final = 10_000
# So many gaps are left out: a statement for each would take longer than to read through the others.
_MOST_GAPS: Final = 30
_MORE: Final = 4
_ZONE: Final = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Held:
    """A window that holds runs: `runs` of them, or fewer where the list has filters that cells cannot tell."""

    start: datetime
    end: datetime
    runs: int


def held_hours(
    reader: Reader, scope: RunScope, filters: Sequence[Filter], start: datetime, end: datetime
) -> list[Held] | None:
    """The hours of the range with runs of the scope that pass the filters, the newest first; None if cells cannot tell.

    Exact for every acknowledged run. Blocks; raises as `Reader.query`.
    """
    question = Question(("runs",), make_steps(start, end, _ZONE, "hour"), filters=tuple(filters))
    scope = replace(scope, start=start, end=end)
    if not cells_pay(start, end) or cells_relation(question, scope, question.steps) is Relation.SINGLE_RUNS:
        return None
    answer = ask_question(reader, question, scope, Limits(_MOST_BYTES, _MOST_STEPS))
    hours = []
    for row in reversed(answer.rows):
        runs = row.values["runs"]
        if row.step is not None and isinstance(runs, int) and runs:
            first, last = question.steps.starts_ms[row.step], question.steps.end_ms(row.step)
            hours.append(Held(max(start, _instant(first)), min(end, _instant(last)), runs))
    return hours


def stretches(hours: Sequence[Held], enough: int) -> Iterator[Held]:
    """The hours, the newest first, joined where they touch until they hold enough; then more. Pure."""
    joined: Held | None = None
    gaps = 0
    for hour in hours:
        if joined is None:
            joined = hour
            continue
        is_gap = hour.end < joined.start and gaps < _MOST_GAPS
        if is_gap or joined.runs >= enough:
            enough *= 1 if joined.runs < enough else _MORE
            gaps += is_gap
            yield joined
            joined = hour
        else:
            joined = Held(hour.start, joined.end, joined.runs + hour.runs)
    if joined is not None:
        yield joined


def _instant(unix_ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=unix_ms)

"""Ask a question, and shape its answer: dense rows in order, compared where that is asked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from runtally_clickhouse.catalogue import EPOCH, RunScope
from runtally_clickhouse.client import Reader, Row
from runtally_clickhouse.errors import StoreRefused, StoreUnavailable
from runtally_clickhouse.measures.choosing import MOST_GROUPS, can_choose_here, choose, fold_rows
from runtally_clickhouse.measures.composition import (
    ENDS,
    RUNS_COUNT,
    TOO_MANY_GROUPS,
    Composed,
    Limits,
    Relation,
    compose,
    must_choose,
)
from runtally_clickhouse.measures.forms import Value
from runtally_clickhouse.measures.question import TIME, Question
from runtally_clickhouse.measures.relations import STATE_PLACES
from runtally_clickhouse.measures.time_steps import TimeSteps, earlier
from runtally_clickhouse.store_parts import may_hold_runs

Key = tuple[str | int, ...]
Source = Literal["rollup", "raw", "mixed"]
Values = dict[str, Value]
_CHANGE_PLACES = 6
_MOST_ATTEMPTS = 3
RAW = "raw"


class TooManyRows(ValueError):
    """The answer would have more rows than one may have: ask for fewer groups or coarser steps."""


@dataclass(frozen=True, slots=True)
class Group:
    """One group of an answer. `key` has a value for each of the question's keys; None is the rest, `other`."""

    key: Key | None


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """A group in a step of time (its place in `steps.starts_ms`), or over the whole range (None)."""

    step: int | None
    group: Group
    values: Values
    then: Values | None = None

    @property
    def change(self) -> dict[str, float | None] | None:
        """(now - then) / then, None where then is 0 or unknown; instants have none."""
        return changes(self.values, self.then)


@dataclass(frozen=True, slots=True)
class Answer:
    """`totals` are over all groups and the whole range, `totals_then` those of the period compared with; `known` counts
    the runs behind each measure that may be unknown; `began` is when the first and the last of the runs started.
    `compared` are the steps that `then` of a row is about. `buckets` says what the answer was read from: how many
    rolled-up buckets of each width, and how many (`raw`) of 15 minutes run by run; empty where single runs were read.
    It is exact either way.
    """

    question: Question
    rows: list[AnswerRow]
    totals: Values
    runs: int
    began: tuple[datetime, datetime] | None
    known: dict[str, int]
    truncated: bool
    relation: Relation
    buckets: Mapping[str, int]
    compared: TimeSteps | None = None
    totals_then: Values | None = None

    @property
    def totals_change(self) -> dict[str, float | None] | None:
        """As `AnswerRow.change`, of the totals."""
        return changes(self.totals, self.totals_then)

    @property
    def source(self) -> Source:
        """Rollups, merged raw rows, or both."""
        raw = self.buckets.get(RAW, 0)
        rolled_up = sum(self.buckets.values()) - raw
        return "mixed" if rolled_up and raw else "rollup" if rolled_up else "raw"

    @property
    def approximate(self) -> dict[str, str]:
        """The measures that are not exact, and how far off they may be."""
        return {measure.name: measure.approximation for measure in self.question.asked if measure.approximation}


@dataclass(slots=True)
class _Table:
    """The rows of one statement, by what they are about."""

    totals: Values = field(default_factory=dict)
    runs: int = 0
    began: tuple[datetime, datetime] | None = None
    buckets: dict[str, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    groups: dict[Group, Values] = field(default_factory=dict)
    chosen: frozenset[Key] = frozenset()
    sizes: dict[Group, int] = field(default_factory=dict)
    cells: dict[tuple[int, Group], Values] = field(default_factory=dict)


def ask_question(reader: Reader, question: Question, scope: RunScope, limits: Limits) -> Answer:
    """The answer to a question about the runs of `scope`, whose own range does not count.

    Blocks; raises as `Reader.query`, and `TooManyRows`.
    Each chosen group has a row for every step of time, dates ascending and groups in order within them.
    """
    if question.compare is None:
        return _answer(question, limits, *_asked(reader, question, scope, limits))
    compared = earlier(question.steps, question.compare)
    if not may_hold_runs(reader, compared.start, compared.end):
        composed, now = _asked(reader, question, scope, limits)
        return _answer(question, limits, composed, now, compared, _table(question, composed, compared, ()))
    for attempt in range(_MOST_ATTEMPTS):
        composed, now = _asked(reader, question, scope, limits, attempt)
        composed_then = compose(question, scope, limits, compared)
        rows = reader.query(_again(composed_then.sql, attempt), composed_then.parameters)
        then = _table(question, composed_then, compared, rows)
        if not question.keys or then.chosen == {group.key for group in now.groups} - {None}:
            return _answer(question, limits, composed, now, compared, then)
    raise StoreUnavailable("runs came in between the two periods' answers that changed which groups are compared")


def _again(sql: str, attempt: int) -> str:
    """The statement as another text for each attempt, to a reader that keeps answers."""
    return f"{sql}\n-- attempt {attempt + 1}" if attempt else sql


def ask_each_key_alone(reader: Reader, question: Question, scope: RunScope, limits: Limits) -> list[Answer]:
    """The answers to a question by each of its keys alone, in their order: its runs are read once for all of them.

    It is of the whole range, and not compared. Blocks and raises as `ask_question`.
    """
    alone = [replace(question, dimensions=(dimension.name,)) for dimension in question.keys]
    assert all(len(each.keys) == 1 for each in alone), "an agent's key is of two"
    counts = None if must_choose(question) else limits.group_counts
    if counts is not None and counts.may_be_few(question, scope):
        composed = compose(question, scope, limits, most_groups=question.limit, each_key_alone=True)
        try:
            rows = reader.query(composed.sql, composed.parameters)
        except StoreRefused as error:
            if error.code not in TOO_MANY_GROUPS:
                raise
        else:
            tables = [_table(each, composed, each.steps, _of_key(rows, place)) for place, each in enumerate(alone)]
            if all(len(table.groups) <= question.limit for table in tables):
                return [_answer(each, limits, composed, table) for each, table in zip(alone, tables, strict=True)]
        counts.remember_many(question, scope)
    return [ask_question(reader, each, scope, limits) for each in alone]


def _of_key(rows: Iterable[Row], place: int) -> list[Row]:
    """The rows about one key alone, as they would be without the others, and those about all."""
    return [{**row, "key_0": row[f"key_{place}"]} for row in rows if row["is_total"] or not row[f"without_{place}"]]


def _answer(
    question: Question,
    limits: Limits,
    composed: Composed,
    now: _Table,
    compared: TimeSteps | None = None,
    then: _Table | None = None,
) -> Answer:
    groups = _in_order(question, now)
    if len(groups) * len(question.steps.starts_ms) > limits.max_rows:
        raise TooManyRows(f"{len(groups)} groups in {len(question.steps.starts_ms)} steps of time")
    return Answer(
        question,
        list(_rows(question, groups, now, then)),
        now.totals,
        now.runs,
        now.began,
        now.known,
        any(group.key is None for group in now.groups) and bool(question.keys),
        composed.relation,
        {name: count + (then.buckets.get(name, 0) if then else 0) for name, count in now.buckets.items()},
        compared,
        then.totals if then else None,
    )


def _asked(
    reader: Reader, question: Question, scope: RunScope, limits: Limits, attempt: int = 0
) -> tuple[Composed, _Table]:
    """The question's statement and what it gave: all groups, where there are few enough of them."""
    counts = limits.group_counts if question.keys and not must_choose(question) else None
    if counts is not None and counts.may_be_few(question, scope):
        chooses_here = can_choose_here(question)
        most = max(question.limit, MOST_GROUPS) if chooses_here else question.limit
        composed = compose(question, scope, limits, most_groups=most)
        try:
            rows = reader.query(_again(composed.sql, attempt), composed.parameters)
            rows = choose(question, composed.part_names, rows) if chooses_here else rows
            table = _table(question, composed, question.steps, rows)
            if chooses_here or len(table.groups) <= question.limit:
                return composed, table
        except StoreRefused as error:
            if error.code not in TOO_MANY_GROUPS:
                raise
        counts.remember_many(question, scope)
    composed = compose(question, scope, limits)
    rows = reader.query(_again(composed.sql, attempt), composed.parameters)
    return composed, _table(question, composed, question.steps, rows)


def _table(question: Question, composed: Composed, steps: TimeSteps, rows: Iterable[Row]) -> _Table:
    table = _Table(totals=_empty(question), known={m.name: 0 for m in question.asked if m.form.known is not None})
    places = {start: place for place, start in enumerate(steps.starts_ms)}
    keys = range(len(question.keys))
    whole: dict[Group, Row] = {}
    for row in rows:
        if composed.relation is not Relation.SINGLE_RUNS:
            table.buckets = {name: int(row[f"{name}_buckets"]) for name in STATE_PLACES}
        if row["is_total"]:
            table.chosen = frozenset(_key(key) for key in row.get("chosen_groups", ()))
            table.totals = _finished(question, composed, row, steps.minutes(None))
            table.runs = int(row[composed.part_names[RUNS_COUNT]])
            table.began = _began(composed, row) if table.runs else None
            for measure in question.asked:
                if measure.form.known is not None:
                    table.known[measure.name] = int(row[composed.part_names[measure.form.parts[measure.form.known]]])
            if keys:
                continue
        group = Group(None if row["is_other"] else tuple(row[f"key_{place}"] for place in keys))
        if row["is_whole_range"]:
            table.groups[group] = _finished(question, composed, row, steps.minutes(None))
            table.sizes[group] = int(row[composed.part_names[RUNS_COUNT]])
        else:
            place = places[row["step_ms"]]
            table.cells[place, group] = _finished(question, composed, row, steps.minutes(place))
            if composed.folds_steps:
                whole[group] = fold_rows(composed.part_names, whole[group], row) if group in whole else row
    for group, row in whole.items():
        table.groups[group] = _finished(question, composed, row, steps.minutes(None))
        table.sizes[group] = int(row[composed.part_names[RUNS_COUNT]])
    if not keys:
        table.groups.setdefault(Group(()), table.totals)
    return table


def _key(found: Any) -> Key:
    """As groups have it: the store has no tuple of one."""
    return found if isinstance(found, tuple) else (found,)


def _began(composed: Composed, row: Row) -> tuple[datetime, datetime]:
    first, last = (EPOCH + timedelta(milliseconds=int(row[composed.part_names[end]])) for end in ENDS)
    return first, last


def _finished(question: Question, composed: Composed, row: Mapping[str, Any], minutes: float) -> Values:
    return {
        measure.name: measure.form.finish([row[composed.part_names[part]] for part in measure.form.parts], minutes)
        for measure in question.asked
    }


def _empty(question: Question) -> Values:
    return {measure.name: measure.form.empty for measure in question.asked}


def _in_order(question: Question, table: _Table) -> list[Group]:
    """The groups as asked, the busiest first without an order; ties by name, None last, the rest at the end."""
    groups = [group for group in table.groups if group.key is not None]
    groups.sort(key=lambda group: group.key or ())
    orders = [order for order in question.order if order.by != TIME]
    names = [dimension.name for dimension in question.keys]
    if not orders:
        groups.sort(key=lambda group: -table.sizes.get(group, 0))
    for order in reversed(orders):

        def value(group: Group, by: str = order.by) -> Any:
            return (group.key or ())[names.index(by)] if by in names else table.groups[group][by]

        known = [group for group in groups if value(group) is not None]
        known.sort(key=value, reverse=order.descending)
        groups = known + [group for group in groups if value(group) is None]
    rest = [group for group in table.groups if group.key is None] if question.other else []
    return groups + rest


def _rows(question: Question, groups: Sequence[Group], now: _Table, then: _Table | None) -> Iterable[AnswerRow]:
    empty = _empty(question)
    if question.steps.granularity == "none":
        for group in groups:
            yield AnswerRow(None, group, now.groups[group], then.groups.get(group, empty) if then else None)
        return
    places = range(len(question.steps.starts_ms))
    newest_first = any(order.by == TIME and order.descending for order in question.order)
    for place in reversed(places) if newest_first else places:
        for group in groups:
            values = now.cells.get((place, group), empty)
            yield AnswerRow(place, group, values, then.cells.get((place, group), empty) if then else None)


def changes(now: Values, then: Values | None) -> dict[str, float | None] | None:
    """Each value's change since then; None without one."""
    return None if then is None else {name: _change(value, then[name]) for name, value in now.items()}


def _change(now: Value, then: Value) -> float | None:
    if now is None or not then or isinstance(now, datetime) or isinstance(then, datetime):
        return None
    if isinstance(now, Decimal) or isinstance(then, Decimal):
        now, then = Decimal(now), Decimal(then)
        return round(float((now - then) / then), _CHANGE_PLACES)
    return round((now - then) / then, _CHANGE_PLACES)

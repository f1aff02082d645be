"""From a question to one SQL statement and its parameters. Pure: names come from the catalogue, values are bound.

One statement reads the data once and gives, by grouping sets, the totals, each group over the whole range, and each
group in each step of time. Beside it stands the choice of the groups, over the question's own range also when another
one is compared with it; where there are no more groups than the limit, none is needed. A question reads one relation:
cells where they hold all it needs, else single runs.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Context, Decimal
from enum import StrEnum
from typing import Any

from runtally_clickhouse.catalogue import RunScope, unix_ms
from runtally_clickhouse.measures.beside import Beside, SingleRuns, beside_of, with_parts_beside
from runtally_clickhouse.measures.definitions import Measure
from runtally_clickhouse.measures.dimensions import Dimension
from runtally_clickhouse.measures.error_runs import error_runs_answer
from runtally_clickhouse.measures.group_counts import GroupCounts
from runtally_clickhouse.measures.grouping import Grouping, grouping_of, grouping_of_each_key
from runtally_clickhouse.measures.question import TIME, Filter, Order, Question
from runtally_clickhouse.measures.relations import CHOICE_PREFIX, STATE, STATE_PLACES, cells_table, relation_tables
from runtally_clickhouse.measures.session_cells import session_cells_answer
from runtally_clickhouse.measures.time_steps import CELL_MS, TimeSteps, zone_offsets
from runtally_clickhouse.measures.wide_cells import (
    Reading,
    filter_columns,
    state_parameters,
    status_column,
    wide_levels,
)
from runtally_clickhouse.rollup_levels import RollupLevel

RUNS_COUNT = "sum(runs)"
_CHOSEN = "chosen"
_CHOSEN_GROUPS = f"if(is_total = 1, {_CHOSEN}, [])"
# When the first and the last of the runs began.
ENDS = ("min(first_at_ms)", "max(last_at_ms)")
# What the engine says when more groups come up than a statement without a choice may make, or more rows.
TOO_MANY_GROUPS = frozenset({158, 396})
SHORTEST_OF_BUCKETS = timedelta(minutes=30)
LONGEST_OF_BUCKETS = timedelta(days=1000)
_ARRAY_TYPES = {"string": "String", "integer": "Int64", "boolean": "UInt8", "number": "Float64", "decimal": "String"}
_KEY_TYPES = {"string": "String", "integer": "Int64", "boolean": "UInt8"}
_STEP = (
    "roundDown(at_ms, {step_firsts_ms:Array(Int64)}) AS segment_ms, "
    "transform(segment_ms, {step_firsts_ms:Array(Int64)}, {step_widths_ms:Array(Int64)}, toInt64(1)) AS width_ms, "
    "segment_ms + intDiv(greatest(at_ms - segment_ms, 0), width_ms) * width_ms AS step_ms"
)


class Relation(StrEnum):
    """What a question reads: the stem of its query file."""

    CELLS = "run_facts"
    SESSION_CELLS = "session_facts"
    ERROR_RUNS = "merged_error_runs"
    SINGLE_RUNS = "run_cells"

    @property
    def table(self) -> str:
        """What a statement reads: runs with errors are single runs, of which the others are left out."""
        return Relation.SINGLE_RUNS if self is Relation.ERROR_RUNS else self


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of the store a question may use, and how it may be read: out of rollups, and without a choice of groups
    where `group_counts` remembers nothing that speaks against it.
    """

    max_memory_bytes: int
    max_rows: int
    use_rollups: bool = True
    group_counts: GroupCounts | None = None


@dataclass(frozen=True, slots=True)
class Composed:
    """A statement. Its columns: `is_total`, `is_whole_range`, `is_other`, `key_0`..., `step_ms`, and one for each of
    `parts`, by the names that `part_names` gives them; over another range `chosen_groups`, in the row of the total:
    the keys of those that it told apart. With `folds_steps` it leaves out the groups over the whole range: every part
    of theirs is made of those of their steps.
    """

    sql: str
    parameters: dict[str, object]
    relation: Relation
    part_names: dict[str, str]
    folds_steps: bool


def compose(
    question: Question,
    scope: RunScope,
    limits: Limits,
    compared: TimeSteps | None = None,
    *,
    most_groups: int | None = None,
    each_key_alone: bool = False,
) -> Composed:
    """The statement of a question; of its answer over another range, for the same groups, when `compared` is given.

    It chooses the groups that it tells apart, unless `most_groups` is given: then it tells all of them, and the engine
    refuses (`TOO_MANY_GROUPS`) to make many more than so many; it may yet give some more. With `each_key_alone`, too,
    groups differ in one key each: `without_0`... say in which they do not. That is for questions of the whole range.
    """
    chooses = most_groups is None
    steps = compared or question.steps
    pays = limits.use_rollups and cells_pay(question.steps.start, question.steps.end)
    relation = cells_relation(question, scope, steps) if pays else Relation.SINGLE_RUNS
    reading = _reading(question, scope, steps)
    levels = wide_levels(reading, unix_ms(steps.start), unix_ms(steps.end))
    wide = [level for level in levels if cells_table(level, relation)]
    part_names = _part_names(question.asked, *ENDS)
    folds_steps = bool(question.keys and steps.starts_ms) and all(find_fold(part) for part in part_names)
    has_steps, compares = bool(steps.starts_ms), compared is not None
    keys = [f"key_{place}" for place in range(len(question.keys))]
    grouping = grouping_of(keys, has_steps=has_steps, folds_steps=folds_steps, alone=question.alone)
    runs = _runs(question, grouping_of_each_key(keys) if each_key_alone else grouping, steps, chooses=chooses)
    more = _bucket_counts(relation) | ({_CHOSEN_GROUPS: "chosen_groups"} if compares and keys else {})
    statement = _of_relation(relation, part_names, runs, more)
    choice = _choice(question, relation, CHOICE_PREFIX if compares else "") if keys and chooses else None
    sql = (
        f"WITH {_with(relation, statement, choice, wide, compares=compares)}\n{statement}\n"
        f"SETTINGS {_settings(limits, steps, most_groups)}"
    )
    bound = replace(scope, start=steps.start, end=steps.end)
    parameters = _parameters(question, bound, steps, compares=compares)
    parameters |= state_parameters(reading, wide, steps.starts_ms)
    return Composed(sql, parameters, relation, part_names, folds_steps)


def _runs(question: Question, grouping: Grouping, steps: TimeSteps, *, chooses: bool) -> SingleRuns:
    conditions = (*_conditions(question), *(_chosen_alone(question) if question.alone else ()))
    columns = (*_group_keys(question, chooses=chooses), *([_STEP] if steps.starts_ms else []))
    return SingleRuns(columns, conditions, grouping)


def _of_relation(
    relation: Relation, part_names: Mapping[str, str], runs: SingleRuns, more: Mapping[str, str] | None = None
) -> str:
    """What is counted of the relation, by groups, and beside it; `more` columns are of each row."""
    own = {**(more or {}), **{sql: name for sql, name in part_names.items() if beside_of(sql) is None}}
    columns = [*runs.grouping.labels, *(f"{sql} AS {name}" for sql, name in own.items())]
    source = runs.select(f"{runs.prefix}{relation.table}")
    statement = f"SELECT {', '.join(columns)}\nFROM ({source})\nGROUP BY {runs.grouping.sql()}"
    return with_parts_beside(statement, [*runs.grouping.names, *own.values()], part_names, runs, relation.table)


def _bucket_counts(relation: Relation) -> dict[str, str]:
    """How many buckets of each width were read, where the statement knows of them."""
    if relation is Relation.SINGLE_RUNS:
        return {}
    return {f"length({STATE}.{place})": f"{name}_buckets" for name, place in STATE_PLACES.items()}


def must_choose(question: Question) -> bool:
    """Whether the groups that are told apart have to be chosen before the others are left out: where sessions are
    grouped first, the engine cannot tell too many groups from many sessions.
    """
    of_sessions = any(beside_of(part) is Beside.SESSIONS for measure in question.asked for part in measure.form.parts)
    return question.alone or question.after is not None or of_sessions


def find_fold(part: str) -> Callable[[Any, Any], Any] | None:
    """What makes the part of a whole out of those of its steps; None where that cannot be done: a session may have runs
    in several.
    """
    return None if beside_of(part) is Beside.SESSIONS else _FOLDS.get(part.partition("(")[0])


def _add(one: Any, other: Any) -> Any:
    """Without the rounding to 28 digits that decimals get by default."""
    return _EXACT.add(one, other) if isinstance(one, Decimal) else one + other


_EXACT = Context(prec=76)
_FOLDS: dict[str, Callable[[Any, Any], Any]] = {"sum": _add, "sumIf": _add, "min": min, "max": max}


def _settings(limits: Limits, steps: TimeSteps, most_groups: int | None) -> str:
    settings = f"max_memory_usage = {limits.max_memory_bytes:d}, max_result_rows = {limits.max_rows:d}"
    # Sessions and users may be many: a slow answer is better than none.
    settings += f", max_bytes_before_external_group_by = {limits.max_memory_bytes // 4:d}"
    if most_groups is None:
        return settings
    return f"{settings}, max_rows_to_group_by = {(most_groups + 1) * max(1, len(steps.starts_ms)):d}"


def cells_pay(start: datetime, end: datetime) -> bool:
    """Whether a range is of so many buckets that it pays to look which are clean, and not of ever so many."""
    return SHORTEST_OF_BUCKETS <= end - start <= LONGEST_OF_BUCKETS


def cells_relation(question: Question, scope: RunScope, steps: TimeSteps) -> Relation:
    """Cells, unless something is asked that they do not hold; then the runs with errors, if none but they are asked;
    then cells of users and sessions, if they hold it.
    """
    dimensions = [*question.keys, *(dimension for dimension, _ in question.filtered)]
    local = any(dimension.is_local_time for dimension in dimensions)
    on_grid = steps.fits_cells and (not local or all(start % CELL_MS == 0 for start in zone_offsets(steps.zone)[0]))
    hold = all(dimension.in_cells for dimension in dimensions) and on_grid
    hold &= not any(_needs_single_runs(measure) for measure in question.asked) and not scope.filters.user_id
    if hold:
        return Relation.CELLS
    if error_runs_answer(question, scope):
        return Relation.ERROR_RUNS
    return Relation.SESSION_CELLS if on_grid and session_cells_answer(question, scope) else Relation.SINGLE_RUNS


def _needs_single_runs(measure: Measure) -> bool:
    """Ratings are counted beside the cells."""
    return measure.of_single_runs and any(beside_of(part) is not Beside.RATINGS for part in measure.form.parts)


def _reading(question: Question, scope: RunScope, steps: TimeSteps) -> Reading:
    dimensions = [*question.keys, *(dimension for dimension, _ in question.filtered)]
    return Reading(
        added=tuple(part for measure in question.asked for part in measure.form.parts),
        told_apart=(
            *(dimension.sql for dimension in question.keys),
            *(_filter_column(dimension, entry) for dimension, entry in question.filtered),
            *filter_columns(scope.filters),
        ),
        boundaries_ms=steps.starts_ms,
        local=steps.zone if any(dimension.is_local_time for dimension in dimensions) else None,
    )


def _filter_column(dimension: Dimension, entry: Filter) -> str:
    if dimension.name == "status" and entry.operator in ("in", "not_in"):
        return status_column(entry.values)
    return dimension.sql


def _part_names(measures: Iterable[Measure], *more: str) -> dict[str, str]:
    """The parts of these measures, each once, by the names of their columns; the first counts the runs."""
    parts = dict.fromkeys([RUNS_COUNT, *more, *(part for measure in measures for part in measure.form.parts)])
    return {sql: f"part_{place}" for place, sql in enumerate(parts)}


def _with(
    relation: Relation, statement: str, choice: str | None, wide: Sequence[RollupLevel], *, compares: bool
) -> str:
    """The statement after the relations that it and the choice of its groups read."""
    only_errors = relation is Relation.ERROR_RUNS
    reading = f"{statement} {'' if compares else choice}"
    tables = relation_tables(reading, for_choice=False, wide=wide, only_errors=only_errors)
    if choice is not None:
        if compares:
            tables += relation_tables(choice, for_choice=True, wide=wide, only_errors=only_errors)
        tables.append(f"(\n{choice}\n) AS {_CHOSEN}")
    return ",\n".join(tables)


def _choice(question: Question, relation: Relation, prefix: str) -> str:
    """The groups that are told apart: the first of the order over the whole range, then by their names. One scalar:
    the engine would work a table out once more for each column that it says something about.
    """
    ordering = {order.by for order in question.order}
    part_names = _part_names(measure for measure in question.asked if measure.name in ordering)
    keys = tuple(f"{dimension.sql} AS key_{place}" for place, dimension in enumerate(question.keys))
    names = tuple(f"key_{place}" for place in range(len(keys)))
    parts = {sql.replace("FROM followed_handoffs", f"FROM {prefix}followed_handoffs"): name
             for sql, name in part_names.items()}  # fmt: skip
    orders = [_order(question, entry, part_names) for entry in question.order if entry.by != TIME]
    orders += [f"{part_names[RUNS_COUNT]} DESC"] if not orders else []
    runs = SingleRuns(keys, tuple(_conditions(question)), Grouping((names,), names), prefix)
    grouped = f"({_of_relation(relation, parts, runs)}){_after(question, part_names[RUNS_COUNT])}"
    first = f"SELECT {', '.join(names)} FROM {grouped} ORDER BY {', '.join([*orders, *names])} LIMIT {{limit:UInt32}}"
    return f"SELECT groupArray({_tuple(names)}) FROM ({first})"


def _tuple(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"({', '.join(names)})"


def _after(question: Question, runs: str) -> str:
    """The groups of the pages that follow one: less busy, or as busy and later by name."""
    if question.after is None:
        return ""
    keys = question.keys
    names = ", ".join(f"key_{place}" for place in range(len(keys)))
    last = ", ".join(f"{{after_key_{place}:{_KEY_TYPES[key.type]}}}" for place, key in enumerate(keys))
    later = f"({names}) > ({last})"
    return f" WHERE {runs} < {{after_runs:UInt64}} OR ({runs} = {{after_runs:UInt64}} AND {later})"


def _order(question: Question, order: Order, part_names: dict[str, str]) -> str:
    direction = "DESC" if order.descending else "ASC"
    for place, dimension in enumerate(question.keys):
        if dimension.name == order.by:
            return f"key_{place} {direction}"
    form = next(measure.form for measure in question.asked if measure.name == order.by)
    return f"{form.order_sql([part_names[part] for part in form.parts])} {direction} NULLS LAST"


def _group_keys(question: Question, *, chooses: bool) -> list[str]:
    """The groups' columns: as they are for the chosen ones, empty for the rest."""
    dimensions = question.keys
    if not dimensions:
        return []
    if not chooses:
        return ["0 AS is_other", *(f"{dimension.sql} AS key_{place}" for place, dimension in enumerate(dimensions))]
    own = _tuple([dimension.sql for dimension in dimensions])
    rest = [f"{own} NOT IN (SELECT arrayJoin({_CHOSEN})) AS is_other"]
    return rest + [
        f"if(is_other, {'0' if _is_number(dimension) else repr('')}, {dimension.sql}) AS key_{place}"
        for place, dimension in enumerate(dimensions)
    ]


def _is_number(dimension: Dimension) -> bool:
    return dimension.type != "string"


def _conditions(question: Question) -> list[str]:
    return [_condition(dimension, entry, place) for place, (dimension, entry) in enumerate(question.filtered)]


def _chosen_alone(question: Question) -> list[str]:
    """Of the chosen groups; each key by itself, too, so that the indexes are asked."""
    keys = question.keys
    own = _tuple([dimension.sql for dimension in keys])
    each = [f"{key.sql} IN (SELECT arrayJoin({_CHOSEN}.{place}))" for place, key in enumerate(keys, 1)]
    return [f"{own} IN (SELECT arrayJoin({_CHOSEN}))", *(each if len(keys) > 1 else [])]


def _condition(dimension: Dimension, entry: Filter, place: int) -> str:
    array = f"{{filter_{place}:Array({_ARRAY_TYPES[dimension.type]})}}"
    if dimension.type == "decimal":
        array = f"arrayMap(text -> toDecimal128(text, 9), {array})"
    match entry.operator:
        case "in" if dimension.type == "decimal":
            return f"ifNull(has({array}, {dimension.sql}), false)"
        case "not_in" if dimension.type == "decimal":
            return f"NOT ifNull(has({array}, {dimension.sql}), false)"
        case "in" if dimension.type == "string":  # never NULL; as it stands, the index is asked
            return f"{dimension.sql} IN {array}"
        case "in":
            return f"ifNull({dimension.sql} IN {array}, false)"
        case "not_in":
            return f"NOT ifNull({dimension.sql} IN {array}, false)"
        case "contains":
            return f"arrayExists(text -> position({dimension.sql}, text) > 0, {array})"
        case "gte":
            return f"ifNull({dimension.sql} >= {array}[1], false)"
        case "lt":
            return f"ifNull({dimension.sql} < {array}[1], false)"


def _filter_parameters(question: Question, steps: TimeSteps) -> dict[str, object]:
    parameters: dict[str, object] = {}
    for place, (dimension, entry) in enumerate(question.filtered):
        parameters[f"filter_{place}"] = list(entry.values)
        if f"filter_tag_{place}" in dimension.sql:
            parameters[f"filter_tag_{place}"] = dimension.name.partition(":")[2]
    if any(dimension.is_local_time for dimension, _ in question.filtered):
        parameters |= _zone_parameters(question.steps, steps)
    return parameters


def _zone_parameters(*ranges: TimeSteps) -> dict[str, object]:
    """The changes of the zone's clocks that matter to the ranges: looking each run up among all of them takes time."""
    starts, offsets = zone_offsets(ranges[0].zone)
    first = max(0, bisect_right(starts, unix_ms(min(each.start for each in ranges))) - 1)
    last = max(first + 1, bisect_left(starts, unix_ms(max(each.end for each in ranges))))
    return {"zone_starts_ms": list(starts[first:last]), "zone_offsets_seconds": list(offsets[first:last])}


def _parameters(question: Question, scope: RunScope, steps: TimeSteps, *, compares: bool) -> dict[str, object]:
    parameters = {**scope.parameters(), **_filter_parameters(question, steps)}
    keys = question.keys
    if keys:
        parameters["limit"] = question.limit
    if question.after is not None:
        parameters["after_runs"] = question.after.runs
        parameters |= {f"after_key_{place}": value for place, value in enumerate(question.after.key)}
    for place, dimension in enumerate(keys):
        if f"key_tag_{place}" in dimension.sql:
            parameters[f"key_tag_{place}"] = dimension.name.partition(":")[2]
    if any(dimension.is_local_time for dimension in keys):
        parameters |= _zone_parameters(question.steps, steps)
    if steps.starts_ms:
        parameters["step_firsts_ms"], parameters["step_widths_ms"] = steps.segments()
    if compares:
        own = replace(scope, start=question.steps.start, end=question.steps.end).parameters()
        parameters |= {"chosen_from_ms": own["from_ms"], "chosen_to_ms": own["to_ms"]}
        parameters |= {"chosen_split_hours_ms": [], "chosen_split_days_ms": []}  # a choice is over the whole range
    return parameters

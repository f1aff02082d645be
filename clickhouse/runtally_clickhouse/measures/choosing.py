"""Which groups an answer tells apart, chosen among all of them here: as the store would, where that is certain.

The store reads its cells twice to choose; of some hundred groups, all are told sooner.
"""

from collections.abc import Mapping, Sequence
from functools import reduce

from runtally_clickhouse.client import Row
from runtally_clickhouse.measures.composition import RUNS_COUNT, find_fold
from runtally_clickhouse.measures.forms import Count, Sum
from runtally_clickhouse.measures.question import TIME, Order, Question

MOST_GROUPS = 1_000


def can_choose_here(question: Question) -> bool:
    """Whether the order is by values that sort here as there, and whether the rest can be made of its groups."""
    by = {order.by for order in question.order} - {dimension.name for dimension in question.keys}
    sorts = all(type(measure.form) in (Count, Sum) for measure in question.asked if measure.name in by)
    adds_up = all(find_fold(part) for measure in question.asked for part in measure.form.parts)
    return not question.steps.starts_ms and TIME not in by and sorts and adds_up


def choose(question: Question, part_names: Mapping[str, str], rows: Sequence[Row]) -> list[Row]:
    """The rows of a statement that told all groups apart, as those of one that chose: the rest is one `is_other`."""
    totals = [row for row in rows if row["is_total"]]
    groups = [row for row in rows if not row["is_total"]]
    keys = [f"key_{place}" for place in range(len(question.keys))]
    groups.sort(key=lambda row: [row[key] for key in keys])
    for order in reversed(question.order or (Order("runs"),)):
        _sort(groups, question, part_names, order)
    chosen, rest = groups[: question.limit], groups[question.limit :]
    if not rest:
        return totals + chosen
    return [*totals, *chosen, reduce(lambda one, other: fold_rows(part_names, one, other), rest) | {"is_other": 1}]


def fold_rows(part_names: Mapping[str, str], one: Row, other: Row) -> Row:
    """One row, the parts of two together."""
    found = dict(one)
    for part, name in part_names.items():
        fold = find_fold(part)
        assert fold is not None, part
        found[name] = fold(one[name], other[name])
    return found


def _sort(groups: list[Row], question: Question, part_names: Mapping[str, str], order: Order) -> None:
    """In place and stable; what is unknown comes last, whatever the direction."""
    names = [dimension.name for dimension in question.keys]
    if order.by in names:
        groups.sort(key=lambda row: row[f"key_{names.index(order.by)}"], reverse=order.descending)
        return
    form = next((measure.form for measure in question.asked if measure.name == order.by), None)
    parts = [part_names[part] for part in (form.parts if form else [RUNS_COUNT])]
    unknown = [row for row in groups if isinstance(form, Sum) and not row[parts[1]]]
    known = [row for row in groups if not (isinstance(form, Sum) and not row[parts[1]])]
    known.sort(key=lambda row: row[parts[0]], reverse=order.descending)
    groups[:] = known + unknown

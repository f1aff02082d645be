"""A question of the catalogue: what is asked, checked and resolved, before any SQL."""

from dataclasses import dataclass
from typing import Final, Literal

from runtally_clickhouse.measures.definitions import MEASURES, Measure
from runtally_clickhouse.measures.dimensions import Dimension, find_dimension
from runtally_clickhouse.measures.time_steps import Comparison, TimeSteps

Operator = Literal["in", "not_in", "contains", "gte", "lt"]
OPERATORS: Final[tuple[Operator, ...]] = ("in", "not_in", "contains", "gte", "lt")
TIME: Final = "time"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which runs: those whose dimension is any of the values, none of them, contains any of them, or is ordered so.

    Values are of the dimension's type. A run whose number is not known passes no filter of it but `not_in`.
    """

    dimension: str
    operator: Operator
    values: tuple[str | int | float, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """By a measure or dimension of the question, or by `time`. None comes last either way."""

    by: str
    descending: bool = True


@dataclass(frozen=True, slots=True)
class After:
    """The last group of the page before: how many runs it had, and its value for each of the question's keys."""

    runs: int
    key: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about the runs of a `RunScope`; the range is that of `steps`.

    The `limit` first groups over the whole range are told apart, and the rest is one group when `other` is set.
    Without an order these are the busiest; then `after` tells which of them come next, and all others are the rest.
    With `alone` nothing is read but the runs of these groups: no totals are told, nor whether there are others.
    """

    measures: tuple[str, ...]
    steps: TimeSteps
    dimensions: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int = 100
    other: bool = True
    alone: bool = False
    compare: Comparison | None = None
    after: After | None = None

    @property
    def asked(self) -> list[Measure]:
        return [MEASURES[name] for name in self.measures]

    @property
    def keys(self) -> list[Dimension]:
        """The dimensions that groups differ in. Agents are of a workspace, so that comes with them."""
        names = list(self.dimensions)
        if "agent_id" in names and "workspace_id" not in names:
            names.insert(names.index("agent_id"), "workspace_id")
        return [_found(name, f"key_tag_{place}") for place, name in enumerate(names)]

    @property
    def filtered(self) -> list[tuple[Dimension, Filter]]:
        return [(_found(entry.dimension, f"filter_tag_{place}"), entry) for place, entry in enumerate(self.filters)]


def _found(name: str, tag_parameter: str) -> Dimension:
    dimension = find_dimension(name, tag_parameter)
    if dimension is None:
        raise KeyError(name)
    return dimension

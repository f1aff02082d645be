"""Histograms of whole milliseconds: the bins that cells hold, put together to as many as a chart can show."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from runtally_clickhouse.catalogue import RunScope, query_text, unix_ms
from runtally_clickhouse.client import Reader
from runtally_clickhouse.measures.composition import cells_pay
from runtally_clickhouse.measures.forms import BIN_RATIO
from runtally_clickhouse.measures.relations import relation_tables
from runtally_clickhouse.measures.wide_cells import Reading, filter_columns, state_parameters, wide_levels

HistogramName = Literal["duration_histogram", "queue_histogram"]


@dataclass(frozen=True, slots=True)
class Bucket:
    """The runs whose number of milliseconds is at least `from_ms` and less than `to_ms`."""

    from_ms: int
    to_ms: int
    runs: int


def ask_histogram(reader: Reader, name: HistogramName, scope: RunScope) -> dict[int, int]:
    """How many of the scope's runs are in each bin that holds any. Blocks; raises as `Reader.query`."""
    statement = query_text(name)
    # Rollups do not hold users.
    if scope.filters.user_id or not cells_pay(scope.start, scope.end):
        statement = statement.replace("FROM run_facts", "FROM run_cells")
    reading = Reading((statement,), filter_columns(scope.filters))
    wide = wide_levels(reading, unix_ms(scope.start), unix_ms(scope.end))
    relations = ",\n".join(relation_tables(statement, for_choice=False, wide=wide))
    bound = {**scope.parameters(), **state_parameters(reading, wide, ())}
    rows = reader.query(f"WITH {relations}\n{statement}", bound)
    return {int(row["bin"]): int(row["runs"]) for row in rows}


def histogram_buckets(bins: Mapping[int, int], most: int) -> list[Bucket]:
    """At most `most` buckets of equally many bins, none left out between the first and the last; zero has its own.

    Bounds are whole numbers, as what is counted is: so the counts are exact.
    """
    found = [Bucket(0, 1, bins[0])] if bins.get(0) else []
    above = sorted(number for number in bins if number > 0)
    if not above:
        return found
    width = math.ceil((above[-1] - above[0] + 1) / (most - len(found)))
    for first in range(above[0], above[-1] + 1, width):
        runs = sum(bins.get(number, 0) for number in range(first, first + width))
        low, high = _first_of(first), _first_of(first + width)
        if low < high:
            found.append(Bucket(low, high, runs))
    return found


def _first_of(number: int) -> int:
    """The least whole number in a bin, or in those after it."""
    return math.ceil(BIN_RATIO ** (number - 1))

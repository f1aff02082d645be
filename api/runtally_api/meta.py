"""The `meta` of an answer: what it was asked, what it holds, how fresh it is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runtally_clickhouse.catalogue import RunFilters, data_as_of
from runtally_clickhouse.client import Reader
from runtally_clickhouse.measures.data_range import Range

from runtally_api.dependencies import RunQuery
from runtally_api.formats import instant

DataRange = dict[str, str | None] | None
FAILURES = frozenset({"failed", "timed_out"})


@dataclass(frozen=True, slots=True)
class Freshness:
    """Up to when the store had acknowledged when the question began: read before the answer, never after."""

    data_as_of: datetime | None
    seconds: float | None


def read_freshness(reader: Reader, now: datetime) -> Freshness:
    acknowledged = data_as_of(reader)
    age = None if acknowledged is None else max(0.0, round((now - acknowledged).total_seconds(), 3))
    return Freshness(acknowledged, age)


def hides_failures(filters: RunFilters) -> bool:
    """Whether the status filter leaves out failed or timed-out runs."""
    return bool(filters.status) and not set(filters.status) >= FAILURES


def data_range_of(found: Range | None) -> DataRange:
    """The first and last start among the runs that match the filters in any range; None when there is none."""
    return None if found is None else {"first": instant(found[0]), "last": instant(found[1])}


def build_meta(
    query: RunQuery,
    freshness: Freshness,
    data_range: DataRange,
    coverage: dict[str, int],
    *,
    truncated: bool = False,
) -> dict[str, Any]:
    """The `meta` object. `coverage` has runs, cost, duration and tokens."""
    return {
        "from": instant(query.time.start),
        "to": instant(query.time.end),
        "timezone": query.time.timezone,
        "data_as_of": instant(freshness.data_as_of),
        "freshness_seconds": freshness.seconds,
        "truncated": truncated,
        "hides_failures": hides_failures(query.scope.filters),
        "coverage": coverage,
        "data_range": data_range,
    }

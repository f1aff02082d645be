"""What the data parts of the store tell of it, without a row being read: one cheap question for all who need that."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from runtally_clickhouse.catalogue import query_text
from runtally_clickhouse.client import Reader, Row

_RUNS: Final = "agent_runs"
# What says which buckets are clean.
_STATE: Final = frozenset({"bucket_changes", "bucket_rollups", "hour_rollups", "day_rollups"})
# What is derived, and who may ask: no answer is another one after they change.
_NOT_IN_ANSWERS: Final = frozenset(
    {"bucket_rollups", "hour_rollups", "day_rollups", "run_rollup", "run_rollup_by_hour", "run_rollup_by_day"}
    | {"error_runs", "session_cells", "session_cells_by_hour", "api_keys", "api_key_revocations", "api_key_uses"}
    | {"local_users", "refresh_tokens", "sign_in_attempts", "audit_log"}
)


@dataclass(frozen=True, slots=True)
class StoreParts:
    """`watermark` is another text after every change of what an answer can hold, whoever wrote, and after every mark:
    the runs before that may be told only once it is there. `state_fingerprint` is another after every change of which
    buckets are clean. `bounds` are the instants between which all runs began that lie in the store, marked or not,
    from a day's start to the end of a quarter hour; None in an empty store.
    """

    watermark: str
    state_fingerprint: str
    bounds: tuple[datetime, datetime] | None

    @classmethod
    def of(cls, rows: Iterable[Row]) -> "StoreParts":
        """Out of the rows that the question gives, one of each table that has parts."""
        tables = {row["table"]: row for row in rows}
        return cls(_hash(tables, tables.keys() - _NOT_IN_ANSWERS), _hash(tables, _STATE), _bounds(tables.get(_RUNS)))


def read_parts(reader: Reader) -> StoreParts:
    """What the parts tell. Blocks; raises as `Reader.query`. One that keeps answers may give an earlier fingerprint."""
    return StoreParts.of(reader.query(query_text("store_parts"), {}))


def within_stored(reader: Reader, start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The part of a range that holds all of its runs, as far as the store's parts tell; the range itself without any.

    Exact for every acknowledged run. Blocks; raises as `Reader.query`.
    """
    bounds = read_parts(reader).bounds
    if bounds is None or bounds[1] <= start or end <= bounds[0]:
        return start, end
    return max(start, bounds[0]), min(end, bounds[1])


def may_hold_runs(reader: Reader, start: datetime, end: datetime) -> bool:
    """Whether runs may have begun in a range, as far as the store's parts tell; False is certain.

    Exact for every acknowledged run. Blocks; raises as `Reader.query`.
    """
    bounds = read_parts(reader).bounds
    return bounds is not None and bounds[0] < end and start < bounds[1]


def _hash(tables: dict[str, Row], names: Iterable[str]) -> str:
    told = [(name, tables[name]["parts"]) for name in sorted(names) if name in tables]
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _bounds(runs: Row | None) -> tuple[datetime, datetime] | None:
    if runs is None or not runs["filled_parts"]:
        return None
    first_s, last_s = runs["first_s"], runs["last_s"]
    day_s, end_s = first_s - first_s % 86_400, last_s - last_s % 900 + 900
    return datetime.fromtimestamp(day_s, UTC), datetime.fromtimestamp(end_s, UTC)

"""Dropping months that are older than a table should keep, so that no replay brings them back.

The horizon is written first: whoever writes events keeps to it from then on. Then the months are dropped, and every
bucket before it is marked. Stopped anywhere, it goes on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from runtally_clickhouse.catalogue import FIRST_INSTANT, query_text, unix_ms
from runtally_clickhouse.client import Reader
from runtally_clickhouse.erasing import ErasureStore
from runtally_clickhouse.rollups import mark_buckets
from runtally_clickhouse.withdrawals import EVENT_TABLES, RUNS


@dataclass(frozen=True, slots=True)
class StoredMonth:
    """A month of a table as it lies on the disk: rows are versions of events. `month` is 202611."""

    event_table: str
    month: int
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Horizon:
    """A table holds nothing that began before, the start of a month; `applied` once that was dropped and marked."""

    event_table: str
    before: datetime
    applied: bool
    revision: int


def horizon_of_age(days: int, now: datetime) -> datetime:
    """The start of the month (UTC) that lay `days` ago: months before it are older, whole. Raises `ValueError`."""
    if days < 1:
        raise ValueError("the age must be a day at least")
    then = (now - timedelta(days=days)).astimezone(UTC)
    return max(FIRST_INSTANT, datetime(then.year, then.month, 1, tzinfo=UTC))


def months_before(store: ErasureStore, tables: Iterable[str], before: datetime) -> list[StoredMonth]:
    """What lies before the horizon. Blocks; raises as `Store.unmerged`."""
    bound = {"tables": list(tables), "before_month": before.year * 100 + before.month}
    rows = store.unmerged(query_text("stored_months"), bound)
    return [StoredMonth(row["event_table"], row["month"], row["stored_rows"], row["stored_bytes"]) for row in rows]


def set_horizons(store: ErasureStore, tables: Sequence[str], before: datetime, now: datetime) -> None:
    """Nothing of these tables that began before is kept, or taken, any more; `apply_horizons` drops what is there.

    A horizon never goes back. Blocks; raises `ValueError` for a table without months, `StoreError`.
    """
    if unknown := sorted(set(tables) - EVENT_TABLES.keys()):
        raise ValueError(f"no table of events: {', '.join(unknown)}")
    known = {one.event_table: one.before for one in horizons(store)}
    for table in tables:
        if table not in known or before > known[table]:
            _write(store, Horizon(table, before, False, 1), now)


def horizons(reader: Reader) -> list[Horizon]:
    """The horizon of each table that has one. Blocks; raises as `Reader.query`."""
    return [
        Horizon(
            str(row["event_table"]),
            datetime.fromtimestamp(row["before_ms"] / 1000, UTC),
            bool(row["applied"]),
            int(row["revision"]),
        )
        for row in reader.query(query_text("retention_horizons"), {})
    ]


def apply_horizons(store: ErasureStore, now: datetime) -> list[StoredMonth]:
    """Drop what lies before the horizons, and return it: also what an insert that was under way left behind.

    Blocks; raises `StoreError`, and then the next call goes on.
    """
    dropped: list[StoredMonth] = []
    for horizon in horizons(store):
        months = months_before(store, [horizon.event_table], horizon.before)
        if horizon.applied:
            if not months:
                continue
            # So that the marks are not forgotten, should this process end before them.
            horizon = _write(store, replace(horizon, applied=False, revision=horizon.revision + 1), now)
        for one in months:
            store.command(query_text("drop_month"), {"table": horizon.event_table, "month": str(one.month)})
        if horizon.event_table == RUNS.name:
            mark_buckets(store, None, unix_ms(horizon.before) // 1000)
        _write(store, replace(horizon, applied=True, revision=horizon.revision + 1), now)
        dropped += months
    return dropped


def _write(store: ErasureStore, horizon: Horizon, now: datetime) -> Horizon:
    store.insert(
        "retention_horizons",
        pa.table(
            {
                "event_table": pa.array([horizon.event_table], pa.string()),
                "before": pa.array([horizon.before], pa.timestamp("ms", "UTC")),
                "revision": pa.array([horizon.revision], pa.uint64()),
                "applied": pa.array([int(horizon.applied)], pa.uint8()),
                "updated_at": pa.array([now.astimezone(UTC)], pa.timestamp("us", "UTC")),
            }
        ),
    )
    return horizon

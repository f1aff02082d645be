"""Whether rollups that pass for up to date are what their runs say, and what that was found to be.

It should always be so. It is not where somebody changed runs and marked no bucket, or where a part was lost or damaged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from runtally_clickhouse.catalogue import FIRST_INSTANT, LAST_INSTANT, query_text, unix_ms
from runtally_clickhouse.client import Reader, Writer
from runtally_clickhouse.recomputing import RecomputeLimits, rolled_up_cells, rolled_up_parameters, rollup_columns
from runtally_clickhouse.rollup_levels import QUARTER_HOUR
from runtally_clickhouse.rollups import BUCKET_SECONDS

CLEAN_AT_ONCE = 3_000


@dataclass(frozen=True, slots=True)
class CleanBucket:
    """A bucket whose rollup is up to date: its current generation has seen this sum of its marks."""

    start_s: int
    generation: int
    changes: int


@dataclass(frozen=True, slots=True)
class RollupsChecked:
    """How many buckets were compared, and the starts (Unix seconds) of those that had drifted, the newest first."""

    compared: int
    drifted: tuple[int, ...]


def clean_buckets(
    reader: Reader, limit: int = CLEAN_AT_ONCE, before_s: int | None = None, from_s: int | None = None
) -> list[CleanBucket]:
    """Those of a range that begins and ends with a bucket, the newest first. Blocks; raises as `Reader.query`."""
    bound = {
        "from_s": unix_ms(FIRST_INSTANT) // 1000 if from_s is None else from_s,
        "before_s": unix_ms(LAST_INSTANT) // 1000 if before_s is None else before_s,
        "layout": QUARTER_HOUR.layout,
        "limit": limit,
    }
    rows = reader.query(query_text("clean_buckets"), bound)
    return [CleanBucket(row["bucket_s"], row["generation"], row["changes"]) for row in rows]


def differing_buckets(reader: Reader, clean: Sequence[CleanBucket], limits: RecomputeLimits) -> list[CleanBucket]:
    """Those whose rollup is not what the runs say, and that are still as clean as they were.

    So no change of a bucket that was marked by now counts. One whose writer is between its insert and its mark does:
    only time tells that from a change that nobody ever marks. Blocks for a read of the runs; raises as `Reader.query`.
    """
    if not clean:
        return []
    rows = reader.query(_comparison(limits), _compared(clean))
    differing = {row["bucket_s"] for row in rows}
    if not differing:
        return []
    still = clean_buckets(reader, before_s=max(differing) + BUCKET_SECONDS, from_s=min(differing))
    return sorted({one for one in clean if one.start_s in differing} & set(still), key=lambda one: -one.start_s)


def tell_checked(writer: Writer, found: RollupsChecked) -> None:
    """Add this to what was told. Blocks; raises as `Writer.command`; told twice, drifted buckets are still the same."""
    writer.command(query_text("tell_rollups_checked"), {"compared": found.compared, "drifted": list(found.drifted)})


def rollups_checked(reader: Reader, since: datetime) -> RollupsChecked:
    """What was told since an instant. Blocks; raises as `Reader.query`."""
    row = reader.query(query_text("rollups_checked"), {"since_ms": unix_ms(since)})[0]
    return RollupsChecked(int(row["buckets_compared"]), tuple(row["drifted_s"]))


def _comparison(limits: RecomputeLimits) -> str:
    columns = ", ".join(rollup_columns())
    rolled_up = (
        f"SELECT {columns} FROM run_rollup\n"
        "WHERE (toUnixTimestamp(bucket), generation)"
        " IN (SELECT arrayJoin(arrayZip({buckets:Array(UInt32)}, {generations:Array(UInt64)})))\n"
        "AND bucket >= toDateTime({first_s:UInt32}, 'UTC') AND bucket <= toDateTime({last_s:UInt32}, 'UTC')"
    )
    return (
        f"WITH rolled_up AS (\n{rolled_up}\n),\n"
        f"as_runs_say AS (\nSELECT {columns} FROM (\n{rolled_up_cells()}\n)\n)\n{query_text('differing_buckets')}\n"
        f"SETTINGS max_memory_usage = {limits.max_memory_bytes:d}, max_threads = {limits.max_threads:d}, "
        f"max_bytes_before_external_group_by = {limits.spill_bytes:d}"
    )


def _compared(clean: Sequence[CleanBucket]) -> dict[str, object]:
    starts = [one.start_s for one in clean]
    return {
        **rolled_up_parameters(starts),
        "generations": [one.generation for one in clean],
        "first_s": min(starts),
        "last_s": max(starts),
    }

"""Whether rollups that pass for up to date are what their runs say, and what that was found to be.

It should always be so. It is not where somebody changed runs and marked no bucket, or where a part was lost or damaged.
Each width is compared with what it is made of: quarter hours with merged runs, hours and days with `run_facts`, which
are quarter hours where these are up to date and merged runs where not. So all three together say what the runs say.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from runtally_clickhouse.catalogue import FIRST_INSTANT, LAST_INSTANT, query_text, unix_ms
from runtally_clickhouse.client import Reader, Writer
from runtally_clickhouse.recomputing import RecomputeLimits, RolledUp, rolled_up_parameters, rolled_up_tables
from runtally_clickhouse.rollup_levels import QUARTER_HOUR, RollupLevel

CLEAN_AT_ONCE = 3_000


@dataclass(frozen=True, slots=True)
class CleanBucket:
    """A bucket whose rollup is up to date: its current generation has seen this sum of its marks."""

    start_s: int
    generation: int
    changes: int
    level: RollupLevel = QUARTER_HOUR

    @property
    def end_s(self) -> int:
        return self.start_s + self.level.seconds


@dataclass(frozen=True, slots=True)
class RollupsChecked:
    """How many buckets were compared, of whatever width, and the starts (Unix seconds) of those that had drifted, the
    newest first. Buckets of several widths that start at once are one start.
    """

    compared: int
    drifted: tuple[int, ...]


def clean_buckets(
    reader: Reader,
    limit: int = CLEAN_AT_ONCE,
    before_s: int | None = None,
    from_s: int | None = None,
    level: RollupLevel = QUARTER_HOUR,
) -> list[CleanBucket]:
    """Those of a range that begins and ends with a bucket, the newest first. Blocks; raises as `Reader.query`."""
    bound = {
        "from_s": unix_ms(FIRST_INSTANT) // 1000 if from_s is None else from_s,
        "before_s": unix_ms(LAST_INSTANT) // 1000 if before_s is None else before_s,
        "layout": level.layout,
        "bucket_seconds": level.seconds,
        "published": level.published,
        "limit": limit,
    }
    rows = reader.query(query_text("clean_buckets"), bound)
    return [CleanBucket(row["bucket_s"], row["generation"], row["changes"], level) for row in rows]


def differing_buckets(reader: Reader, clean: Sequence[CleanBucket], limits: RecomputeLimits) -> list[CleanBucket]:
    """Of these, all of one width and month (UTC), those whose rollup is not what the runs say, and that are still as
    clean as they were, the newest first.

    So no change of a bucket that was marked by now counts. One whose writer is between its insert and its mark does:
    only time tells that from a change that nobody ever marks. Blocks for a read of the runs; raises as `Reader.query`.
    """
    if not clean:
        return []
    level = clean[0].level
    differing: set[int] = set()
    for rolled_up in rolled_up_tables(level):
        rows = reader.query(_comparison(limits, rolled_up), _compared(clean, level))
        differing |= {row["bucket_s"] for row in rows}
    if not differing:
        return []
    still = clean_buckets(reader, before_s=max(differing) + level.seconds, from_s=min(differing), level=level)
    return sorted({one for one in clean if one.start_s in differing} & set(still), key=lambda one: -one.start_s)


def stretches(buckets: Iterable[CleanBucket]) -> list[tuple[int, int]]:
    """From when to when (Unix seconds) these go on without a gap. Pure."""
    found: list[tuple[int, int]] = []
    for one in sorted(buckets, key=lambda bucket: bucket.start_s):
        if found and one.start_s <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], one.end_s))
        else:
            found.append((one.start_s, one.end_s))
    return found


def tell_checked(writer: Writer, found: RollupsChecked) -> None:
    """Add this to what was told. Blocks; raises as `Writer.command`; told twice, drifted buckets are still the same."""
    writer.command(query_text("tell_rollups_checked"), {"compared": found.compared, "drifted": list(found.drifted)})


def rollups_checked(reader: Reader, since: datetime) -> RollupsChecked:
    """What was told since an instant. Blocks; raises as `Reader.query`."""
    row = reader.query(query_text("rollups_checked"), {"since_ms": unix_ms(since)})[0]
    return RollupsChecked(int(row["buckets_compared"]), tuple(row["drifted_s"]))


def _comparison(limits: RecomputeLimits, of: RolledUp) -> str:
    columns = ", ".join(of.columns)
    rolled_up = (
        f"SELECT {columns} FROM {of.table}\n"
        "WHERE (toUnixTimestamp(bucket), generation)"
        " IN (SELECT arrayJoin(arrayZip({buckets:Array(UInt32)}, {generations:Array(UInt64)})))\n"
        "AND bucket >= toDateTime({first_s:UInt32}, 'UTC') AND bucket <= toDateTime({last_s:UInt32}, 'UTC')"
    )
    as_runs_say = f"SELECT {columns} FROM (\n{of.select}\n)"
    return (
        f"WITH rolled_up AS (\n{rolled_up}\n),\nas_runs_say AS (\n{as_runs_say}\n)\n{query_text('differing_buckets')}\n"
        f"SETTINGS max_memory_usage = {limits.max_memory_bytes:d}, max_threads = {limits.max_threads:d}, "
        f"max_bytes_before_external_group_by = {limits.spill_bytes:d}"
    )


def _compared(clean: Sequence[CleanBucket], level: RollupLevel) -> dict[str, object]:
    starts = [one.start_s for one in clean]
    return {
        **rolled_up_parameters(starts, level),
        "generations": [one.generation for one in clean],
        "first_s": min(starts),
        "last_s": max(starts),
    }

"""Rollups of buckets (15 minutes, hours, days; UTC) and what tells whether they are up to date: looking, publishing.

A rollup is recomputed from merged rows under a generation of its own, and published last. Anything that changes
`agent_runs` marks the buckets that it touched afterwards; a rollup whose bucket was marked since is out of date.
Hours and days follow the same protocol; a mark of a quarter hour is one of the hour and the day that it lies in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from runtally_clickhouse.catalogue import FIRST_INSTANT, LAST_INSTANT, query_text, unix_ms
from runtally_clickhouse.client import Reader, Row, Writer
from runtally_clickhouse.recomputing import RecomputeLimits, recompute_parameters, recompute_statements
from runtally_clickhouse.rollup_levels import QUARTER_HOUR, RollupLevel

BUCKET_SECONDS = QUARTER_HOUR.seconds
# The bits below are random, so that two who recompute a bucket at once never write into one generation.
GENERATION_RANDOM_BITS = 32
# ClickHouse takes 128 KiB in one parameter; a bucket's sum is 21 bytes of it.
BUCKETS_AT_ONCE = 3_000


class ReaderWriter(Reader, Writer, Protocol):
    """A store to ask and to write to."""


@dataclass(frozen=True, slots=True)
class DirtyBucket:
    """A bucket whose rollup is not up to date. `start_s` in Unix seconds, `changes` the sum of its marks by then."""

    start_s: int
    changes: int


@dataclass(frozen=True, slots=True)
class DirtyBuckets:
    """Those of a range that are not up to date, newest first, and how many there are beside those listed."""

    listed: list[DirtyBucket]
    total: int


@dataclass(frozen=True, slots=True)
class Superseded:
    """A bucket's generations below its current one."""

    start_s: int
    current: int
    generations: tuple[int, ...]


def dirty_buckets(
    reader: Reader,
    limit: int,
    before_s: int | None = None,
    from_s: int | None = None,
    level: RollupLevel = QUARTER_HOUR,
) -> DirtyBuckets:
    """The marked or published buckets that are not up to date, of a range that begins and ends with a bucket.

    Blocks; raises as `Reader.query`.
    """
    bound = {
        **_range(from_s, before_s, "before_s"),
        "layout": level.layout,
        "bucket_seconds": level.seconds,
        "published": level.published,
        "limit": limit,
    }
    rows = reader.query(query_text("dirty_buckets"), bound)
    return DirtyBuckets([DirtyBucket(row["bucket_s"], row["changes"]) for row in rows], rows[0]["dirty"] if rows else 0)


def new_generation(
    reader: Reader, buckets: Sequence[int], random_bits: Callable[[int], int], level: RollupLevel = QUARTER_HOUR
) -> int:
    """One above all generations of these buckets, and never given twice. Blocks; raises as `Reader.query`."""
    bound = {"buckets": list(buckets), **_tables(level)}
    greatest = int(reader.query(query_text("greatest_generation"), bound)[0]["generation"])
    return ((greatest >> GENERATION_RANDOM_BITS) + 1) << GENERATION_RANDOM_BITS | random_bits(GENERATION_RANDOM_BITS)


def recompute(
    writer: Writer,
    buckets: Sequence[int],
    generation: int,
    limits: RecomputeLimits,
    level: RollupLevel = QUARTER_HOUR,
) -> None:
    """Write the rollups of these buckets, all of one month (UTC), under a new generation; nothing reads them yet.

    Blocks; raises as `Writer.command`, and then some rows may be there: the generation must not be used again.
    """
    for statement in recompute_statements(limits, level):
        writer.command(statement, recompute_parameters(buckets, generation, level))


def publish(writer: Writer, seen: Mapping[int, int], generation: int, level: RollupLevel = QUARTER_HOUR) -> None:
    """Make a generation the current one of its buckets: it holds what each sum of marks had `seen`.

    Blocks; raises as `Writer.command`, and then it may be published or not, both are right.
    """
    bound = {
        "buckets": list(seen),
        "seen": list(seen.values()),
        "generation": generation,
        "layout": level.layout,
        "published": level.published,
    }
    writer.command(query_text("publish_rollups"), bound)


def sync_replica(reader: Reader, writer: Writer, level: RollupLevel = QUARTER_HOUR) -> None:
    """On a replicated table, wait for the rows of all that was marked: tables reach a replica independently.

    Call it between reading the sums of marks and reading the runs, or the narrower cells. Blocks; raises as both.
    """
    if reader.query(query_text("is_replicated"), {})[0]["is_replicated"]:
        for table in ("agent_runs",) if level is QUARTER_HOUR else ("agent_runs", "run_rollup"):
            writer.command(f"SYSTEM SYNC REPLICA {table} LIGHTWEIGHT")


def superseded_generations(reader: Reader, limit: int, level: RollupLevel = QUARTER_HOUR) -> list[Superseded]:
    """What could be dropped once nobody reads it any more, the oldest buckets first. Raises as `Reader.query`."""
    bound = {"limit": limit, **_tables(level)}
    rows = reader.query(query_text("superseded_generations"), bound)
    return [Superseded(row["bucket_s"], row["current_generation"], tuple(row["superseded"])) for row in rows]


def drop_generations(writer: Writer, generations: Sequence[tuple[int, int]], level: RollupLevel = QUARTER_HOUR) -> None:
    """Drop these (bucket, generation), at most `BUCKETS_AT_ONCE`. Blocks until they are gone; as `Writer.command`."""
    buckets, numbers = (list(column) for column in zip(*generations, strict=True))
    for table in (level.published, *level.written):
        bound = {"table": table, "buckets": buckets, "generations": numbers}
        writer.command(query_text("drop_generations"), bound)


def mark_buckets(writer: Writer, from_s: int | None = None, to_s: int | None = None) -> None:
    """Put every bucket of a range out of date, as whoever changed its runs by SQL must, afterwards.

    Blocks for a read of the range's starts; raises as `Writer.command`. Safe to repeat.
    """
    writer.command(query_text("mark_buckets"), {**_range(from_s, to_s, "to_s"), "unmarked_only": 0})


def mark_unmarked_buckets(writer: Writer) -> None:
    """Mark the buckets that hold runs and bear no mark, as runs from before there were marks. As `mark_buckets`."""
    writer.command(query_text("mark_buckets"), {**_range(None, None, "to_s"), "unmarked_only": 1})


def rollup_status(reader: Reader, level: RollupLevel = QUARTER_HOUR) -> Row:
    """How far the rollups are: the columns of rollup_status.sql. Blocks; raises as `Reader.query`."""
    bound = {
        "layout": level.layout,
        "bucket_seconds": level.seconds,
        "published": level.published,
        "cells": level.cells,
    }
    return reader.query(query_text("rollup_status"), bound)[0]


def _tables(level: RollupLevel) -> dict[str, object]:
    """Where generations of the level are found."""
    return {
        "published": level.published,
        "cells": level.cells,
        "error_runs": level.error_runs or level.cells,
        "session_cells": level.session_cells or level.cells,
    }


def _range(from_s: int | None, to_s: int | None, end: str) -> dict[str, object]:
    first_s, end_s = unix_ms(FIRST_INSTANT) // 1000, unix_ms(LAST_INSTANT) // 1000
    return {"from_s": first_s if from_s is None else from_s, end: end_s if to_s is None else to_s}

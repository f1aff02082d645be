"""Rollups of buckets (15 minutes UTC) and what tells whether they are up to date: reading, recomputing, dropping.

A rollup is recomputed from merged rows under a generation of its own, and published last. Anything that changes
`agent_runs` marks the buckets that it touched afterwards; a rollup whose bucket was marked since is out of date.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from runtally_clickhouse.catalogue import FIRST_INSTANT, LAST_INSTANT, query_text, unix_ms
from runtally_clickhouse.client import Reader, Row, Writer
from runtally_clickhouse.profiles import READ

BUCKET_SECONDS = 900
# The version of what stands in run_rollup. A rollup of another layout is out of date: raise it with every change of
# what a column holds, or of which columns there are. tests/clickhouse/test_rollups.py notices when that is forgotten.
ROLLUP_LAYOUT = 2
# The bits below are random, so that two who recompute a bucket at once never write into one generation.
GENERATION_RANDOM_BITS = 32
# ClickHouse takes 128 KiB in one parameter; a bucket's sum is 21 bytes of it.
BUCKETS_AT_ONCE = 3_000
_ITEM_NAME = re.compile(r"^    .*?(\w+),?$", re.MULTILINE)


class ReaderWriter(Reader, Writer, Protocol):
    """A store to ask and to write to."""


@dataclass(frozen=True, slots=True)
class DirtyBucket:
    """A bucket whose rollup is not up to date. `start_s` in Unix seconds, `changes` the sum of its marks by then."""

    start_s: int
    changes: int


@dataclass(frozen=True, slots=True)
class RecomputeLimits:
    """What one recomputation may use. Groups beyond `spill_bytes` go to disk."""

    max_memory_bytes: int
    spill_bytes: int
    max_threads: int


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


def dirty_buckets(reader: Reader, limit: int, before_s: int | None = None, from_s: int | None = None) -> DirtyBuckets:
    """The marked or published buckets that are not up to date, of a range that begins and ends with a bucket.

    Blocks; raises as `Reader.query`.
    """
    bound = {**_range(from_s, before_s, "before_s"), "layout": ROLLUP_LAYOUT, "limit": limit}
    rows = reader.query(query_text("dirty_buckets"), bound)
    return DirtyBuckets([DirtyBucket(row["bucket_s"], row["changes"]) for row in rows], rows[0]["dirty"] if rows else 0)


def new_generation(reader: Reader, buckets: Sequence[int], random_bits: Callable[[int], int]) -> int:
    """One above all generations of these buckets, and never given twice. Blocks; raises as `Reader.query`."""
    greatest = int(reader.query(query_text("greatest_generation"), {"buckets": list(buckets)})[0]["generation"])
    return ((greatest >> GENERATION_RANDOM_BITS) + 1) << GENERATION_RANDOM_BITS | random_bits(GENERATION_RANDOM_BITS)


def recompute(writer: Writer, buckets: Sequence[int], generation: int, limits: RecomputeLimits) -> None:
    """Write the rollups of these buckets, all of one month (UTC), under a new generation; nothing reads them yet.

    Blocks; raises as `Writer.command`, and then some rows may be there: the generation must not be used again.
    """
    writer.command(recompute_statement(limits), recompute_parameters(buckets, generation))


def publish(writer: Writer, seen: Mapping[int, int], generation: int) -> None:
    """Make a generation the current one of its buckets: it holds what each sum of marks had `seen`.

    Blocks; raises as `Writer.command`, and then it may be published or not, both are right.
    """
    bound = {
        "buckets": list(seen),
        "seen": list(seen.values()),
        "generation": generation,
        "layout": ROLLUP_LAYOUT,
    }
    writer.command(query_text("publish_rollups"), bound)


def sync_replica(reader: Reader, writer: Writer) -> None:
    """On a replicated table, wait for the rows of all that was marked: tables reach a replica independently.

    Call it between reading the sums of marks and reading the runs. Blocks; raises as both.
    """
    if reader.query(query_text("is_replicated"), {})[0]["is_replicated"]:
        writer.command("SYSTEM SYNC REPLICA agent_runs LIGHTWEIGHT")


def superseded_generations(reader: Reader, limit: int) -> list[Superseded]:
    """What could be dropped once nobody reads it any more, the oldest buckets first. Raises as `Reader.query`."""
    rows = reader.query(query_text("superseded_generations"), {"limit": limit})
    return [Superseded(row["bucket_s"], row["current_generation"], tuple(row["superseded"])) for row in rows]


def drop_generations(writer: Writer, generations: Sequence[tuple[int, int]]) -> None:
    """Drop these (bucket, generation), at most `BUCKETS_AT_ONCE`. Blocks until they are gone; as `Writer.command`."""
    buckets, numbers = (list(column) for column in zip(*generations, strict=True))
    for table in ("bucket_rollups", "run_rollup"):
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


def rollup_status(reader: Reader) -> Row:
    """How far the rollups are: the columns of rollup_status.sql. Blocks; raises as `Reader.query`."""
    return reader.query(query_text("rollup_status"), {"layout": ROLLUP_LAYOUT})[0]


def rolled_up_cells() -> str:
    """The rows of `run_rollup`, but their generation, as merged runs give them now: one SELECT.

    Its parameters are those of `rolled_up_parameters`.
    """
    return (
        f"WITH merged_runs AS (\n{query_text('merged_runs')}\n),\nrun_cells AS (\n{query_text('run_cells')}\n)\n"
        f"{query_text('rolled_up_cells')}"
    )


def rolled_up_parameters(buckets: Sequence[int]) -> dict[str, object]:
    """All runs of these buckets, whoever's they are; none of them counts as stalled."""
    return {
        "sees_all_workspaces": 1,
        "root_only": 0,
        "from_ms": min(buckets) * 1000,
        "to_ms": (max(buckets) + BUCKET_SECONDS) * 1000,
        "stalled_before_ms": 0,
        "buckets": list(buckets),
        **{
            name: []
            for name in (
                *("visible_workspaces", "workspace_ids", "agent_ids", "models", "statuses", "user_ids"),
                "environments",
            )
        },
    }


@cache
def rollup_columns() -> tuple[str, ...]:
    """The columns of `run_rollup` that come out of `rolled_up_cells`, in its order."""
    text = query_text("rolled_up_cells")
    return tuple(_ITEM_NAME.findall(text[text.index("SELECT") : text.index("\nFROM ")]))


def recompute_statement(limits: RecomputeLimits) -> str:
    """One INSERT SELECT. It reads with the pinned settings of every question: the profile of a writer lacks them."""
    settings = {
        **READ,
        "max_memory_usage": limits.max_memory_bytes,
        "max_bytes_before_external_group_by": limits.spill_bytes,
        "max_threads": limits.max_threads,
    }
    pinned = ", ".join(f"{name} = {value!r}" for name, value in settings.items())
    columns = ", ".join(rollup_columns())
    return (
        f"INSERT INTO run_rollup (generation, {columns})\n"
        f"SELECT {{generation:UInt64}}, {columns} FROM (\n{rolled_up_cells()}\n)\nSETTINGS {pinned}"
    )


def recompute_parameters(buckets: Sequence[int], generation: int) -> dict[str, object]:
    """The parameters of `recompute_statement`."""
    return {**rolled_up_parameters(buckets), "generation": generation}


def _range(from_s: int | None, to_s: int | None, end: str) -> dict[str, object]:
    first_s, end_s = unix_ms(FIRST_INSTANT) // 1000, unix_ms(LAST_INSTANT) // 1000
    return {"from_s": first_s if from_s is None else from_s, end: end_s if to_s is None else to_s}

"""The protocol of the rollups, a step at a time: so that a test can leave it anywhere, as a crash would."""

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import pyarrow as pa
from runtally_clickhouse.client import Store
from runtally_clickhouse.recomputing import RecomputeLimits
from runtally_clickhouse.rollup_levels import LEVELS, RollupLevel
from runtally_clickhouse.rollups import (
    DirtyBucket,
    dirty_buckets,
    drop_generations,
    new_generation,
    publish,
    recompute,
    superseded_generations,
)

LIMITS = RecomputeLimits(max_memory_bytes=2**30, spill_bytes=2**28, max_threads=2)
BUCKET_MS = 900_000


class Until(StrEnum):
    """Where a refresh ends. After `TWICE` the same buckets were published under another generation as well."""

    READ = "marks read"
    RECOMPUTED = "recomputed, never published"
    PUBLISHED = "published"
    TWICE = "published, by two at once"


def mark(store: Store, starts_ms: Iterable[int], draw: random.Random) -> None:
    """Mark the buckets of runs that began then."""
    buckets = sorted({start // BUCKET_MS * 900 for start in starts_ms})
    marks = [draw.getrandbits(64) for _ in buckets]
    store.insert(
        "bucket_changes", pa.table({"bucket": pa.array(buckets, pa.uint32()), "changes": pa.array(marks, pa.uint64())})
    )


def refresh(
    store: Store,
    draw: random.Random,
    until: Until = Until.PUBLISHED,
    share: float = 1.0,
    most: int = 3000,
    limits: RecomputeLimits = LIMITS,
) -> int:
    """Roll up a share of the dirty buckets of every width, the newest `most`, month by month. How many it was about,
    of the width that it was about the most of.

    Of hours and days `most` are as many as there are in so many quarter hours.
    """
    done = 0
    for level in LEVELS:
        listed = dirty_buckets(store, -(-most * 900 // level.seconds), level=level).listed
        dirty = [one for one in listed if draw.random() < share]
        _roll_up_by_month(store, draw, level, dirty, until, limits)
        done = max(done, len(dirty))
    return done


def _roll_up_by_month(
    store: Store,
    draw: random.Random,
    level: RollupLevel,
    dirty: Sequence[DirtyBucket],
    until: Until,
    limits: RecomputeLimits,
) -> None:
    by_month: dict[tuple[int, int], dict[int, int]] = {}
    for one in dirty:
        start = datetime.fromtimestamp(one.start_s, UTC)
        by_month.setdefault((start.year, start.month), {})[one.start_s] = one.changes
    for seen in by_month.values():
        if until is not Until.READ:
            _roll_up(store, draw, level, seen, until, limits)


def _roll_up(
    store: Store,
    draw: random.Random,
    level: RollupLevel,
    seen: dict[int, int],
    until: Until,
    limits: RecomputeLimits,
) -> None:
    buckets: Sequence[int] = list(seen)
    generations = []
    for _ in range(2 if until is Until.TWICE else 1):
        generations.append(new_generation(store, buckets, draw.getrandbits, level))
        recompute(store, buckets, generations[-1], limits, level)
    if until in (Until.PUBLISHED, Until.TWICE):
        for generation in draw.sample(generations, len(generations)):
            publish(store, seen, generation, level)


def drop_superseded(store: Store, draw: random.Random) -> int:
    """Clean up: drop a share of the generations below the current ones, as if no question ran. How many there were."""
    level = draw.choice(LEVELS)
    superseded = superseded_generations(store, 100, level)
    ripe = [(one.start_s, generation) for one in superseded for generation in one.generations]
    if ripe:
        drop_generations(store, draw.sample(ripe, draw.randint(1, len(ripe))), level)
    return len(ripe)


def merge(store: Store, *tables: str) -> None:
    """Have the engine merge all parts of these tables now."""
    for table in tables:
        store.command(f"OPTIMIZE TABLE {table} FINAL")

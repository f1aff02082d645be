"""The protocol of the rollups, a step at a time: so that a test can leave it anywhere, as a crash would."""

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import pyarrow as pa
from runtally_clickhouse.client import Store
from runtally_clickhouse.rollups import (
    RecomputeLimits,
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
    store: Store, draw: random.Random, until: Until = Until.PUBLISHED, share: float = 1.0, most: int = 3000
) -> int:
    """Roll up a share of the dirty buckets, the newest `most`, month by month. How many it was about."""
    dirty = [one for one in dirty_buckets(store, most).listed if draw.random() < share]
    by_month: dict[tuple[int, int], dict[int, int]] = {}
    for one in dirty:
        start = datetime.fromtimestamp(one.start_s, UTC)
        by_month.setdefault((start.year, start.month), {})[one.start_s] = one.changes
    for seen in by_month.values():
        _roll_up(store, draw, seen, until)
    return len(dirty)


def _roll_up(store: Store, draw: random.Random, seen: dict[int, int], until: Until) -> None:
    if until is Until.READ:
        return
    buckets: Sequence[int] = list(seen)
    generations = []
    for _ in range(2 if until is Until.TWICE else 1):
        generations.append(new_generation(store, buckets, draw.getrandbits))
        recompute(store, buckets, generations[-1], LIMITS)
    if until in (Until.PUBLISHED, Until.TWICE):
        for generation in draw.sample(generations, len(generations)):
            publish(store, seen, generation)


def drop_superseded(store: Store, draw: random.Random) -> int:
    """Clean up: drop a share of the generations below the current ones, as if no question ran. How many there were."""
    superseded = superseded_generations(store, 100)
    ripe = [(one.start_s, generation) for one in superseded for generation in one.generations]
    if ripe:
        drop_generations(store, draw.sample(ripe, draw.randint(1, len(ripe))))
    return len(ripe)


def merge(store: Store, *tables: str) -> None:
    """Have the engine merge all parts of these tables now."""
    for table in tables:
        store.command(f"OPTIMIZE TABLE {table} FINAL")

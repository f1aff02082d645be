"""Rollups: recomputed from merged runs, published last, up to date only while the marks are what was seen."""

import hashlib
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from clickhouse.runs import insert, snapshot
from runtally_clickhouse.catalogue import query_text
from runtally_clickhouse.client import Store
from runtally_clickhouse.errors import StoreRefused
from runtally_clickhouse.rollups import (
    BUCKET_SECONDS,
    GENERATION_RANDOM_BITS,
    ROLLUP_LAYOUT,
    DirtyBucket,
    RecomputeLimits,
    dirty_buckets,
    new_generation,
    publish,
    recompute,
    rolled_up_cells,
    rolled_up_parameters,
    rollup_columns,
)

LIMITS = RecomputeLimits(max_memory_bytes=2**30, spill_bytes=2**28, max_threads=2)
NINE = int(datetime(2026, 11, 21, 9, tzinfo=UTC).timestamp())
QUARTER_PAST = NINE + BUCKET_SECONDS
RANDOM = random.Random(7).getrandbits
CURRENT = (
    "SELECT * EXCEPT generation FROM run_rollup WHERE (bucket, generation) IN "
    "(SELECT bucket, max(generation) FROM bucket_rollups GROUP BY bucket) ORDER BY ALL"
)
# Of what ROLLUP_LAYOUT stands for; see `test_another_layout_has_another_number`.
FINGERPRINT_OF_LAYOUT = {2: "ee37d67853037c9b"}


def mark(store: Store, *buckets: int, by: int | None = None) -> None:
    marks = [RANDOM(64) if by is None else by for _ in buckets]
    store.insert(
        "bucket_changes", pa.table({"bucket": pa.array(buckets, pa.uint32()), "changes": pa.array(marks, pa.uint64())})
    )


def refresh(store: Store) -> list[DirtyBucket]:
    """One round of the protocol, as the refresher makes it."""
    dirty = dirty_buckets(store, 100).listed
    if dirty:
        generation = new_generation(store, [one.start_s for one in dirty], RANDOM)
        recompute(store, [one.start_s for one in dirty], generation, LIMITS)
        publish(store, {one.start_s: one.changes for one in dirty}, generation)
    return dirty


def as_runs_say(store: Store, *buckets: int) -> list[dict[str, Any]]:
    return store.query(f"SELECT * FROM ({rolled_up_cells()}) ORDER BY ALL", rolled_up_parameters(buckets))


def test_the_columns_are_those_of_the_table(store: Store) -> None:
    described = store.unmerged("DESCRIBE TABLE run_rollup")
    made = store.query(f"DESCRIBE ({rolled_up_cells()})", rolled_up_parameters([NINE]))
    assert {row["name"] for row in described} == {"generation", *rollup_columns()}
    types = {row["name"]: row["type"] for row in described}
    assert {row["name"]: row["type"] for row in made} == {name: types[name] for name in rollup_columns()}


def test_another_layout_has_another_number() -> None:
    """Where this fails, rollups that are there would be read as if they held what they do not: raise ROLLUP_LAYOUT."""
    texts = "".join(query_text(name) for name in ("merged_runs", "run_cells", "rolled_up_cells"))
    assert {ROLLUP_LAYOUT: hashlib.sha256(texts.encode()).hexdigest()[:16]} == FINGERPRINT_OF_LAYOUT


def test_a_rollup_holds_what_the_runs_say(store: Store) -> None:
    insert(
        store,
        snapshot("a", cost_usd="1.5", duration_ms=100, agent_name="Old", updated_at="2026-11-21T09:00:01Z"),
        snapshot("b", input_tokens=5, cache_read_tokens=2, agent_name="New", updated_at="2026-11-21T09:00:03Z"),
        snapshot("c", status="running", duration_ms=0, updated_at="2026-11-21T09:00:09Z"),
        snapshot("d", status="failed", error_type="Timeout", recovered=True, recovery_ms=4, parent_run_id="a"),
        snapshot("e", started_at="2026-11-21T09:29:59.999Z", workspace_id="other"),
    )
    insert(store, snapshot("a", cost_usd="2", duration_ms=0, updated_at="2026-11-21T09:00:02Z"))
    mark(store, NINE, QUARTER_PAST)
    assert [one.start_s for one in refresh(store)] == [QUARTER_PAST, NINE]

    rolled_up = store.query(CURRENT, {})

    assert rolled_up == as_runs_say(store, NINE, QUARTER_PAST)
    assert [(row["status"], row["runs"], row["agent_name"]) for row in rolled_up] == [
        ("failed", 1, ""),
        ("running", 1, ""),
        ("succeeded", 2, "New"),
        ("succeeded", 1, ""),
    ]
    assert rolled_up[2]["duration_ms_bins"] == [0]
    assert refresh(store) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda store: mark(store, NINE),
        lambda store: mark(store, NINE, by=1),
        lambda store: store.command("TRUNCATE TABLE bucket_changes"),
        lambda store: store.command("TRUNCATE TABLE bucket_rollups"),
        lambda store: store.command("ALTER TABLE bucket_rollups UPDATE layout = 0 WHERE 1 SETTINGS mutations_sync = 1"),
    ],
    ids=["marked", "marked by one", "marks lost", "published rows lost", "another layout"],
)
def test_what_makes_a_rollup_out_of_date(store: Store, change: Callable[[Store], None]) -> None:
    insert(store, snapshot("a"))
    mark(store, NINE)
    refresh(store)
    assert dirty_buckets(store, 10).listed == []
    change(store)
    assert [one.start_s for one in refresh(store)] == [NINE]
    assert store.query(CURRENT, {}) == as_runs_say(store, NINE)


@pytest.mark.parametrize("marks", [[2**64 - 1, 1], [2**63, 2**63], [2**64 - 1, 3]])
def test_sums_that_wrap_to_nothing_are_sums(store: Store, marks: list[int]) -> None:
    """A sum of zero loses its row in a merge: a rollup that saw it is up to date before and after."""
    insert(store, snapshot("a"))
    for one in marks:
        mark(store, NINE, by=one)
    refresh(store)
    for _ in range(2):
        assert dirty_buckets(store, 10).listed == []
        store.command("OPTIMIZE TABLE bucket_changes FINAL")
    mark(store, NINE, by=5)
    assert dirty_buckets(store, 10).listed == [DirtyBucket(NINE, (sum(marks) + 5) % 2**64)]


def test_a_generation_is_above_all_others_published_or_not(store: Store) -> None:
    insert(store, snapshot("a"))
    first = new_generation(store, [NINE], RANDOM)
    recompute(store, [NINE], first, LIMITS)  # and broke off
    second = new_generation(store, [NINE, QUARTER_PAST], RANDOM)
    assert second >> GENERATION_RANDOM_BITS == 2
    recompute(store, [NINE], second, LIMITS)
    publish(store, {NINE: 0}, second)
    publish(store, {NINE: 0}, first)  # wakes up late: it never becomes the current one
    assert store.query(CURRENT, {}) == as_runs_say(store, NINE)
    assert new_generation(store, [NINE], RANDOM) >> GENERATION_RANDOM_BITS == 3
    assert new_generation(store, [QUARTER_PAST], RANDOM) >> GENERATION_RANDOM_BITS == 1


def test_a_recomputation_that_needs_more_than_it_may_is_refused(store: Store) -> None:
    insert(store, *(snapshot(f"run-{number}", agent_id=f"agent-{number}") for number in range(3000)))
    with pytest.raises(StoreRefused, match="MEMORY_LIMIT"):
        recompute(store, [NINE], 1 << 32, RecomputeLimits(max_memory_bytes=2**20, spill_bytes=0, max_threads=1))
    assert refresh(store) == []
    mark(store, NINE)
    refresh(store)
    assert store.query(CURRENT, {}) == as_runs_say(store, NINE)

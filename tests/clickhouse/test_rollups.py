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
from runtally_clickhouse.recomputing import (
    RecomputeLimits,
    rolled_up_cells,
    rolled_up_parameters,
    rolled_up_tables,
)
from runtally_clickhouse.rollup_levels import DAY, HOUR, LEVELS, RollupLevel
from runtally_clickhouse.rollups import (
    BUCKET_SECONDS,
    GENERATION_RANDOM_BITS,
    DirtyBucket,
    dirty_buckets,
    new_generation,
    publish,
    recompute,
)

LIMITS = RecomputeLimits(max_memory_bytes=2**30, spill_bytes=2**28, max_threads=2)
NINE = int(datetime(2026, 11, 21, 9, tzinfo=UTC).timestamp())
QUARTER_PAST = NINE + BUCKET_SECONDS
RANDOM = random.Random(7).getrandbits
CURRENT = (
    "SELECT * EXCEPT generation FROM run_rollup WHERE (bucket, generation) IN "
    "(SELECT bucket, max(generation) FROM bucket_rollups GROUP BY bucket) ORDER BY ALL"
)
# Of what the layout of each level stands for; see `test_another_layout_has_another_number`.
FINGERPRINTS_OF_LAYOUTS = {
    ("quarter_hour", 5): "5c8b9c92a60bf878",
    ("hour", 3): "0c75f411c898bf1b",
    ("day", 2): "37e0585f63e4691f",
}


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


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_the_columns_are_those_of_the_table(store: Store, level: RollupLevel) -> None:
    for each in rolled_up_tables(level):
        described = store.unmerged(f"DESCRIBE TABLE {each.table}")
        made = store.query(
            f"DESCRIBE (SELECT {', '.join(each.columns)} FROM ({each.select}))",
            rolled_up_parameters([level.start_of(NINE)], level),
        )
        names = {name.strip("`") for name in each.columns}
        assert {row["name"] for row in described} == {"generation", *names}
        types = {row["name"]: row["type"] for row in described}
        assert {row["name"]: row["type"] for row in made} == {name: types[name] for name in names}


def test_another_layout_has_another_number() -> None:
    """Where this fails, rollups that are there would be read as if they held what they do not: raise the layout."""
    texts = "".join(query_text(name) for name in ("merged_runs", "run_cells", "rolled_up_cells"))
    found = {}
    for level in LEVELS:
        if level.error_runs:
            beside = "".join(query_text(name) for name in ("error_runs_of_buckets", "session_cells_of_buckets"))
            whole = f"{texts}{beside}"
        else:
            left_out = [sorted(level.left_out), sorted(level.left_out_of_histograms)]
            whole = texts = f"{texts}{query_text('run_facts')}{query_text('wide_cells')}{left_out}"
        if level is HOUR:
            whole += query_text("session_facts") + query_text("session_cells_of_buckets")
        found[level.name, level.layout] = hashlib.sha256(whole.encode()).hexdigest()[:16]
    assert found == FINGERPRINTS_OF_LAYOUTS


def test_hours_and_days_hold_what_their_quarter_hours_do(store: Store) -> None:
    """Half of them rolled up, half read run by run; histograms stand once among the cells that they are of."""
    for number in range(40):
        insert(
            store,
            snapshot(
                f"r{number}",
                started_at=f"2026-11-21T{9 + number // 30:02}:{number * 17 % 60:02}:00Z",
                agent_id=f"agent-{number % 2}",
                status=("succeeded", "failed", "running")[number % 3],
                model=("m1", "m2")[number % 5 == 0],
                parent_run_id="r0" if number % 4 == 0 else "",
                duration_ms=number * 37,
                cost_usd=f"0.{number:03}",
            ),
        )
    mark(store, NINE, NINE + 900, NINE + 1800)
    refresh(store)
    mark(store, NINE + 900, NINE + 2700, NINE + 3600)
    for level in (HOUR, DAY):
        dirty = dirty_buckets(store, 10, level=level).listed
        starts = [one.start_s for one in dirty]
        recompute(store, starts, 7, LIMITS, level)
        publish(store, {one.start_s: one.changes for one in dirty}, 7, level)
        assert dirty_buckets(store, 10, level=level).listed == []
        kept = [name for name in ("agent_id", "model", "is_root", "status") if name not in level.left_out]
        sums = (
            f"{', '.join(kept)}, sum(runs) AS runs_there, sum(cost_usd_sum) AS cost, sum(duration_ms_sum) AS took, "
            "min(first_at_ms) AS first, max(last_at_ms) AS last"
        )
        quarters = rolled_up_parameters([NINE + 900 * place for place in range(8)])
        bins = "agent_id, sumMap(duration_ms_bins, duration_ms_counts) AS bins"
        for told, by in ((sums, ", ".join(kept)), (bins, "agent_id")):
            cells = f"SELECT {told} FROM {level.cells} WHERE generation = 7 GROUP BY {by} ORDER BY ALL"
            truth = f"SELECT {told} FROM ({rolled_up_cells()}) GROUP BY {by} ORDER BY ALL"
            assert store.query(cells, {}) == store.query(truth, quarters)
        groups = "bucket, agent_id" + (", model" if level is DAY else "")
        once = f"SELECT countIf(notEmpty(duration_ms_bins)) AS n FROM {level.cells} GROUP BY {groups}"
        assert {row["n"] for row in store.query(once, {})} == {1}


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

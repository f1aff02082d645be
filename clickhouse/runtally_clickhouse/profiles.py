"""The settings that make reads merge and writes count, pinned on every call (DESIGN section 4).

A server's users file may set the same values as constants; a call that repeats a constant's value is allowed.
"""

Settings = dict[str, str | int]

_THROW = {
    f"{name}_overflow_mode": "throw"
    for name in ("read", "group_by", "sort", "result", "timeout", "set", "join", "distinct", "transfer")
}

# Compiled arithmetic of 128 bits comes out different from call to call in 26.7 to 26.9 (test_profiles.py).
_AS_WRITTEN: Settings = {"compile_expressions": 0}

# Reads: always merged, never cached, never partial.
READ: Settings = {
    **_AS_WRITTEN,
    "final": 1,
    "do_not_merge_across_partitions_select_final": 1,  # sound: the partition is a function of the key
    "optimize_move_to_prewhere_if_final": 0,  # PREWHERE would filter before the merge and show a stale version
    "use_skip_indexes_if_final": 1,
    "use_skip_indexes_if_final_exact_mode": 1,  # else an index would hide the version that wins
    "join_use_nulls": 0,
    "aggregate_functions_null_for_empty": 0,
    "prefer_column_name_to_alias": 1,  # sum(cost_usd) AS cost_usd reads the column
    "use_query_cache": 0,
    "skip_unavailable_shards": 0,
    "read_overflow_mode_leaf": "throw",
    **_THROW,
}

# Writes: synchronous, and never dropped as a "duplicate block".
WRITE: Settings = {
    **_AS_WRITTEN,
    "async_insert": 0,
    "deduplicate_insert": "disable",
    "deduplicate_insert_select": "disable",
    "insert_deduplicate": 0,
    "max_partitions_per_insert_block": 0,
    # Batches come with one row per key, so merging them once more on their way in would double what an insert costs.
    "optimize_on_insert": 0,
}


def read_settings(max_execution_seconds: int, max_memory_bytes: int | None) -> Settings:
    """The read profile with bounds on a question's time and memory."""
    bounds: Settings = {"max_execution_time": max_execution_seconds}
    if max_memory_bytes is not None:
        bounds["max_memory_usage"] = max_memory_bytes
    return {**READ, **bounds}

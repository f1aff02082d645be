"""Marks of the buckets whose runs changed: what tells a rollup of a bucket that it is out of date."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from runtally_consumer.decoding.run_keys import key_millis

BUCKET_SECONDS = 900
MARKED_TABLE = "agent_runs"


def mark_rows(runs: pa.Table, random_bits: Callable[[int], int]) -> pa.Table:
    """One row of `bucket_changes` for each bucket (15 minutes UTC) that rows of `agent_runs` start in.

    `random_bits(64)` gives each its number. Zero, which would leave the sum as it was, becomes one.
    """
    keys = runs["run_id"].combine_chunks()
    text = np.frombuffer(keys.buffers()[1], dtype=np.uint8)[16 * keys.offset :][: 16 * len(keys)]
    buckets = np.unique(key_millis(text.reshape(-1, 16)) // 1000 // BUCKET_SECONDS) * BUCKET_SECONDS
    return pa.table(
        {
            "bucket": pa.array(buckets.astype(np.uint32)),
            "changes": pa.array([random_bits(64) or 1 for _ in buckets], pa.uint64()),
        }
    )

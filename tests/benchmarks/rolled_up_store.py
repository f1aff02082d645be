"""The store that the benchmarks of questions ask: full of runs, rolled up by the product's own recomputation."""

import json
import random
import sys
import time

from backends.clickhouse_native import NativeClickHouse
from benchmarks.query_load import load
from clickhouse.rolling_up import refresh
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation
from runtally_clickhouse.migrations import create_database, migrate
from runtally_clickhouse.recomputing import RecomputeLimits
from runtally_clickhouse.rollup_levels import LEVELS

BUCKETS_AT_ONCE = 192
MOST_SECONDS = 300  # as single runs are asked as well, for the truth
RECOMPUTE = RecomputeLimits(max_memory_bytes=3 * 2**30, spill_bytes=3 * 2**30, max_threads=2)


def rolled_up_store(server: NativeClickHouse, runs: int) -> Store:
    """A database `runs_<number>` on the server, filled and all of it rolled up; tells in a JSON line what that took."""
    location = StoreLocation.server(f"{server.url}/runs_{runs}")
    create_database(location)
    store = Store(location, MOST_SECONDS)
    migrate(store)
    began = time.monotonic()
    load(store, runs)
    loaded = time.monotonic()
    draw = random.Random(1)
    while refresh(store, draw, most=BUCKETS_AT_ONCE, limits=RECOMPUTE):
        pass
    told = {
        "runs": runs,
        "load_seconds": round(loaded - began, 1),
        "rollup_seconds": round(time.monotonic() - loaded, 1),
        "rollup_rows": {
            level.name: store.unmerged(f"SELECT count() AS n FROM {level.cells}")[0]["n"] for level in LEVELS
        },
    }
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    return store

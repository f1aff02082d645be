"""`runtally rollup` where something runs, and over a server: what it says, and what it makes anew."""

import asyncio
import json
import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from backends.clickhouse_backend import ClickHouseBackend
from backends.waiting import eventually
from clickhouse.rollup_reading import clean_buckets, raw_sums_by_bucket, sums_by_bucket
from clickhouse.runs import insert, snapshot
from clickhouse.stores import migrated_store
from consumer.samples import RUNS, run_value
from integration.stacks import RUNTALLY, local_stack
from runtally_cli.rollup import command
from runtally_cli.rollup.command import BucketRange, NoSuchRange, bucket_range, status_lines
from runtally_clickhouse.client import Store
from runtally_clickhouse.errors import StoreRefused
from runtally_clickhouse.rollups import BUCKET_SECONDS

NINE = int(datetime(2026, 11, 21, 9, tzinfo=UTC).timestamp())
DAY_S = 86_400
FROM_S, TO_S = NINE - 90 * DAY_S, NINE + DAY_S


def _run(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*RUNTALLY, "rollup", *arguments],
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def _status(environment: Mapping[str, str]) -> Mapping[str, Any]:
    done = _run(environment, "status", "--json")
    assert done.returncode == 0, done.stderr
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


def test_the_local_stack_keeps_its_rollups_and_makes_them_anew(tmp_path: Path) -> None:
    async def publish(bootstrap: str) -> None:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
            for number in range(20):
                await producer.send_and_wait(RUNS, run_value(number), key=b"k")

    with local_stack(tmp_path) as stack:
        asyncio.run(publish(stack.bootstrap))
        eventually(
            lambda: 0 < _status(stack.environment)["buckets"] == _status(stack.environment)["clean_buckets"],
            60,
            "all buckets up to date",
        )
        buckets = _status(stack.environment)["buckets"]

        rebuilt = _run(stack.environment, "rebuild")

        assert rebuilt.returncode == 0, rebuilt.stderr
        assert rebuilt.stdout == f"{buckets} buckets rolled up anew\n"
        assert f"{buckets} done, 0 left" in rebuilt.stderr
        assert _status(stack.environment)["generations"] == 2 * buckets
        assert f"{buckets} of {buckets} buckets" in _run(stack.environment, "status").stdout


def _fill(store: Store) -> None:
    for day in (0, 1, 2, 40, 80):
        at = datetime.fromtimestamp(NINE - day * DAY_S, UTC).isoformat()
        insert(store, *(snapshot(f"run-{day}-{n}", started_at=at, cost_usd="0.1") for n in range(3)))


def test_a_range_is_made_anew_over_a_server(clickhouse: ClickHouseBackend, tmp_path: Path) -> None:
    with migrated_store("server", clickhouse, tmp_path) as store:
        location = store.location
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RUNTALLY_")},
            "RUNTALLY_CLICKHOUSE_URL": clickhouse.url_of(location.database) or "",
            "RUNTALLY_DATA_DIR": str(tmp_path),
        }
        _fill(store)
        assert _status(environment)["unmarked_buckets"] == 5
        assert _run(environment, "rebuild").stdout == "5 buckets rolled up anew\n"
        wide = _status(environment)["wide"]
        assert [(one["clean_buckets"], one["buckets"]) for one in wide.values()] == [(5, 5), (5, 5)]
        assert clean_buckets(store) == {NINE - day * DAY_S for day in (0, 1, 2, 40, 80)}
        # Somebody deletes by SQL: the rollups do not know of it, until they are told.
        store.command("ALTER TABLE agent_runs DELETE WHERE external_id = 'run-40-1' SETTINGS mutations_sync = 2")
        assert sums_by_bucket(store, FROM_S, TO_S) != raw_sums_by_bucket(store, FROM_S, TO_S)

        done = _run(environment, "rebuild", "--from", "2026-10-12", "--to", "2026-10-13")

        assert done.stdout == "1 buckets rolled up anew\n", done.stderr
        assert sums_by_bucket(store, FROM_S, TO_S) == raw_sums_by_bucket(store, FROM_S, TO_S)
        assert _run(environment, "rebuild", "--from", "2026-10-13", "--to", "2026-10-12").returncode == 2


class Access:
    """A store that refuses whatever is more than `most` buckets at once."""

    held_by = "a test"

    def __init__(self, buckets: int, most: int) -> None:
        self._left = buckets
        self._most = most

    def run(self, operation: str, parameters: Mapping[str, Any] | None = None) -> Any:
        most = (parameters or {})["most"]
        if most > self._most:
            raise StoreRefused("too much", 241)
        done = min(most, self._left)
        self._left -= done
        return {"refreshed": done, "left": self._left, "next_s": self._left * BUCKET_SECONDS if done else None}


def test_what_is_too_much_at_once_goes_in_pieces() -> None:
    told: list[str] = []
    assert command._refresh_all(Access(10, most=3), BucketRange(None, None), told.append, lambda: 0.0) == 10
    assert "trying again with fewer at once: too much" in told
    with pytest.raises(StoreRefused):
        command._refresh_all(Access(10, most=0), BucketRange(None, None), told.append, lambda: 0.0)


def test_ranges_are_of_whole_buckets() -> None:
    assert bucket_range(None, None) == BucketRange(None, None)
    assert bucket_range("2026-11-21T09:14:59Z", "2026-11-21T10:15:01+01:00") == BucketRange(
        NINE, NINE + 2 * BUCKET_SECONDS
    )
    assert bucket_range("2026-11-21T09:00", "2026-11-21T09:15") == BucketRange(NINE, NINE + BUCKET_SECONDS)
    for wrong in [("2026-11-22", "2026-11-21"), ("yesterday", None)]:
        with pytest.raises(NoSuchRange):
            bucket_range(*wrong)


def test_the_status_says_what_is_missing() -> None:
    found = {
        "buckets": 10, "clean_buckets": 7, "never_rolled_up": 2, "of_another_layout": 1, "oldest_dirty_s": NINE,
        "newest_dirty_s": NINE + 900, "rollup_rows": 50, "generations": 9, "unmarked_buckets": 4,
        "wide": {"hour": {"buckets": 3, "clean_buckets": 2, "rollup_rows": 20, "generations": 5}},
    }  # fmt: skip
    assert status_lines(found) == [
        "7 of 10 buckets of 15 minutes are up to date; 50 rows in 9 generations",
        "3 are not, from 2026-11-21 09:00Z to 2026-11-21 09:15Z: their runs are read, answers are as right",
        "2 of these were never rolled up yet",
        "1 of these are of another version of Runtally",
        "4 buckets hold runs and bear no mark: a consumer marks them when it starts",
        "2 of 3 hours are up to date, 20 rows in 5 generations",
    ]

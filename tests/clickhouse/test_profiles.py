"""Reads merge and writes count whatever the user's own profile says; and what a store does on many threads."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pytest
from backends.clickhouse_native import DEFAULT_USERS, ClickHouseOptions, NativeClickHouse
from clickhouse.runs import PARAMETERS, insert, scope, snapshot
from clickhouse.stores import empty_database
from runtally_clickhouse.catalogue import RunQuestion, ask
from runtally_clickhouse.client import Store, check_writes_count_twice
from runtally_clickhouse.errors import StoreRefused, StoreUnavailable, store_errors
from runtally_clickhouse.location import StoreLocation
from runtally_clickhouse.migrations import migrate
from runtally_clickhouse.profiles import READ, WRITE

StartClickHouse = Callable[[ClickHouseOptions | None], NativeClickHouse]

# What BI tools and administrators set, and what each would break (EXACTNESS A1, A5).
HOSTILE = {
    "join_use_nulls": 1,
    "aggregate_functions_null_for_empty": 1,
    "final": 0,
    "use_skip_indexes_if_final_exact_mode": 0,
    "optimize_move_to_prewhere_if_final": 1,
    "prefer_column_name_to_alias": 0,
    "async_insert": 1,
    "deduplicate_insert": "enable",
    "insert_deduplicate": 1,
    "max_partitions_per_insert_block": 1,
}
# Each of these would cut an answer short and say nothing.
PARTIAL = {
    "max_rows_to_group_by": 3,
    "group_by_overflow_mode": "any",
    "result_overflow_mode": "break",
    "read_overflow_mode": "break",
    "timeout_overflow_mode": "break",
    "set_overflow_mode": "break",
}


def _users(profile: dict[str, Any], constant: dict[str, Any]) -> str:
    settings = "".join(f"<{name}>{value}</{name}>" for name, value in {**profile, **constant}.items())
    constraints = "".join(f"<{name}><const/></{name}>" for name in constant)
    profile_text = f"<theirs>{settings}<constraints>{constraints}</constraints></theirs>"
    user = "<them><password/><networks><ip>127.0.0.1</ip></networks><profile>theirs</profile></them>"
    return DEFAULT_USERS.replace("</profiles>", f"{profile_text}</profiles>").replace("</users>", f"{user}</users>")


def _store_of(server: NativeClickHouse) -> Store:
    return Store(StoreLocation.server(server.url.replace("://", "://them@")))


@pytest.fixture(params=[_users(HOSTILE, {}), _users({}, READ)], ids=["hostile", "constant"])
def profiled(request: pytest.FixtureRequest, private_clickhouse: StartClickHouse) -> Iterator[Store]:
    """A server whose profile says the opposite of ours, and one that says the same and lets nobody change it."""
    store = _store_of(private_clickhouse(ClickHouseOptions(users=request.param)))
    yield store
    store.close()


def test_a_users_profile_changes_no_answer(profiled: Store) -> None:
    migrate(profiled)
    check_writes_count_twice(profiled)
    months = [f"2026-{month:02}-01T00:00:00Z" for month in range(1, 12)]
    for _ in range(2):
        insert(profiled, *(snapshot(f"r{n}", started_at=start, session_id="s1") for n, start in enumerate(months)))
    insert(profiled, snapshot("r0", started_at=months[0], session_id="s2", updated_at="2026-11-21T10:00:00Z"))

    totals = ask(profiled, RunQuestion.USAGE_TOTALS, scope())[0]
    assert (totals["messages"], totals["sessions"], totals["duration_ms"], totals["tokens"]) == (11, 2, None, 0)
    assert ask(profiled, RunQuestion.USAGE_TOTALS, scope("nobody"))[0]["messages"] == 0
    parameters = {**PARAMETERS[RunQuestion.RUNS_NEWEST_FIRST], "session_ids": ["s1"]}
    listed = ask(profiled, RunQuestion.RUNS_NEWEST_FIRST, scope(), parameters)
    assert {row["external_id"] for row in listed} == {f"r{n}" for n in range(1, 11)}


def test_a_partial_answer_is_an_error(private_clickhouse: StartClickHouse) -> None:
    store = _store_of(private_clickhouse(ClickHouseOptions(users=_users(PARTIAL, {}))))
    store.command("CREATE TABLE numbered (n UInt32) ENGINE = MergeTree ORDER BY n")
    store.command("INSERT INTO numbered SELECT number FROM numbers(100000)")
    assert len(store.unmerged("SELECT n FROM numbered GROUP BY n")) < 100_000  # what the profile would do
    with pytest.raises(StoreRefused) as refused:
        store.query("SELECT n FROM numbered GROUP BY n", {})
    assert refused.value.code in (158, 396)
    store.close()


def test_the_read_profile_is_in_force(store: Store) -> None:
    asked = "SELECT name, value FROM system.settings WHERE name IN {names:Array(String)}"
    rows = store.query(asked, {"names": list(READ)})
    assert {row["name"]: row["value"] for row in rows} == {name: str(value) for name, value in READ.items()}
    assert {"deduplicate_insert", "async_insert"} <= set(WRITE)


def test_an_expression_gives_the_same_each_time(store: Store) -> None:
    """The engine compiles what it has seen a few times, and then wide integers come out as chance has it."""
    wide = (
        "SELECT groupBitXor(cityHash64(bitShiftLeft(toUInt128(intHash64(number)) % 4611686018427387904"
        " + 9223372036854775808, 64) + bitShiftLeft(toUInt128(number), 16))) AS found FROM numbers(300000)"
    )
    assert len({store.query(wide, {})[0]["found"] for _ in range(8)}) == 1
    store.command("CREATE TABLE wide_sums (found UInt64) ENGINE = MergeTree ORDER BY tuple()")
    for _ in range(8):
        store.command(f"INSERT INTO wide_sums {wide}")
    assert store.query("SELECT uniqExact(found) AS kinds FROM wide_sums", {}) == [{"kinds": 1}]
    store.command("DROP TABLE wide_sums")


def test_a_query_takes_no_more_memory_than_it_may(store: Store) -> None:
    """Whatever is asked: the bound is the connection's, not a statement's."""
    dear = "SELECT count() AS groups FROM (SELECT number FROM numbers(3000000) GROUP BY number)"
    assert store.query(dear, {}) == [{"groups": 3_000_000}]
    bounded = Store(store.location, max_memory_bytes=20_000_000)
    with pytest.raises(StoreRefused) as refused:
        bounded.query(dear, {})
    assert refused.value.code == 241
    assert bounded.query("SELECT 1 AS one", {}) == [{"one": 1}]
    bounded.close()


def test_reads_merge_and_unmerged_reads_do_not(store: Store) -> None:
    store.command("SYSTEM STOP MERGES agent_runs")
    try:
        for status in ("queued", "running", "succeeded"):
            insert(store, snapshot("a", status=status))
        assert store.query("SELECT count() AS runs FROM agent_runs", {}) == [{"runs": 1}]
        assert store.unmerged("SELECT count() AS runs FROM agent_runs") == [{"runs": 3}]
    finally:
        store.command("SYSTEM START MERGES agent_runs")


def test_versions_months_apart_are_one_run(store: Store) -> None:
    """FINAL merges within partitions only, so no version may land in another one."""
    for month in (8, 11):
        insert(store, snapshot("a", updated_at=datetime(2026, month, 1, tzinfo=UTC)))
    assert store.query("SELECT toMonth(updated_at) AS month FROM agent_runs", {}) == [{"month": 11}]


def test_equal_blocks_are_kept_apart(store: Store) -> None:
    check_writes_count_twice(store)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: check_writes_count_twice(store), range(4)))
    left = store.unmerged("SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE '%probe%'")
    assert left == []


class _Forgetful(Store):
    """An engine that takes a repeated block for a duplicate."""

    def insert(self, table: str, rows: pa.Table) -> None:
        if not self.unmerged(f"SELECT 1 FROM {table}"):
            super().insert(table, rows)


def test_an_engine_that_drops_equal_blocks_is_refused(shared_store: Store) -> None:
    forgetful = _Forgetful(shared_store.location)
    with pytest.raises(StoreRefused, match="kept 1 of 2 equal blocks"):
        check_writes_count_twice(forgetful)
    forgetful.close()


def test_threads_share_few_clients(shared_store: Store) -> None:
    store = Store(shared_store.location)

    def count(number: int) -> int:
        found: int = store.query("SELECT {n:UInt32} AS n", {"n": number})[0]["n"]
        return found

    for _ in range(3):  # new threads each time, as a server's pool of threads has
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(count, range(20))) == list(range(20))
    assert 1 <= len(store._idle) <= 4
    store.close()
    assert store._idle == []


def test_errors_say_what_the_caller_can_do(store: Store) -> None:
    with pytest.raises(StoreRefused) as refused:
        store.query("SELECT nonsense", {})
    assert refused.value.code == 47
    with pytest.raises(StoreRefused) as missing:
        store.insert("no_such_table", pa.table({"a": [1]}))
    assert missing.value.code == 60
    with pytest.raises(StoreRefused) as slow:
        Store(store.location, max_execution_seconds=1).query(
            "SELECT count() FROM numbers(100) WHERE sleepEachRow(0.2) = 0 SETTINGS max_block_size = 1", {}
        )
    assert slow.value.code == 159
    with pytest.raises(StoreUnavailable), store_errors():
        raise ConnectionResetError("gone")


def test_nobody_answers(private_clickhouse: StartClickHouse) -> None:
    server = private_clickhouse(None)
    store = Store(StoreLocation.server(server.url))
    assert store.query("SELECT 1 AS one", {}) == [{"one": 1}]
    server.kill()
    with pytest.raises(StoreUnavailable):
        store.query("SELECT 1", {})
    server.start()
    assert store.query("SELECT 1 AS one", {}) == [{"one": 1}]
    assert urlsplit(server.url).port == server.http_port
    store.close()


def test_databases_of_one_engine_are_apart(
    shared_store: Store, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    engine, backend = request.getfixturevalue("engine"), request.getfixturevalue("clickhouse")
    with empty_database(engine, backend, tmp_path_factory.getbasetemp()) as other:
        migrate(other)
        insert(other, snapshot("a"))
        assert other.query("SELECT count() AS runs FROM agent_runs", {}) == [{"runs": 1}]
        query = "SELECT count() AS runs FROM agent_runs WHERE external_id = 'a' AND agent_id = 'nobody else'"
        assert shared_store.query(query, {}) == [{"runs": 0}]

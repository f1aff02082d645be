"""Clients serve one call after the other: what one call left behind is in no other's answer."""

import pytest
from runtally_clickhouse.client import Store
from runtally_clickhouse.errors import StoreRefused

# Fails after rows were put out already.
FAILS_LATE = "SELECT number AS n FROM numbers(100000) WHERE throwIf(number = 70000) = 0 SETTINGS max_block_size = 1000"


def test_an_answer_holds_nothing_of_a_question_that_failed_half_way(bare_store: Store) -> None:
    for asked in range(3):
        for ask in (bare_store.query, bare_store.unmerged):
            with pytest.raises(StoreRefused, match="throwIf"):
                ask(FAILS_LATE, {})
            assert bare_store.query("SELECT toUInt64({n:UInt8}) AS n", {"n": asked}) == [{"n": asked}]
            assert bare_store.unmerged("SELECT 'name' AS name") == [{"name": "name"}]


def test_a_command_that_failed_leaves_nothing_behind(bare_store: Store) -> None:
    bare_store.command("CREATE TABLE numbers_kept (n UInt64) ENGINE = MergeTree ORDER BY n")
    with pytest.raises(StoreRefused, match="throwIf"):
        bare_store.command(f"INSERT INTO numbers_kept {FAILS_LATE}")
    bare_store.command("INSERT INTO numbers_kept VALUES (1)")
    assert bare_store.query("SELECT toUInt64(7) AS n", {}) == [{"n": 7}]

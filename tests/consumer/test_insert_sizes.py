"""Inserts that are too much for the store at once: in halves, until they pass; nothing is lost, nobody blamed."""

import asyncio

import pyarrow as pa
import pytest
from clickhouse.answering import ACCEPTED, answer, answering, refusal
from consumer.fakes import FakeStore
from consumer.samples import RUNS, run_value
from hypothesis import given
from hypothesis import strategies as st
from runtally_clickhouse.errors import StoreRefused
from runtally_consumer.decoding import DECODERS
from runtally_consumer.insert_sizes import FEWEST_ROWS, TRIES_TO_GROW, InsertSize
from runtally_consumer.inserting import Insertion, RowInserter

DECODED = DECODERS[RUNS].decode([run_value(number) for number in range(2000)])


class SmallStore(FakeStore):
    """Has room for so many rows in one insert."""

    def __init__(self, room: int, code: int = 241, status: int = 0) -> None:
        super().__init__()
        self.room, self.code, self.status = room, code, status
        self.sizes: list[int] = []

    def insert(self, table: str, rows: pa.Table) -> None:
        self.sizes.append(rows.num_rows)
        if rows.num_rows > self.room:
            raise StoreRefused("too much", self.code, self.status)
        super().insert(table, rows)


def tries(inserter: RowInserter, insertion: Insertion, most: int) -> int:
    """How many tries the insertion took."""
    for number in range(1, most + 1):
        try:
            assert asyncio.run(inserter.insert(insertion)) == {}
        except StoreRefused:
            continue
        return number
    raise AssertionError(f"not stored in {most} tries")


def test_a_batch_beyond_the_stores_memory_goes_in_halves_after_the_second_refusal() -> None:
    store = SmallStore(600)
    inserter = RowInserter(store)
    assert tries(inserter, Insertion("agent_runs", DECODED), 10) == 5
    assert store.sizes == [2000, 2000, 1000, 1000, 500, 500, 500, 500]
    assert len(store.run_ids()) == 2000
    store.sizes.clear()
    assert tries(inserter, Insertion("agent_runs", DECODED), 10) == 1  # the next one begins with what passed
    assert store.sizes == [500] * 4


def test_memory_that_was_short_once_changes_nothing() -> None:
    store = SmallStore(600)
    inserter = RowInserter(store)
    insertion = Insertion("agent_runs", DECODED)
    with pytest.raises(StoreRefused):
        asyncio.run(inserter.insert(insertion))
    store.room = 5000
    assert asyncio.run(inserter.insert(insertion)) == {}
    assert store.sizes == [2000, 2000]


def test_a_store_without_any_memory_is_asked_for_a_floor_and_no_less() -> None:
    store = SmallStore(0)
    insertion = Insertion("agent_runs", DECODED)
    inserter = RowInserter(store)
    for _ in range(30):
        with pytest.raises(StoreRefused):
            asyncio.run(inserter.insert(insertion))
    assert store.sizes[-1] == FEWEST_ROWS


def test_a_body_that_a_proxy_finds_too_large_is_halved_at_once() -> None:
    store = SmallStore(130, code=0, status=413)
    assert tries(RowInserter(store), Insertion("agent_runs", DECODED), 1) == 1
    assert store.sizes == [2000, 1000, 500, 250, *[125] * 16]
    assert len(store.run_ids()) == 2000


def test_one_row_that_is_too_large_for_a_proxy_is_nobodys_dead_letter() -> None:
    store = SmallStore(0, code=0, status=413)
    with pytest.raises(StoreRefused):
        asyncio.run(RowInserter(store).insert(Insertion("agent_runs", DECODED)))
    assert store.sizes[-1] == 1


def test_bad_rows_are_found_in_pieces_too() -> None:
    store = SmallStore(300)
    bad = {3, 600, 1999}
    ids = [DECODED.table["run_id"][row].as_py() for row in sorted(bad)]
    store.poison = lambda row: row["run_id"] in ids
    insertion = Insertion("agent_runs", DECODED)
    inserter = RowInserter(store)
    for _ in range(20):
        try:
            dead = asyncio.run(inserter.insert(insertion))
            break
        except StoreRefused:
            continue
    assert set(dead) == bad
    assert len(store.run_ids()) == 1997


def test_sizes_grow_again() -> None:
    size = InsertSize()
    size.too_large(1000)
    for _ in range(TRIES_TO_GROW):
        assert size.pieces(0, 1000) == [(0, 500), (500, 1000)]
        size.accepted(500)
        size.accepted(10)  # a small one proves nothing
    assert size.pieces(0, 1000) == [(0, 1000)]


@given(st.integers(0, 500), st.integers(0, 500), st.lists(st.integers(2, 500), max_size=5))
def test_pieces_cover_each_row_once(first: int, rows: int, too_large: list[int]) -> None:
    size = InsertSize()
    for count in too_large:
        size.too_large(count)
    pieces = size.pieces(first, first + rows)
    assert [row for start, end in pieces for row in range(start, end)] == list(range(first, first + rows))


def test_the_client_tells_both_apart() -> None:
    """Through HTTP: a proxy's 413 at first, then the server's 241 twice."""
    with answering(answer(413), refusal(241), refusal(241), answer(200, ACCEPTED)) as (store, answers):
        assert tries(RowInserter(store), Insertion("agent_runs", DECODED), 5) == 3
        assert answers.inserts == 7  # 2000; 1000 twice, then four of 500

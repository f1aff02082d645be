"""Rows that the store refuses: each ends as one dead letter, and all others are stored."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest
from consumer.fakes import FakeDeadLetterTopic, FakeStore
from consumer.samples import (
    ACTIVITY,
    F0,
    LIFECYCLE,
    NOT_JSON,
    P0,
    P1,
    RUNS,
    activity_value,
    feedback_value,
    lifecycle_value,
    numbered,
    run_value,
)
from hypothesis import given
from hypothesis import strategies as st
from runtally_clickhouse.errors import StoreRefused, StoreUnavailable
from runtally_consumer.bisection import NotBadData
from runtally_consumer.dead_letter_limits import TooManyDeadLetters
from runtally_consumer.dead_letters import RefusedBy
from runtally_consumer.decoding import DECODERS
from runtally_consumer.failures import DATA_CODES, FailureClass, classify
from runtally_consumer.inserting import Insertion, RowInserter
from runtally_consumer.records import Batch, Partition, Slice
from runtally_consumer.writing import BatchWriter, Written

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
POISON = "poison"


class Desk:
    """A writer over a store that refuses any insert with a poisoned row in it."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.store.poison = lambda row: row.get("agent_id") == POISON
        self.letters = FakeDeadLetterTopic()
        self.writer = BatchWriter(self.store, self.letters, "cluster", lambda: NOW, lambda: 0.0)

    def write(self, *values: bytes | None, id: int = 1, partition: Partition = P0) -> Written:
        piece = Slice(partition, 1, tuple(numbered(values)))
        return asyncio.run(self.writer.write(Batch(id, 1, partition.topic, (piece,), 0)))

    def dead(self) -> list[int]:
        return [letter.record.offset for letter in self.letters.letters]


def poison(number: int, **fields: object) -> bytes:
    return run_value(number, agent_id=POISON, **fields)  # type: ignore[arg-type] # any field


def good(first: int, end: int) -> list[bytes]:
    return [run_value(number) for number in range(first, end)]


def test_one_bad_row_is_one_dead_letter_and_all_others_are_stored() -> None:
    desk = Desk()
    written = desk.write(NOT_JSON, *good(0, 20), poison(20), *good(21, 40))
    assert (written.accepted, written.dead) == (39, {"record": 1, "store": 1})
    assert len(desk.store.run_ids()) == 39
    assert desk.dead() == [0, 21]
    letter = desk.letters.letters[1]
    assert (letter.refused_by, letter.message) == (
        RefusedBy.STORE,
        "was refused by the store: agent_runs: constraint violated",
    )
    (covered,) = desk.store.tables["ingest_ledger"]
    assert (covered["accepted"], covered["dead"]) == (39, 2)
    assert [row["offset"] for row in desk.store.tables["dead_letters"]] == [0, 21]


@given(bad=st.sets(st.integers(0, 39), min_size=1, max_size=12), again=st.sets(st.integers(0, 39)))
def test_any_bad_rows_among_repeated_ones(bad: set[int], again: set[int]) -> None:
    """A run may be there twice: first as queued, which the store takes from everyone."""
    desk = Desk()
    desk.write(run_value(99), id=1)
    early = [run_value(number, status="queued") for number in sorted(again)]
    late = [poison(number) if number in bad else run_value(number) for number in range(40)]
    desk.write(*early, *late, id=2)
    assert desk.dead() == sorted(len(early) + number for number in bad)
    stored = {UUID(bytes=run_id).int & 0xFF for run_id in desk.store.run_ids() if isinstance(run_id, bytes)}
    assert stored == (set(range(40)) - bad) | again | {99}


@pytest.mark.parametrize("code", sorted(DATA_CODES))
def test_each_code_of_the_class_is_looked_into(code: int) -> None:
    desk = Desk()
    desk.store.poison_code = code
    assert desk.write(run_value(0), poison(1)).dead == {"store": 1}


def test_a_lone_bad_row_in_a_table_that_has_taken_none_is_compared_with_a_control_row() -> None:
    desk = Desk()
    assert desk.write(poison(0)).dead == {"store": 1}
    (control,) = desk.store.tables["agent_runs"]
    assert (control["workspace_id"], control["is_deleted"]) == ("", 1)


def test_a_lone_row_in_a_table_that_refuses_everything_is_not_blamed() -> None:
    desk = Desk()
    desk.store.refuses = {"agent_runs": 53}
    for _ in range(3):
        with pytest.raises(NotBadData, match="refuses a known-good row"):
            desk.write(run_value(0))
    assert desk.dead() == []
    desk.store.refuses = {}
    assert desk.write(run_value(0)).accepted == 1


@pytest.mark.parametrize(
    ("table", "partition", "value"),
    [
        ("agent_feedback", F0, feedback_value(0)),
        ("agent_lifecycle", Partition(LIFECYCLE, 0), lifecycle_value(0)),
        ("user_activity", Partition(ACTIVITY, 0), activity_value(0)),
    ],
)
def test_each_table_has_a_control_row_in_the_workspace_that_no_question_reads(
    table: str, partition: Partition, value: bytes
) -> None:
    desk = Desk()
    desk.store.poison = lambda row: row.get("workspace_id") == "acme"
    assert desk.write(value, partition=partition).dead == {"store": 1}
    (control,) = desk.store.tables[table]
    assert control["workspace_id"] == ""


def test_a_table_that_refuses_everything_makes_no_dead_letters() -> None:
    desk = Desk()
    desk.write(*good(0, 3), id=1)
    desk.store.refuses = {"agent_runs": 53}
    with pytest.raises(NotBadData) as raised:
        desk.write(*good(3, 20), id=2)
    assert classify(raised.value) is FailureClass.SYSTEMIC
    assert desk.dead() == []
    desk.store.refuses = {}
    assert desk.write(*good(3, 20), id=2).accepted == 17


@pytest.mark.parametrize("fail_at", range(11))
@pytest.mark.parametrize("code", [0, 60, 241])
def test_an_outage_in_the_middle_of_the_search_blames_nobody(fail_at: int, code: int) -> None:
    desk = Desk()
    insert, calls = desk.store.insert, iter(range(1000))

    def failing(table: str, rows: object) -> None:
        if next(calls) == fail_at:
            raise StoreRefused("mended in a moment", code) if code else StoreUnavailable("away")
        insert(table, rows)

    desk.store.insert = failing  # type: ignore[method-assign] # the fault
    values = [*good(0, 5), poison(5), *good(6, 9)]
    with pytest.raises((StoreRefused, StoreUnavailable)):
        desk.write(*values)
    assert desk.write(*values).accepted == 8
    assert desk.dead() == [5]
    assert len(desk.store.run_ids()) == 8


def test_the_ledger_waits_for_the_letters_of_refused_rows() -> None:
    desk = Desk()
    desk.letters.away = True
    with pytest.raises(Exception, match="dead-letter topic"):
        desk.write(run_value(0), poison(1))
    assert desk.store.tables["ingest_ledger"] == []
    inserted = len(desk.store.tables["agent_runs"])
    desk.letters.away = False
    desk.write(run_value(0), poison(1))
    assert len(desk.store.tables["agent_runs"]) == inserted  # what is stored is not sent again


@pytest.mark.parametrize("table", ["dead_letters", "ingest_ledger"])
def test_a_table_of_our_own_that_refuses_is_not_searched(table: str) -> None:
    desk = Desk()
    desk.store.refuses = {table: 53}
    with pytest.raises(StoreRefused):
        desk.write(run_value(0), NOT_JSON)
    assert desk.dead() == [1]


def test_too_many_bad_rows_stop_their_partition_only_and_make_no_dead_letters() -> None:
    desk = Desk()
    values = [*good(0, 50), *[poison(number) for number in range(50, 170)]]
    bad, other = Slice(P0, 1, tuple(numbered(values))), Slice(P1, 1, tuple(numbered(good(200, 300))))
    with pytest.raises(TooManyDeadLetters, match=r"agent-runs.v1-0 stopped: 1\d\d of the last 170") as raised:
        asyncio.run(desk.writer.write(Batch(1, 1, RUNS, (bad, other), 0)))
    assert raised.value.stops.keys() == {P0}
    assert desk.dead() == []
    assert asyncio.run(desk.writer.write(Batch(2, 1, RUNS, (other,), 0))).accepted == 100


def test_bad_rows_of_a_partition_count_with_its_records_that_break_the_contract() -> None:
    desk = Desk()
    with pytest.raises(TooManyDeadLetters, match="100 of the last 150"):
        desk.write(*[NOT_JSON] * 60, *good(0, 50), *[poison(number) for number in range(50, 90)])


def test_many_bad_rows_of_many_partitions_are_all_dead_letters_when_none_has_too_many() -> None:
    desk = Desk()
    slices = tuple(
        Slice(
            Partition(RUNS, number), 1, tuple(numbered([*good(0, 50), *[poison(100 * number + n) for n in range(60)]]))
        )
        for number in range(1, 4)
    )
    written = asyncio.run(desk.writer.write(Batch(1, 1, RUNS, slices, 0)))
    assert (written.accepted, written.dead) == (150, {"store": 180})


def test_a_table_that_refuses_a_known_good_row_stops_no_partition() -> None:
    desk = Desk()
    desk.write(run_value(0), id=1)
    desk.store.refuses = {"agent_runs": 469}
    with pytest.raises(NotBadData, match="known-good row"):
        desk.write(*good(0, 300), id=2)
    desk.store.refuses = {}
    assert desk.write(*good(0, 300), id=2).accepted == 300


def test_nothing_to_insert_asks_nothing() -> None:
    store = FakeStore()
    insertion = Insertion("agent_runs", DECODERS[RUNS].decode([NOT_JSON]))
    assert asyncio.run(RowInserter(store).insert(insertion)) == {}
    assert store.calls == 0

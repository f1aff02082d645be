"""A batch on its way: dead letters before rows, rows before the ledger, and on from where it stopped."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from consumer.fakes import FakeDeadLetterTopic, FakeStore
from consumer.samples import NO_AGENT, NOT_JSON, P0, P1, RUNS, StoredRecord, numbered, run_value
from runtally_clickhouse.errors import StoreUnavailable
from runtally_consumer.failures import DeadLetterTopicUnavailable
from runtally_consumer.records import Batch, Slice
from runtally_consumer.writing import BatchWriter, Written

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


def batch(*slices: Slice) -> Batch:
    return Batch(1, 1, RUNS, slices, 0)


def piece(values: Sequence[bytes | None], first: int = 0, partition: object = P0) -> Slice:
    return Slice(partition, 1, tuple(numbered(values, first)))  # type: ignore[arg-type] # P0 or P1


class Desk:
    """A writer with its store and dead-letter topic."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.letters = FakeDeadLetterTopic()
        self.writer = BatchWriter(self.store, self.letters, "cluster", lambda: NOW, lambda: 0.0)

    def write(self, one: Batch) -> Written:
        return asyncio.run(self.writer.write(one))


def test_rows_letters_and_ledger_account_for_every_record() -> None:
    desk = Desk()
    written = desk.write(
        batch(
            piece([run_value(0), NOT_JSON, run_value(1)], first=5),
            piece([run_value(2)], first=90, partition=P1),
            piece([None, NO_AGENT], first=8),
        )
    )
    assert (written.accepted, written.dead) == (3, {"record": 2, "agent_id": 1})
    assert len(desk.store.tables["agent_runs"]) == 3
    assert [(letter.partition, letter.record.offset) for letter in desk.letters.letters] == [(P0, 6), (P0, 8), (P0, 9)]
    shared = {"stream": "cluster", "topic": RUNS, "acknowledged_at": NOW}
    assert desk.store.tables["ingest_ledger"] == [
        shared | {"partition": 0, "first_offset": 5, "last_offset": 7, "accepted": 2, "dead": 1},
        shared | {"partition": 1, "first_offset": 90, "last_offset": 90, "accepted": 1, "dead": 0},
        shared | {"partition": 0, "first_offset": 8, "last_offset": 9, "accepted": 0, "dead": 2},
    ]
    assert [row["offset"] for row in desk.store.tables["dead_letters"]] == [6, 8, 9]


def test_versions_of_one_run_become_one_row_and_are_counted_each() -> None:
    desk = Desk()
    versions = [run_value(0, status=status) for status in ("queued", "running", "succeeded")]
    written = desk.write(batch(piece([*versions, versions[0]])))
    assert written.accepted == 4
    assert [row["status"] for row in desk.store.tables["agent_runs"]] == ["succeeded"]


def test_a_batch_without_a_good_record_inserts_no_rows() -> None:
    desk = Desk()
    assert desk.write(batch(piece([NOT_JSON]))).accepted == 0
    assert set(desk.store.tables) == {"dead_letters", "ingest_ledger"}


def test_fields_outside_the_contract_are_counted() -> None:
    written = Desk().write(batch(piece([run_value(0, colour="red"), run_value(1, colour="blue")])))
    assert written.unknown_fields == {"colour": 2}


def test_nothing_is_inserted_before_the_dead_letters_are_acknowledged() -> None:
    desk = Desk()
    desk.letters.away = True
    with pytest.raises(DeadLetterTopicUnavailable):
        desk.write(batch(piece([run_value(0), NOT_JSON])))
    assert desk.store.calls == 0


@pytest.mark.parametrize("table", ["agent_runs", "dead_letters", "ingest_ledger"])
def test_the_ledger_is_last_and_a_second_try_goes_on_where_the_first_stopped(table: str) -> None:
    desk = Desk()
    desk.store.tables_away = {table}
    one = batch(piece([run_value(0), NOT_JSON]))
    with pytest.raises(StoreUnavailable):
        desk.write(one)
    assert not desk.store.tables["ingest_ledger"]
    desk.store.tables_away = set()
    assert desk.write(one).accepted == 1
    assert desk.letters.tries == 1
    assert len(desk.store.tables["ingest_ledger"]) == 1


def test_what_is_given_up_is_forgotten() -> None:
    desk = Desk()
    desk.store.away = True
    one = batch(piece([NOT_JSON]))
    with pytest.raises(StoreUnavailable):
        desk.write(one)
    desk.writer.keep_only([2])
    desk.store.away = False
    desk.write(one)
    assert desk.letters.tries == 2  # begun anew, and in the topic twice: that is allowed


def test_null_keys_and_long_values_pass() -> None:
    desk = Desk()
    records = (StoredRecord(0, None, None), StoredRecord(1, b"{" + b" " * 300_000 + b"}", None))
    written = desk.write(batch(Slice(P0, 1, records)))
    assert (written.accepted, written.dead.total()) == (0, 2)
    assert [letter.record for letter in desk.letters.letters] == list(records)

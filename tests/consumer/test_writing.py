"""A batch on its way: letters, rows, marks, then the ledger, and on from where it stopped."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

import pyarrow as pa
import pytest
from consumer.fakes import FakeDeadLetterTopic, FakeStore
from consumer.samples import (
    F0,
    FEEDBACK,
    NO_AGENT,
    NOT_JSON,
    P0,
    P1,
    RUNS,
    START,
    StoredRecord,
    feedback_value,
    numbered,
    run_value,
)
from hypothesis import given
from hypothesis import strategies as st
from runtally_clickhouse.errors import StoreUnavailable
from runtally_consumer.decoding import DECODERS
from runtally_consumer.failures import DeadLetterTopicUnavailable
from runtally_consumer.marks import mark_rows
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
        numbers = count(7)
        self.writer = BatchWriter(
            self.store, self.letters, "cluster", lambda: NOW, lambda: 0.0, random_bits=lambda bits: next(numbers)
        )

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


def test_each_bucket_that_runs_start_in_is_marked_between_the_rows_and_the_ledger() -> None:
    desk = Desk()
    order: list[str] = []
    desk.store.on_insert = order.append
    desk.write(batch(piece([run_value(0), run_value(14), run_value(15), run_value(46), NOT_JSON])))
    minutes = [0, 15, 45]
    assert desk.store.tables["bucket_changes"] == [
        {"bucket": int((START + timedelta(minutes=minute)).timestamp()), "changes": 7 + at}
        for at, minute in enumerate(minutes)
    ]
    assert order == ["agent_runs", "bucket_changes", "dead_letters", "ingest_ledger"]


def test_a_mark_is_never_zero() -> None:
    rows = DECODERS[RUNS].decode([run_value(0)]).table
    assert mark_rows(rows, lambda bits: 0)["changes"].to_pylist() == [1]
    assert mark_rows(rows, lambda bits: (1 << bits) - 1)["changes"].to_pylist() == [2**64 - 1]


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=50), st.integers(0, 10))
def test_the_buckets_are_those_of_the_rows(minutes: list[int], skipped: int) -> None:
    """Also of a part of a table, and of a table in several pieces."""
    table = pa.concat_tables([DECODERS[RUNS].decode([run_value(minute)]).table for minute in minutes])
    expected = {int(START.timestamp()) + minute // 15 * 900 for minute in minutes[skipped:]}
    marked = mark_rows(table.slice(skipped), lambda bits: 1)["bucket"].to_pylist()
    assert marked == sorted(expected)
    assert mark_rows(table.combine_chunks().slice(skipped), lambda bits: 1)["bucket"].to_pylist() == marked


def test_other_events_mark_nothing() -> None:
    desk = Desk()
    desk.write(Batch(1, 1, FEEDBACK, (Slice(F0, 1, tuple(numbered([feedback_value(0)]))),), 0))
    assert set(desk.store.tables) == {"agent_feedback", "ingest_ledger"}


@pytest.mark.parametrize("table", ["agent_runs", "bucket_changes", "dead_letters", "ingest_ledger"])
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
    assert [len(desk.store.tables[name]) for name in ("agent_runs", "bucket_changes", "ingest_ledger")] == [1, 1, 1]


def test_marks_whose_answer_was_lost_are_made_again_with_other_numbers() -> None:
    """The first may be applied or not: both leave a sum that no rollup has seen."""
    desk = Desk()
    desk.store.answers_lost_of = {"bucket_changes"}
    one = batch(piece([run_value(0)]))
    with pytest.raises(StoreUnavailable):
        desk.write(one)
    assert not desk.store.tables["ingest_ledger"]
    desk.store.answers_lost_of = set()
    desk.write(one)
    assert [row["changes"] for row in desk.store.tables["bucket_changes"]] == [7, 8]
    assert len(desk.store.tables["agent_runs"]) == 1


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

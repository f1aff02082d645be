"""The mirror of the dead letters: filters, order, and values as they are."""

import base64
from datetime import timedelta

import pytest
from clickhouse.runs import NOW
from consumer.samples import StoredRecord
from runtally.violations import Violation
from runtally_clickhouse.catalogue import DeadLetterFilters, dead_letter_values, dead_letters
from runtally_clickhouse.client import Store
from runtally_consumer.dead_letters import MIRRORED_BYTES, DeadLetter, mirror_rows
from runtally_consumer.records import Partition

RUNS, FEEDBACK = "agent-runs.v1", "agent-feedback.v1"


def _refuse(
    store: Store,
    topic: str,
    offset: int,
    field: str,
    minutes: int = 0,
    *,
    value: bytes | None = b"x",
    key: bytes | None = None,
) -> None:
    violation = Violation(field=field, message="is wrong", remedy="mend it")
    letter = DeadLetter(Partition(topic, offset % 2), StoredRecord(offset, value, key), (violation,))
    store.insert("dead_letters", mirror_rows("s", [letter], NOW + timedelta(minutes=minutes)))


@pytest.fixture
def letters(store: Store) -> Store:
    _refuse(store, RUNS, 1, "cost_usd", 1)
    _refuse(store, RUNS, 2, "status", 2)
    _refuse(store, FEEDBACK, 3, "nonsense", 3)
    _refuse(store, RUNS, 1, "cost_usd", 1)  # a redelivery
    return store


@pytest.mark.parametrize(
    ("filters", "offsets"),
    [
        (DeadLetterFilters(), [3, 2, 1]),
        (DeadLetterFilters(topics=(RUNS,)), [2, 1]),
        (DeadLetterFilters(fields=("cost_usd", "")), [3, 1]),
        (DeadLetterFilters(fields=("",)), [3]),
        (DeadLetterFilters(since=NOW + timedelta(minutes=2)), [3, 2]),
        (DeadLetterFilters(partitions=(0,)), [2]),
        (DeadLetterFilters(offsets=(1, 3), topics=(FEEDBACK,)), [3]),
        (DeadLetterFilters(streams=("another",)), []),
    ],
)
def test_letters_are_selected_newest_first(letters: Store, filters: DeadLetterFilters, offsets: list[int]) -> None:
    assert [row["offset"] for row in dead_letters(letters, filters, 10)] == offsets
    assert [row["offset"] for row in dead_letters(letters, filters, 1)] == offsets[:1]


def test_values_are_given_byte_by_byte_for_the_places_asked_for(store: Store) -> None:
    value, key = b"\xff\x00'" * 9, b"k\x80"
    _refuse(store, RUNS, 1, "x", value=value, key=key)
    _refuse(store, RUNS, 2, "x", value=b"y" * (MIRRORED_BYTES + 5))
    _refuse(store, RUNS, 3, "x", value=None)

    rows = dead_letter_values(store, [("s", RUNS, 1, 1), ("s", RUNS, 0, 2), ("s", RUNS, 1, 2), ("t", RUNS, 1, 3)])

    assert [row["offset"] for row in rows] == [2, 1]
    assert (base64.b64decode(rows[1]["value_base64"]), base64.b64decode(rows[1]["key_base64"])) == (value, key)
    assert len(base64.b64decode(rows[0]["value_base64"])) == MIRRORED_BYTES < rows[0]["value_bytes"]
    assert dead_letter_values(store, []) == []

"""Ranges that are folded in the store tell the same as the ranges themselves."""

import random

import pyarrow as pa
import pytest
from clickhouse.runs import NOW
from runtally_clickhouse.catalogue import all_ingested, ingested_ranges, ledger_ranges
from runtally_clickhouse.client import Row, Store

Range = tuple[int, int, int, int]


def _write(store: Store, ranges: list[Range], stream: str = "s", topic: str = "t", partition: int = 0) -> None:
    columns = list(zip(*ranges, strict=True))
    count = len(ranges)
    types = (pa.uint64(), pa.uint64(), pa.uint32(), pa.uint32())
    names = ("first_offset", "last_offset", "accepted", "dead")
    store.insert(
        "ingest_ledger",
        pa.table(
            {
                "stream": pa.array([stream] * count),
                "topic": pa.array([topic] * count),
                "partition": pa.array([partition] * count, pa.uint32()),
                **{name: pa.array(column, kind) for name, column, kind in zip(names, columns, types, strict=True)},
                "acknowledged_at": pa.array([NOW] * count, pa.timestamp("us", "UTC")),
            }
        ),
    )


def _folded(rows: list[Row]) -> list[tuple[int, ...]]:
    names = ("first", "last", "accepted_records", "dead_records", "ranges")
    return [tuple(row[name] for name in names) for row in rows]


def test_an_empty_ledger_has_no_ranges(store: Store) -> None:
    assert ledger_ranges(store) == []


def test_ranges_end_to_end_are_folded_redelivered_ones_counted_once(store: Store) -> None:
    for _ in range(2):
        _write(store, [(0, 9, 10, 0), (10, 19, 8, 2), (20, 20, 1, 0)])

    assert _folded(ledger_ranges(store)) == [(0, 20, 19, 2, 3)]


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([(0, 9, 10, 0), (11, 19, 9, 0)], [(0, 9, 10, 0, 1), (11, 19, 9, 0, 1)]),
        ([(0, 9, 10, 0), (10, 19, 9, 0), (20, 29, 10, 0)], [(0, 9, 10, 0, 1), (10, 19, 9, 0, 1), (20, 29, 10, 0, 1)]),
        ([(0, 9, 10, 0), (5, 19, 15, 0), (20, 29, 10, 0)], [(0, 9, 10, 0, 1), (5, 19, 15, 0, 1), (20, 29, 10, 0, 1)]),
        ([(0, 29, 30, 0), (0, 9, 10, 0), (10, 19, 10, 0)], [(0, 9, 10, 0, 1), (0, 29, 30, 0, 1), (10, 19, 10, 0, 1)]),
    ],
)
def test_what_would_lose_something_is_not_folded(store: Store, ranges: list[Range], expected: list[Range]) -> None:
    _write(store, ranges)

    assert _folded(ledger_ranges(store)) == expected


def test_streams_topics_and_partitions_are_kept_apart(store: Store) -> None:
    for stream, topic, partition in (("s", "t", 0), ("s", "t", 1), ("s", "u", 0), ("r", "t", 0)):
        _write(store, [(0, 4, 5, 0), (5, 9, 5, 0)], stream, topic, partition)

    rows = ledger_ranges(store)
    assert [(row["stream"], row["topic"], row["partition"]) for row in rows] == [
        ("r", "t", 0), ("s", "t", 0), ("s", "t", 1), ("s", "u", 0),
    ]  # fmt: skip
    assert _folded(rows) == [(0, 9, 10, 0, 2)] * 4


@pytest.mark.parametrize("seed", range(12))
def test_any_ranges_fold_into_the_same_coverage_and_counts(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    ranges: set[Range] = set()
    for _ in range(chance.randrange(1, 30)):
        first, width = chance.randrange(60), chance.choice([1, 1, 2, 5])
        accepted = width if chance.random() < 0.8 else chance.randrange(width + 1)
        ranges = {one for one in ranges if one[:2] != (first, first + width - 1)}
        ranges.add((first, first + width - 1, accepted, 0))
    _write(store, sorted(ranges))

    folded = _folded(ledger_ranges(store))
    covered = {offset for first, last, *_ in ranges for offset in range(first, last + 1)}
    assert {offset for first, last, *_ in folded for offset in range(first, last + 1)} == covered
    assert sum(one[2] for one in folded) == sum(one[2] for one in ranges)
    assert sum(one[4] for one in folded) == len(ranges)
    for one in folded:
        if one[4] > 1:
            assert one[2] == one[1] - one[0] + 1


def test_what_is_ingested_is_stretches_without_gaps_from_an_offset_on(store: Store) -> None:
    _write(store, [(0, 9, 10, 0), (10, 19, 10, 0), (15, 24, 10, 0), (0, 4, 5, 0), (26, 29, 4, 0), (30, 30, 1, 0)])
    _write(store, [(5, 6, 2, 0)], partition=1)
    _write(store, [(25, 25, 1, 0)], stream="other")

    found = ingested_ranges(store, "s", "t", {0: 0, 1: 0, 2: 0})
    assert found == {0: [(0, 24), (26, 30)], 1: [(5, 6)], 2: []}
    assert ingested_ranges(store, "s", "t", {0: 20})[0] == [(15, 24), (26, 30)]
    assert ingested_ranges(store, "s", "t", {0: 31})[0] == []
    assert all_ingested(store, "s", "t", {0: [3, 22], 1: [5]})
    assert not all_ingested(store, "s", "t", {0: [3, 25]})

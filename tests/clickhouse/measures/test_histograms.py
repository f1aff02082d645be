"""Histograms: exact counts between whole bounds, whatever the width, over both engines."""

import itertools
import random

import pytest
from clickhouse.runs import insert, scope, snapshot
from runtally_clickhouse.client import Store
from runtally_clickhouse.measures.histograms import Bucket, HistogramName, ask_histogram, histogram_buckets

NAMES: list[HistogramName] = ["duration_histogram", "queue_histogram"]


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_store_has_no_bars(store: Store, name: HistogramName) -> None:
    assert ask_histogram(store, name, scope()) == {}
    assert histogram_buckets({}, 30) == []


@pytest.mark.parametrize("name", NAMES)
def test_bars_count_the_runs_between_their_bounds(store: Store, name: HistogramName) -> None:
    draw = random.Random(7)
    numbers = [0, 0, 1, 2, 49, 50, 51, 1000, 2**53 - 1, *(draw.randint(0, 10 ** draw.randint(1, 9)) for _ in range(50))]
    field = "duration_ms" if name == "duration_histogram" else "queue_ms"
    insert(store, *(snapshot(f"r{n}", **{field: number}) for n, number in enumerate(numbers)), snapshot("unknown"))
    insert(store, snapshot("r0", **{field: 5}, updated_at="2026-11-21T09:10:00Z"))
    insert(store, snapshot("r2", workspace_id="beta", **{field: 5}))
    now = [5, *numbers[1:]]
    for most in (2, 7, 30, 200, 5000):
        found = histogram_buckets(ask_histogram(store, name, scope("acme")), most)
        assert len(found) <= most
        assert sum(bucket.runs for bucket in found) == len(now)
        for bucket in found:
            assert bucket.runs == sum(bucket.from_ms <= number < bucket.to_ms for number in now), bucket
        assert all(one.to_ms == following.from_ms for one, following in itertools.pairwise(found))


def test_small_numbers_have_bars_of_their_own() -> None:
    assert histogram_buckets({0: 3, 1: 2}, 30) == [Bucket(0, 1, 3), Bucket(1, 2, 2)]

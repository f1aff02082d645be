"""The sum of a bucket's marks: the same before and after a merge, and another one after any mark."""

import pyarrow as pa
import pytest
from runtally_clickhouse.client import Store

BUCKET = 1_793_491_200
SUM = "SELECT sum(changes) AS changes FROM bucket_changes WHERE bucket = toDateTime({bucket:UInt32})"


def mark(store: Store, *changes: int, bucket: int = BUCKET) -> None:
    rows = {"bucket": pa.array([bucket] * len(changes), pa.uint32()), "changes": pa.array(changes, pa.uint64())}
    store.insert("bucket_changes", pa.table(rows))


def changes(store: Store, bucket: int = BUCKET) -> tuple[int, int]:
    """The sum as parts lie there, and merged on reading."""
    bound = {"bucket": bucket}
    return store.unmerged(SUM, bound)[0]["changes"], store.query(SUM, bound)[0]["changes"]


@pytest.mark.parametrize(
    "marks", [[7], [2**64 - 1], [2**64 - 1, 2], [2**63, 2**63], [2**63, 2**63, 5], [7, 7, 7], [2**64 - 1] * 3]
)
def test_the_sum_wraps_and_a_merge_keeps_it(store: Store, marks: list[int]) -> None:
    for one in marks:
        mark(store, one)
    expected = sum(marks) % 2**64
    assert changes(store) == (expected, expected)
    store.command("OPTIMIZE TABLE bucket_changes FINAL")
    assert changes(store) == (expected, expected)
    mark(store, 11)
    assert changes(store) == ((expected + 11) % 2**64,) * 2


def test_equal_marks_are_both_kept(store: Store) -> None:
    mark(store, 5)
    mark(store, 5)
    mark(store, 5, bucket=BUCKET + 900)
    assert changes(store) == (10, 10)
    assert changes(store, BUCKET + 900) == (5, 5)


def test_the_last_bucket_of_the_contract_is_its_own(store: Store) -> None:
    """2100-12-31T23:45:00Z, and the first of 2015."""
    for bucket in (4_133_980_800 - 900, 1_420_070_400):
        mark(store, 3, bucket=bucket)
        assert changes(store, bucket) == (3, 3)

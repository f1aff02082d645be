"""The ledger as one named operation: it runs in whichever process holds the store."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from runtally_clickhouse.catalogue import ledger_ranges
from runtally_clickhouse.client import Store
from runtally_consumer.intervals import Counted

from runtally_cli.verification.judgement import PartitionLedger


def ledger(store: Store, parameters: Mapping[str, Any]) -> list[list[Any]]:
    """A row for each range: stream, topic, partition, first, last, accepted, dead. Raises `StoreError`."""
    names = ("stream", "topic", "partition", "first", "last", "accepted_records", "dead_records")
    return [[row[name] for name in names] for row in ledger_ranges(store)]


def partitions_of(rows: Sequence[Sequence[Any]]) -> list[PartitionLedger]:
    """The ledger of each partition of each stream, out of what `ledger` gave."""
    ordered = sorted(tuple(row) for row in rows)
    return [
        PartitionLedger(stream, topic, number, tuple(Counted(*row[3:]) for row in ranges))
        for (stream, topic, number), ranges in groupby(ordered, key=lambda row: row[:3])
    ]

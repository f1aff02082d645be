"""Some records written again, or only compared, as one named operation: in whichever process holds the store."""

import asyncio
import base64
import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pyarrow as pa
from runtally_clickhouse.catalogue import dead_letter_values
from runtally_clickhouse.client import Store
from runtally_clickhouse.errors import StoreRefused
from runtally_clickhouse.stored_versions import Key, stored_versions
from runtally_consumer.bisection import NotBadData
from runtally_consumer.dead_letter_limits import NEVER_STOPPED
from runtally_consumer.dead_letters import DeadLetter
from runtally_consumer.decoding import DECODERS, coalesce
from runtally_consumer.records import Batch, Partition, Slice
from runtally_consumer.settings import ConsumerSettings
from runtally_consumer.signatures import ProducerKeys
from runtally_consumer.withdrawals_keeping import StoredWithdrawals
from runtally_consumer.withdrawing import withdraw
from runtally_consumer.writing import BatchWriter

PLACES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class GivenRecord:
    """A record out of the parameters."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes | None]] = ()


def replay_records(store: Store, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Write the records of one topic again; with `only_compare` tell what that would change.

    `added` and `superseded` are hashes of the keys that are new, or newer than what is stored. Raises `StoreError`,
    `ValueError` for parameters that cannot be.
    """
    topic = str(parameters["topic"])
    if topic not in DECODERS:
        raise ValueError(f"no topic of events: {topic}")
    slices = tuple(
        Slice(Partition(topic, int(one["partition"])), 1, tuple(_records(one))) for one in parameters["slices"]
    )
    batch = Batch(1, 1, topic, slices, 0)
    decoded = DECODERS[topic].decode([record.value for record in batch.records])
    keys = ConsumerSettings().read_producer_keys()
    if keys is not None:
        decoded = keys.check(decoded, batch.records)
    kept = withdraw(DECODERS[topic].table, decoded, StoredWithdrawals(store).current()).kept
    rows, _ = coalesce(kept.table, kept.rows)
    versions = _versions(rows)
    stored = stored_versions(store, DECODERS[topic].table, list(versions))
    dead = Counter(one.violations[0].field or "record" for one in decoded.rejected)
    if not parameters.get("only_compare"):
        dead = _write(store, str(parameters["stream"]), batch, keys)
    return {
        "added": [_hash(key) for key in versions if key not in stored],
        "superseded": [_hash(key) for key, version in versions.items() if version > stored.get(key, version)],
        "dead": dict(dead),
    }


def _write(store: Store, stream: str, batch: Batch, keys: ProducerKeys | None) -> Counter[str]:
    writer = BatchWriter(
        _MirrorOnce(store, stream),
        _NoTopic(),
        stream,
        lambda: datetime.now(UTC),
        time.monotonic,
        NEVER_STOPPED,
        withdrawn=StoredWithdrawals(store),
        producer_keys=keys,
    )
    try:
        return asyncio.run(writer.write(batch)).dead
    except NotBadData as error:
        raise StoreRefused(str(error), 0) from error


class _NoTopic:
    """Dead letters were published when they were consumed, or will be: once is enough."""

    async def publish(self, letters: Sequence[DeadLetter]) -> None:
        return None


class _MirrorOnce:
    """The store; a dead letter that it shows already keeps its time."""

    def __init__(self, store: Store, stream: str) -> None:
        self._store = store
        self._stream = stream

    def insert(self, table: str, rows: pa.Table) -> None:
        if table == "dead_letters":
            rows = self._unknown(rows)
        if rows.num_rows:
            self._store.insert(table, rows)

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        self._store.command(sql, parameters)

    def _unknown(self, rows: pa.Table) -> pa.Table:
        names = ("stream", "topic", "partition", "offset")
        places = list(zip(*(rows[name].to_pylist() for name in names), strict=True))
        known = {
            tuple(row[name] for name in names)
            for start in range(0, len(places), PLACES_AT_ONCE)
            for row in dead_letter_values(self._store, places[start : start + PLACES_AT_ONCE])
        }
        return rows.filter(pa.array([place not in known for place in places], pa.bool_()))


def _records(given: Mapping[str, Any]) -> Iterator[GivenRecord]:
    signed = given.get("headers") or [()] * len(given["offsets"])
    for offset, key, value, headers in zip(given["offsets"], given["keys"], given["values"], signed, strict=True):
        yield GivenRecord(
            int(offset), _bytes(key), _bytes(value), headers=[(str(name), _bytes(text)) for name, text in headers]
        )


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def _versions(rows: pa.Table) -> dict[Key, int]:
    key = "id" if "id" in rows.column_names else "run_id"
    columns = zip(rows["workspace_id"].to_pylist(), rows[key].to_pylist(), rows["version"].to_pylist(), strict=True)
    return {(workspace, UUID(bytes=id)): int.from_bytes(version, "little") for workspace, id, version in columns}


def _hash(key: Key) -> int:
    """Few enough bits for millions of keys in memory, enough to tell them apart."""
    workspace, id = key
    return int.from_bytes(hashlib.blake2b(workspace.encode() + id.bytes, digest_size=8).digest())

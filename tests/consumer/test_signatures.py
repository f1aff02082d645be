"""Signed records: who may write where, and what becomes of the others."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from backends.kafka_backend import KafkaBackend
from consumer.fakes import FakeDeadLetterTopic, FakeStore
from consumer.samples import ACTIVITY, NOT_JSON, P0, RUNS, StoredRecord, run_value
from runtally import KafkaTransport
from runtally import Record as Message
from runtally.connection import InvalidConnection, KafkaConnection
from runtally.kafka_producer import start_producer
from runtally.signing import KEY_HEADER, SIGNATURE_HEADER, signature
from runtally_consumer.records import Batch, Partition, Record, Slice
from runtally_consumer.signatures import InvalidKeys, ProducerKeys
from runtally_consumer.writing import BatchWriter, Written

SECRET, OTHER = "s" * 32, "o" * 40
Headers = Sequence[tuple[str, bytes | None]]


@pytest.fixture
def keys(tmp_path: Path) -> ProducerKeys:
    path = tmp_path / "keys.json"
    fleet = {"secret": SECRET, "workspaces": ["acme", "beta"]}
    path.write_text(json.dumps({"fleet": fleet, "door": {"secret": OTHER, "workspaces": ["*"]}}))
    return ProducerKeys.read(path)


def signed(value: bytes, key: str = "fleet", secret: str = SECRET, number: int = 0) -> StoredRecord:
    headers = ((KEY_HEADER, key.encode()), (SIGNATURE_HEADER, signature(secret, value).encode()))
    return StoredRecord(number, value, headers=headers)


def write(records: Sequence[StoredRecord], keys: ProducerKeys | None, topic: str = RUNS) -> tuple[Written, FakeStore]:
    store = FakeStore()
    now = datetime(2026, 11, 21, tzinfo=UTC)
    writer = BatchWriter(store, FakeDeadLetterTopic(), "cluster", lambda: now, lambda: 0.0, producer_keys=keys)
    numbered = tuple(replace(record, offset=at) for at, record in enumerate(records))
    batch = Batch(1, 1, topic, (Slice(Partition(topic, P0.number), 1, numbered),), 0)
    return asyncio.run(writer.write(batch)), store


def test_signed_records_are_rows_and_offenders_dead_letters_with_the_reason(keys: ProducerKeys) -> None:
    good, foreign = run_value(0), run_value(1, workspace_id="gamma")
    altered = replace(signed(run_value(2)), value=run_value(3))
    twice = signed(run_value(4))
    records = [
        signed(good),
        signed(foreign),
        altered,
        StoredRecord(0, run_value(5)),
        signed(run_value(6), key="nobody"),
        signed(run_value(7), secret=OTHER),
        replace(twice, headers=(*twice.headers, (KEY_HEADER, b"door"))),
        replace(twice, headers=((KEY_HEADER, b"fleet"), (SIGNATURE_HEADER, None))),
        signed(foreign, key="door", secret=OTHER),
        signed(NOT_JSON),
    ]
    written, store = write(records, keys)
    assert (written.accepted, written.dead.total()) == (2, 8)
    assert [row["workspace_id"] for row in store.tables["agent_runs"]] == ["acme", "gamma"]
    messages = {int(str(row["offset"])): str(row["message"]) for row in store.tables["dead_letters"]}
    assert sorted(messages) == [1, 2, 3, 4, 5, 6, 7, 9]
    assert "is not a workspace of the key 'fleet'" in messages[1]
    assert all("is not signed by a known key, or not with its secret" in messages[at] for at in (2, 4, 5))
    assert all("is not signed by exactly one" in messages[at] for at in (3, 6, 7))
    assert "signed" not in messages[9]
    assert not any(SECRET in str(row) or OTHER in str(row) for row in store.tables["dead_letters"])


def test_whatever_a_producer_sends_is_signed(
    kafka: KafkaBackend, unique: Callable[[str], str], keys: ProducerKeys
) -> None:
    """In batches, as the emitter does, and one by one, with another's signature on it."""
    topic = unique("runs")
    connection = KafkaConnection(bootstrap=kafka.bootstrap, signing_key="fleet", signing_secret=SECRET)
    values = [run_value(number) for number in range(20)]
    others = [("trace", b"t"), (KEY_HEADER, b"door"), (SIGNATURE_HEADER, b"0")]

    async def exchange() -> list[Record]:
        transport = KafkaTransport(connection)
        receipt = await transport.send([Message(topic, b"k", value) for value in values[:-1]])
        await transport.close()
        assert not receipt.undelivered
        producer = await start_producer(connection, "test")
        await producer.send_and_wait(topic, values[-1], key=b"k", headers=others)
        await producer.stop()
        async with AIOKafkaConsumer(
            topic, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
        ) as consumer:
            return [await asyncio.wait_for(consumer.getone(), 30) for _ in values]

    found = asyncio.run(exchange())
    assert [keys.offence(record, "acme") for record in found] == [None] * len(values)
    assert found[-1].headers[0] == ("trace", b"t")
    assert len(found[-1].headers) == 3


def test_without_a_file_of_keys_nobody_looks() -> None:
    written, _ = write([StoredRecord(0, run_value(0)), signed(run_value(1), secret=OTHER)], None)
    assert (written.accepted, written.dead.total()) == (2, 0)


def test_other_events_are_tied_to_workspaces_too(keys: ProducerKeys) -> None:
    values = [
        json.dumps(
            {"event_id": "e", "workspace_id": name, "user_id": "u", "event_name": "x", "at": "2026-08-01T00:00Z"}
        )
        for name in ("acme", "gamma")
    ]
    written, store = write([signed(value.encode()) for value in values], keys, ACTIVITY)
    assert (written.accepted, dict(written.dead)) == (1, {"workspace_id": 1})
    assert [row["workspace_id"] for row in store.tables["user_activity"]] == ["acme"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "the file: Invalid JSON"),
        ('{"a": {"secret": "short-but-secret", "workspaces": ["acme"]}}', "a.secret: String should have at least 32"),
        (f'{{"a": {{"secret": "{SECRET}", "workspaces": []}}}}', "a.workspaces: List should have at least 1"),
        (f'{{"a": {{"secret": "{SECRET}", "workspace": ["acme"]}}}}', "a.workspaces: Field required"),
    ],
)
def test_a_file_of_keys_that_cannot_be(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(InvalidKeys) as error:
        ProducerKeys.read(path)
    assert said in str(error.value)
    assert "short-but-secret" not in str(error.value)
    with pytest.raises(InvalidKeys, match="cannot be read"):
        ProducerKeys.read(tmp_path / "none")


def test_secrets_are_in_no_repr(keys: ProducerKeys) -> None:
    connection = KafkaConnection(signing_key="fleet", signing_secret=SECRET)
    assert SECRET not in repr(connection) + repr(keys)
    with pytest.raises(InvalidConnection, match="set both or none"):
        KafkaConnection(signing_key="fleet")
    with pytest.raises(InvalidConnection, match="32 characters"):
        KafkaConnection(signing_key="fleet", signing_secret="short")

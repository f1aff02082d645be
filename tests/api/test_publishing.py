"""Publishing over a real broker: acknowledged with its offsets, or refused as a whole."""

import asyncio
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaConsumer
from api.door import run
from backends.kafka_backend import KafkaBackend
from runtally.connection import KafkaConnection
from runtally.events import RunSnapshot
from runtally.streams import present_streams
from runtally_api.publishing import KafkaPublisher, NoPublisher, PublishFailed, Record
from runtally_consumer.topics import TopicLayout, create_topics

SECONDS = 20.0


async def _until_ready(publisher: KafkaPublisher) -> None:
    async with asyncio.timeout(SECONDS):
        while publisher.not_ready_reason():
            await asyncio.sleep(0.01)


def test_what_is_published_is_acknowledged_with_its_place(kafka: KafkaBackend, unique: Callable[[str], str]) -> None:
    connection = KafkaConnection(kafka.bootstrap)
    events = [RunSnapshot.model_validate(run(unique("run"))) for _ in range(20)]

    async def publish() -> None:
        await create_topics(connection, TopicLayout())
        publisher = KafkaPublisher(connection, SECONDS)
        await publisher.start()
        try:
            await _until_ready(publisher)
            first = await publisher.publish(events)
            again = await publisher.publish(events[:1])
        finally:
            await publisher.stop()
        assert first is not None
        assert again is not None
        assert (first.topic, first.stream) == (
            "agent-runs.v1",
            (await present_streams(connection, ["agent-runs.v1"])).of("agent-runs.v1"),
        )
        assert sum(len(set(offsets)) for offsets in first.offsets.values()) == len(events)
        (partition,), (later,) = again.offsets, again.offsets.values()
        assert later[0] > max(first.offsets[partition])

    asyncio.run(publish())


def test_records_go_back_as_they_were(kafka: KafkaBackend, unique: Callable[[str], str]) -> None:
    connection = KafkaConnection(kafka.bootstrap)
    mark = unique("record").encode()
    records = [Record("agent-runs.v1", None if number == 1 else b"k", mark + b"%d" % number) for number in range(3)]

    async def publish() -> set[tuple[bytes | None, bytes | None]]:
        await create_topics(connection, TopicLayout())
        publisher = KafkaPublisher(connection, SECONDS)
        await publisher.start()
        try:
            await _until_ready(publisher)
            await publisher.republish(records)
        finally:
            await publisher.stop()
        assert not publisher.signs
        found: set[tuple[bytes | None, bytes | None]] = set()
        async with AIOKafkaConsumer(
            "agent-runs.v1", **connection.client_options(), auto_offset_reset="earliest"
        ) as log:
            async with asyncio.timeout(SECONDS):
                while len(found) < len(records):
                    one = await log.getone()
                    if one.value and one.value.startswith(mark):
                        found.add((one.key, one.value))
        return found

    assert asyncio.run(publish()) == {(record.key, record.value) for record in records}


def test_a_process_that_only_answers_names_the_setting_and_publishes_nothing() -> None:
    publisher = NoPublisher()
    assert "RUNTALLY_API_ROUTES=read" in str(publisher.closed_because())
    with pytest.raises(PublishFailed, match="RUNTALLY_API_ROUTES"):
        asyncio.run(publisher.republish([Record("agent-runs.v1", b"k", b"{}")]))
    assert KafkaPublisher(KafkaConnection("127.0.0.1:1"), 0.1).closed_because() is None


def test_without_a_broker_nothing_is_accepted() -> None:
    async def publish() -> None:
        publisher = KafkaPublisher(KafkaConnection("127.0.0.1:1"), 0.1)
        await publisher.start()
        assert "127.0.0.1:1" in str(publisher.not_ready_reason())
        with pytest.raises(PublishFailed, match="no Kafka broker answers"):
            await publisher.publish([RunSnapshot.model_validate(run())])
        await publisher.stop()

    asyncio.run(publish())

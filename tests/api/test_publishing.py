"""Publishing over a real broker: acknowledged with its offsets, or refused as a whole."""

import asyncio
from collections.abc import Callable

import pytest
from api.door import run
from backends.kafka_backend import KafkaBackend
from runtally.connection import KafkaConnection
from runtally.events import RunSnapshot
from runtally.streams import present_streams
from runtally_api.publishing import KafkaPublisher, PublishFailed
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


def test_without_a_broker_nothing_is_accepted() -> None:
    async def publish() -> None:
        publisher = KafkaPublisher(KafkaConnection("127.0.0.1:1"), 0.1)
        await publisher.start()
        assert "127.0.0.1:1" in str(publisher.not_ready_reason())
        with pytest.raises(PublishFailed, match="no Kafka broker answers"):
            await publisher.publish([RunSnapshot.model_validate(run())])
        await publisher.stop()

    asyncio.run(publish())

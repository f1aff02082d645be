"""What `verify` asks of the broker: the group's offsets, which offsets there are, and which of them hold records."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from runtally.connection import KafkaConnection
from runtally.streams import Streams, present_streams
from runtally_consumer.intervals import Interval
from runtally_consumer.log_reading import records_in
from runtally_consumer.records import Partition
from runtally_consumer.topics import EVENT_TOPICS

REACH_SECONDS: Final = 10.0


class Broker:
    """The present streams. Made by `open_broker`."""

    def __init__(self, consumer: Any, streams: Streams, partitions: Sequence[Partition]) -> None:
        self._consumer = consumer
        self.streams = streams
        self.partitions = partitions

    async def committed(self) -> dict[Partition, int | None]:
        """What the group has committed, of each partition. Raises `KafkaError`."""
        return {one: await self._consumer.committed(TopicPartition(*one)) for one in self.partitions}

    async def bounds(self) -> dict[Partition, tuple[int, int]]:
        """The first offset that there is, and the one after the last. Raises `KafkaError`."""
        wanted = [TopicPartition(*one) for one in self.partitions]
        begins = await self._consumer.beginning_offsets(wanted)
        ends = await self._consumer.end_offsets(wanted)
        return {one: (begins[TopicPartition(*one)], ends[TopicPartition(*one)]) for one in self.partitions}

    async def records_in(self, partition: Partition, offsets: Interval) -> list[Interval] | None:
        """Which of the offsets hold records; None when the broker stops giving them. Raises `KafkaError`."""
        return await records_in(self._consumer, partition, offsets)


@asynccontextmanager
async def open_broker(connection: KafkaConnection, group: str) -> AsyncIterator[Broker]:
    """Ask without joining the group. Raises `KafkaError`, `OSError` or `TimeoutError` when no broker answers."""
    try:
        async with asyncio.timeout(REACH_SECONDS):
            streams, partitions = await _present(connection)
    except TimeoutError as error:
        raise TimeoutError(f"Kafka at {connection.bootstrap} does not answer") from error
    consumer = AIOKafkaConsumer(
        **connection.client_options(),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
    )
    try:
        async with asyncio.timeout(REACH_SECONDS):
            await consumer.start()
        yield Broker(consumer, streams, partitions)
    finally:
        await consumer.stop()


async def _present(connection: KafkaConnection) -> tuple[Streams, list[Partition]]:
    """The streams, and the partitions of the events' topics."""
    admin = AIOKafkaAdminClient(**connection.client_options())
    try:
        await admin.start()
        described = await admin.describe_topics()
    finally:
        await admin.close()
    partitions = [
        Partition(one["topic"], part["partition"])
        for one in described
        if one["topic"] in EVENT_TOPICS
        for part in one["partitions"]
    ]
    return await present_streams(connection, EVENT_TOPICS), sorted(partitions)

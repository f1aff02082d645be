"""Snapshots into Kafka: a bounded number in flight, and where the last one of each partition came to lie."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from runtally.connection import KafkaConnection
from runtally.events import RunSnapshot
from runtally.kafka_producer import start_producer
from runtally_consumer.topics import missing_topics

from runtally_cli.importing.rows import UnreadableFile

_IN_FLIGHT = 2_000
_YIELD_EVERY = 100


class NotPublishable(RuntimeError):
    """Nothing can be published. `str()` says why and what to do."""


class Producer(Protocol):
    """The part of a started `AIOKafkaProducer` that is used here."""

    async def send(self, topic: str, value: bytes, key: bytes) -> "asyncio.Future[Any]": ...


@dataclass(slots=True)
class Published:
    """What the brokers have acknowledged: how many, and per partition the offset after the last one.

    None stands where a broker did not say where a record lies (a repeated send that it already had).
    """

    runs: int = 0
    next_offsets: dict[int, int | None] = field(default_factory=dict)

    def add(self, partition: int, offset: int) -> None:
        self.runs += 1
        known = self.next_offsets.get(partition, 0)
        self.next_offsets[partition] = None if known is None or offset < 0 else max(known, offset + 1)


async def open_producer(connection: KafkaConnection) -> AIOKafkaProducer:
    """A started producer on a broker that has the topic. Raises `NotPublishable`."""
    try:
        missing = await missing_topics(connection, [RunSnapshot.topic])
        if missing:
            raise NotPublishable(f"the broker has no topic {missing[0]}: make it with `runtally migrate`")
        return await start_producer(connection, "runtally-import", linger_ms=20, max_batch_size=256 * 1024)
    except (KafkaError, OSError) as error:
        raise NotPublishable(
            f"no Kafka broker answers at {connection.bootstrap} ({type(error).__name__}): "
            "start `runtally up`, or set RUNTALLY_KAFKA_BOOTSTRAP"
        ) from error


async def publish(
    snapshots: Iterable[RunSnapshot], producer: Producer, published: Published, progress: Callable[[], None]
) -> None:
    """Publish all and wait for their acknowledgement, counted in `published` as they come.

    Raises `KafkaError`, and what the snapshots raise. What was acknowledged stays published; publishing all
    again is safe.
    """
    in_flight: deque[asyncio.Future[Any]] = deque()
    try:
        for number, snapshot in enumerate(snapshots):
            value, key = snapshot.message_value(), snapshot.message_key.encode("utf-8")
            future = await producer.send(snapshot.topic, value=value, key=key)
            future.add_done_callback(_seen)
            in_flight.append(future)
            if len(in_flight) >= _IN_FLIGHT:
                await _settle(in_flight, published, _IN_FLIGHT // 2)
            if number % _YIELD_EVERY == 0:
                progress()
                await asyncio.sleep(0)  # mapping never waits, so the producer's own task would starve
    except UnreadableFile:
        await _settle(in_flight, published, 0)
        raise
    await _settle(in_flight, published, 0)
    progress()


async def _settle(in_flight: "deque[asyncio.Future[Any]]", published: Published, left: int) -> None:
    while len(in_flight) > left:
        record = await in_flight.popleft()
        published.add(record.partition, record.offset)


def _seen(future: "asyncio.Future[Any]") -> None:
    """After the first error the others of the same outage are not worth a log line each."""
    if not future.cancelled():
        future.exception()

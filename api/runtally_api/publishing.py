"""Publishing events to Kafka for those who post them: acknowledged by the broker, or refused as a whole."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from runtally.connection import KafkaConnection
from runtally.events import Event
from runtally.kafka_producer import start_producer

RECONNECT_SECONDS = 1.0
log = structlog.get_logger(__name__)


class PublishFailed(Exception):
    """Not every event was acknowledged in time. Some may be in the topic; sending all again is safe."""


@dataclass(frozen=True, slots=True)
class Published:
    """Where the events of one topic came to lie, by partition. `stream` is the cluster's id, as in the ledger."""

    stream: str
    topic: str
    offsets: Mapping[int, Sequence[int]]


class Publisher(Protocol):
    """Publishes events of one topic, at least one.

    `publish` returns once the brokers have acknowledged all of them, which does not promise that they can be
    queried yet. None when the brokers did not say where they lie. Raises `PublishFailed`.
    """

    async def publish(self, events: Sequence[Event]) -> Published | None: ...

    def not_ready_reason(self) -> str | None: ...


class KafkaPublisher:
    """A producer that connects in the background, so that the API answers questions while the broker is away."""

    def __init__(self, connection: KafkaConnection, timeout_seconds: float) -> None:
        self._connection = connection
        self._timeout_seconds = timeout_seconds
        self._producer: AIOKafkaProducer | None = None
        self._stream = ""
        self._connecting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to connect; returns at once."""
        self._connecting = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        warned = False
        while self._producer is None:
            try:
                self._stream = await _cluster_id(self._connection)
                self._producer = await start_producer(self._connection, "runtally-api", linger_ms=2)
            except (KafkaError, OSError) as error:
                if not warned:
                    log.warning("no broker answers, trying on", brokers=self._connection.bootstrap, reason=str(error))
                warned = True
                await asyncio.sleep(RECONNECT_SECONDS)

    def not_ready_reason(self) -> str | None:
        return None if self._producer else f"no Kafka broker answers at {self._connection.bootstrap}"

    async def publish(self, events: Sequence[Event]) -> Published | None:
        if self._producer is None:
            raise PublishFailed(self.not_ready_reason())
        try:
            async with asyncio.timeout(self._timeout_seconds):
                sent = [
                    await self._producer.send(
                        event.topic, value=event.message_value(), key=event.message_key.encode("utf-8")
                    )
                    for event in events
                ]
                acknowledged = await asyncio.gather(*sent)
        except (KafkaError, OSError, TimeoutError) as error:
            raise PublishFailed(f"{type(error).__name__}: {error}") from error
        offsets: dict[int, list[int]] = {}
        for record in acknowledged:
            if record is None or record.offset < 0:  # a repeated send that the broker already had
                return None
            offsets.setdefault(record.partition, []).append(record.offset)
        return Published(self._stream, events[0].topic, offsets)

    async def stop(self) -> None:
        """Send what is buffered and disconnect."""
        if self._connecting is not None:
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._connecting
        if self._producer is not None:
            await self._producer.stop()


async def _cluster_id(connection: KafkaConnection) -> str:
    """The cluster's own id, by which the consumer's ledger tells offsets apart."""
    admin = AIOKafkaAdminClient(**connection.client_options())
    await admin.start()
    try:
        found = (await admin.describe_cluster()).get("cluster_id")
    finally:
        await admin.close()
    return str(found or "unknown")

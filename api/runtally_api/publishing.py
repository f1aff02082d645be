"""Publishing events to Kafka for those who post them: acknowledged by the broker, or refused as a whole."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from runtally.connection import KafkaConnection
from runtally.events import EVENTS, Event
from runtally.kafka_producer import start_producer
from runtally.streams import Streams, ask_streams

RECONNECT_SECONDS = 1.0
# A topic that was made anew is another stream; asking who it is costs a round trip.
STREAMS_SECONDS = 5.0
_TOPICS = tuple(event.topic for event in EVENTS)
log = structlog.get_logger(__name__)


class PublishFailed(Exception):
    """Not every event was acknowledged in time. Some may be in the topic; sending all again is safe."""


@dataclass(frozen=True, slots=True)
class Published:
    """Where the events of one topic came to lie, by partition. `stream` is that of the ledger."""

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


class NoPublisher:
    """Of a process that takes nothing in: it needs no broker."""

    async def start(self) -> None:
        """There is nothing to connect to."""

    async def publish(self, events: Sequence[Event]) -> Published | None:
        raise PublishFailed("this process only answers questions")

    def not_ready_reason(self) -> str | None:
        return None

    async def stop(self) -> None:
        """There is nothing to send."""


class KafkaPublisher:
    """A producer that connects in the background, so that the API answers questions while the broker is away."""

    def __init__(self, connection: KafkaConnection, timeout_seconds: float) -> None:
        self._connection = connection
        self._timeout_seconds = timeout_seconds
        self._producer: AIOKafkaProducer | None = None
        self._streams: Streams | None = None
        self._streams_asked = 0.0
        self._connecting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to connect; returns at once."""
        self._connecting = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        warned = False
        while self._producer is None:
            try:
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
                streams = await self._present_streams(self._producer.client)
        except (KafkaError, OSError, TimeoutError) as error:
            raise PublishFailed(f"{type(error).__name__}: {error}") from error
        offsets: dict[int, list[int]] = {}
        for record in acknowledged:
            if record is None or record.offset < 0:  # a repeated send that the broker already had
                return None
            offsets.setdefault(record.partition, []).append(record.offset)
        return Published(streams.of(events[0].topic), events[0].topic, offsets)

    async def _present_streams(self, client: Any) -> Streams:
        now = asyncio.get_running_loop().time()
        if self._streams is None or now - self._streams_asked >= STREAMS_SECONDS:
            self._streams = await ask_streams(client, _TOPICS)
            self._streams_asked = now
        return self._streams

    async def stop(self) -> None:
        """Send what is buffered and disconnect."""
        if self._connecting is not None:
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._connecting
        if self._producer is not None:
            await self._producer.stop()

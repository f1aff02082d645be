"""Publishing events to Kafka for those who post them: acknowledged by the broker, or refused as a whole."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
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
ONLY_ANSWERS = "this process only answers questions and knows no broker (RUNTALLY_API_ROUTES=read)"
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


@dataclass(frozen=True, slots=True)
class Record:
    """A record as its sender made it. Key or value is there."""

    topic: str
    key: bytes | None
    value: bytes | None


class Publisher(Protocol):
    """Publishes events of one topic, at least one, and records of any topic as they are.

    `signs` says whether what is published bears this process's signature; `closed_because` why nothing ever is, None
    where something is. `publish` and `republish` return once the brokers have acknowledged all of them, which does not
    promise that they can be queried yet. None when the brokers did not say where they lie. Raise `PublishFailed`.
    """

    @property
    def signs(self) -> bool: ...

    async def publish(self, events: Sequence[Event]) -> Published | None: ...

    async def republish(self, records: Sequence[Record]) -> None: ...

    def closed_because(self) -> str | None: ...

    def not_ready_reason(self) -> str | None: ...


class NoPublisher:
    """Of a process that takes nothing in: it needs no broker."""

    signs = False

    async def start(self) -> None:
        """There is nothing to connect to."""

    async def publish(self, events: Sequence[Event]) -> Published | None:
        raise PublishFailed(ONLY_ANSWERS)

    async def republish(self, records: Sequence[Record]) -> None:
        raise PublishFailed(ONLY_ANSWERS)

    def closed_because(self) -> str | None:
        return ONLY_ANSWERS

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

    @property
    def signs(self) -> bool:
        return bool(self._connection.signing_key)

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

    def closed_because(self) -> str | None:
        return None

    async def publish(self, events: Sequence[Event]) -> Published | None:
        records = [Record(event.topic, event.message_key.encode("utf-8"), event.message_value()) for event in events]
        async with self._in_time() as producer:
            acknowledged = await _acknowledged(producer, records)
            streams = await self._present_streams(producer.client)
        offsets: dict[int, list[int]] = {}
        for record in acknowledged:
            if record is None or record.offset < 0:  # a repeated send that the broker already had
                return None
            offsets.setdefault(record.partition, []).append(record.offset)
        return Published(streams.of(events[0].topic), events[0].topic, offsets)

    async def republish(self, records: Sequence[Record]) -> None:
        async with self._in_time() as producer:
            await _acknowledged(producer, records)

    @contextlib.asynccontextmanager
    async def _in_time(self) -> AsyncIterator[AIOKafkaProducer]:
        if self._producer is None:
            raise PublishFailed(self.not_ready_reason())
        try:
            async with asyncio.timeout(self._timeout_seconds):
                yield self._producer
        except (KafkaError, OSError, TimeoutError) as error:
            raise PublishFailed(f"{type(error).__name__}: {error}") from error

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


async def _acknowledged(producer: AIOKafkaProducer, records: Sequence[Record]) -> list[Any]:
    """What the brokers say of each, once they have all of them."""
    sent = [await producer.send(record.topic, value=record.value, key=record.key) for record in records]
    return list(await asyncio.gather(*sent))

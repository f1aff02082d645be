"""Delivery to Kafka: idempotent where the broker knows how, acknowledged by all replicas, in lz4."""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    CorruptRecordException,
    InvalidMessageError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.partitioner import DefaultPartitioner

from runtally.connection import KafkaConnection
from runtally.kafka_producer import start_producer
from runtally.transport import THREAD_NAME, Receipt, Record, Refusal, TransportUnavailable

LOGGER = logging.getLogger("runtally.kafka")
BATCH_BYTES = 512 * 1024
# What a broker says about the records themselves: sending them again changes nothing.
_REFUSALS = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidMessageError, CorruptRecordException)
# About one topic: the connection is good, and the other topics need it.
_TOPIC_TROUBLES = (TopicAuthorizationFailedError, UnknownTopicOrPartitionError)
_PARTITIONER = DefaultPartitioner()
_AIOKAFKA_LOGGERS = (
    "aiokafka",
    "aiokafka.client",
    "aiokafka.conn",
    "aiokafka.cluster",
    "aiokafka.producer.sender",
)


class KafkaTransport:
    """One aiokafka producer, connected at the first `send` and again after what it cannot recover from."""

    def __init__(self, connection: KafkaConnection, *, timeout_seconds: float = 10.0) -> None:
        self._connection = connection
        self._timeout = timeout_seconds
        self._producer: AIOKafkaProducer | None = None
        self._connecting: asyncio.Lock | None = None
        # Those that worked at the last send.
        self._connections: list[Any] = []
        self._sending: set[asyncio.Task[_Outcome]] = set()
        self._disowned: list[object] = []

    async def send(self, records: Sequence[Record]) -> Receipt:
        _quieten_aiokafka()
        try:
            producer = await self._connected()
            return await self._send(producer, records)
        except UnknownTopicOrPartitionError as error:
            topics = ", ".join(sorted({record.topic for record in records}))
            raise TransportUnavailable(f"no topic {topics}: `runtally migrate` creates it") from error
        except (KafkaError, OSError, TimeoutError) as error:
            raise TransportUnavailable(_reason(error)) from error

    async def close(self) -> None:
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await _discard(producer)

    def after_fork(self) -> None:
        if self._producer is not None:
            # Never collected in the child, and marked as closed: its finalizer must not touch the parent's.
            self._producer._closed = True
            self._disowned.append((self._producer, self._sending, self._connections))
        self._producer = self._connecting = None
        self._sending = set()
        self._connections = []

    async def _connected(self) -> AIOKafkaProducer:
        if self._connecting is None:
            self._connecting = asyncio.Lock()
        async with self._connecting:
            if self._producer is not None and not all(known.connected() for known in self._connections):
                # The broker that comes back may have forgotten its topics (the local one does), and take
                # records for them without keeping any: ask it before the next record goes.
                await self._reset(self._producer)
            if self._producer is None:
                self._connections = []
                self._producer = await self._start()
            return self._producer

    async def _start(self, **options: Any) -> AIOKafkaProducer:
        # Where the broker knows no idempotence, order is kept all the same: aiokafka has one request a
        # partition under way at a time.
        async with asyncio.timeout(2 * self._timeout):
            return await start_producer(
                self._connection,
                "runtally-emitter",
                max_batch_size=BATCH_BYTES,
                request_timeout_ms=int(self._timeout * 1000),
                metadata_max_age_ms=60_000,
                **options,
            )

    async def _send(self, producer: AIOKafkaProducer, records: Sequence[Record]) -> Receipt:
        outcomes = await self._send_partitions(producer, await self._batches(producer, records))
        failed = [outcome for outcome in outcomes if outcome.trouble is not None]
        if not failed:
            still_ours = self._producer is producer
            if still_ours:
                self._connections = list(producer.client._conns.values())
            return Receipt()
        if not all(isinstance(outcome.trouble, _TOPIC_TROUBLES) for outcome in failed):
            await self._reset(producer)
        suspects: list[Record] = []
        undelivered: list[Record] = []
        for outcome in failed:
            (suspects if isinstance(outcome.trouble, _REFUSALS) else undelivered).extend(outcome.left)
        refused = await self._send_alone(suspects, undelivered) if suspects else []
        return Receipt(refused, undelivered, _reason(failed[0].trouble))

    async def _send_partitions(
        self, producer: AIOKafkaProducer, batches: list[tuple[str, int, list[Record]]]
    ) -> list["_Outcome"]:
        """All partitions at once; what has no answer in time counts as undelivered."""
        tasks = {asyncio.create_task(_send_partition(producer, *batch)): batch for batch in batches}
        self._sending |= tasks.keys()
        try:
            await asyncio.wait(tasks, timeout=3 * self._timeout)
        finally:
            self._sending -= tasks.keys()
            for task in tasks:
                task.cancel()
        return [
            task.result() if task.done() and not task.cancelled() else _Outcome(held, TimeoutError("no answer"))
            for task, (_, _, held) in tasks.items()
        ]

    async def _send_alone(self, suspects: Sequence[Record], undelivered: list[Record]) -> list[Refusal]:
        """Send each alone, to find the one that the broker refuses; what fails otherwise joins `undelivered`.

        By a producer without idempotence: a refused batch leaves a gap in the sequence of one with it, after
        which the broker takes nothing more.
        """
        refused: list[Refusal] = []
        producer = await self._start(enable_idempotence=False)
        try:
            for topic, partition, held in await self._batches(producer, suspects):
                for record in held:
                    outcome = await _send_partition(producer, topic, partition, [record])
                    if isinstance(outcome.trouble, _REFUSALS):
                        refused.append(Refusal(record, _reason(outcome.trouble)))
                    elif outcome.trouble is not None:
                        undelivered.append(record)
        finally:
            await _discard(producer)
        return refused

    async def _batches(
        self, producer: AIOKafkaProducer, records: Sequence[Record]
    ) -> list[tuple[str, int, list[Record]]]:
        """The records by topic and partition: equal keys meet in one, in their order."""
        batches: dict[tuple[str, int], list[Record]] = defaultdict(list)
        partitions: dict[str, list[int]] = {}
        for record in records:
            if record.topic not in partitions:
                partitions[record.topic] = sorted(await producer.partitions_for(record.topic))
            choices = partitions[record.topic]
            batches[record.topic, _PARTITIONER(record.key, choices, choices)].append(record)
        return [(topic, partition, held) for (topic, partition), held in batches.items()]

    async def _reset(self, producer: AIOKafkaProducer) -> None:
        """Start over with a new connection, as the addresses or the producer's state may be out of date."""
        if self._producer is producer:
            self._producer = None
            for task in self._sending:
                task.cancel()
            await _discard(producer)


@dataclass
class _Outcome:
    """What was not acknowledged, and why."""

    left: list[Record]
    trouble: BaseException | None = None


async def _send_partition(
    producer: AIOKafkaProducer, topic: str, partition: int, records: Sequence[Record]
) -> _Outcome:
    """Send in order, one batch after the other; the first that fails keeps the rest back."""
    left = list(records)
    while left:
        batch = producer.create_batch()
        count = 0
        for record in left:
            if batch.append(timestamp=None, key=record.key, value=record.value) is None:
                break
            count += 1
        try:
            await (await producer.send_batch(batch, topic, partition=partition))
        except (KafkaError, OSError, TimeoutError) as error:
            return _Outcome(left, error)
        del left[:count]
    return _Outcome([])


async def _discard(producer: AIOKafkaProducer) -> None:
    """Stop a producer that may hold unsent batches and no broker: its own `stop` would wait for ever."""
    stopping = asyncio.ensure_future(producer.stop())
    await asyncio.wait({stopping}, timeout=0.2)
    if not stopping.done():
        tasks = _tasks_of_aiokafka()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=1.0)
    if stopping.done() and not stopping.cancelled() and (error := stopping.exception()):
        LOGGER.debug("a producer did not stop well: %s", error)
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(1.0):
            await producer.client.close()


def _tasks_of_aiokafka() -> set[asyncio.Task[Any]]:
    """aiokafka keeps no list of its tasks. As the loop is the emitter's own, all there are this producer's."""
    return {
        task
        for task in asyncio.all_tasks()
        if "aiokafka" in getattr(getattr(task.get_coro(), "cr_code", None), "co_filename", "")
    }


def _reason(error: BaseException | None) -> str:
    text, kind = str(error), type(error).__name__
    return text if text.startswith(kind) else f"{kind}: {text}".rstrip(": ")


class _OnlyDebug(logging.Filter):
    """Turns what aiokafka says in an emitter's thread into debug lines: it reports each attempt as an error.

    The emitter itself says once that the broker is away, and once that it is back.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.threadName != THREAD_NAME:
            return True
        LOGGER.debug("aiokafka: %s", record.getMessage())
        return False


_ONLY_DEBUG = _OnlyDebug()


def _quieten_aiokafka() -> None:
    for name in _AIOKAFKA_LOGGERS:
        logging.getLogger(name).addFilter(_ONLY_DEBUG)  # twice is once

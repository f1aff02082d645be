"""Publishing records to Kafka: as fast as the broker takes them, or at the moment when each is due."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from zlib import crc32

from runtally_cli.simulation.record import Record
from runtally_cli.simulation.seasons import to_us

# What a producer for bulk needs. Whether it may be idempotent depends on the broker, so the caller says.
PRODUCER_OPTIONS: dict[str, Any] = {
    "acks": "all",
    "compression_type": "lz4",
    "max_batch_size": 256 * 1024,
}
_IN_FLIGHT_BATCHES = 32
_YIELD_EVERY = 500
_REPORT_EVERY_S = 0.5
_TICK_S = 0.2
_FLUSH_EVERY_S = 2.0

Progress = Callable[["Published"], None]
Sleep = Callable[[float], Awaitable[object]]


class Batch(Protocol):
    """The part of aiokafka's `BatchBuilder` that is used here; `append` returns None when it is full."""

    def append(
        self, *, timestamp: int | None, key: bytes | None, value: bytes | None, headers: Sequence[Any] = ...
    ) -> object: ...


class BatchProducer(Protocol):
    """The part of `AIOKafkaProducer` that is used here: a started one without serializers."""

    async def partitions_for(self, topic: str) -> set[int]: ...

    def create_batch(self) -> Any: ...

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> "asyncio.Future[Any]": ...


@dataclass(frozen=True, slots=True)
class Published:
    """How far it is: records that the broker has acknowledged."""

    records: int
    seconds: float
    event_time: datetime | None = None  # of the newest record handed over

    @property
    def per_second(self) -> float:
        return self.records / self.seconds if self.seconds > 0 else 0.0


class RecordPublisher:
    """Fills one batch per partition and sends each when it is full; few are in flight at a time.

    aiokafka's `send` costs more than drawing a run; filling batches here makes the broker the limit.
    A failed batch raises its error from the next call of `add` or `flush`.
    """

    def __init__(
        self,
        producer: BatchProducer,
        progress: Progress | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._producer, self._progress, self._clock = producer, progress, clock
        self._partitions: dict[str, list[int]] = {}
        self._open: dict[tuple[str, int], tuple[Batch, int]] = {}
        self._in_flight: dict[asyncio.Future[Any], int] = {}
        self._started = self._reported = clock()
        self._last: Record | None = None
        self.acknowledged = 0

    async def add(self, record: Record) -> None:
        """Hands one record over. Waits while too many batches are unacknowledged."""
        place = record.topic, await self._partition(record)
        batch, size = self._open.get(place) or (self._producer.create_batch(), 0)
        if batch.append(timestamp=None, key=record.key, value=record.value) is None:
            await self._send(place)
            batch, size = self._producer.create_batch(), 0
            if batch.append(timestamp=None, key=record.key, value=record.value) is None:
                raise ValueError(f"a record of {len(record.value)} bytes does not fit into an empty batch")
        self._open[place] = batch, size + 1
        self._last = record

    async def flush(self) -> int:
        """Sends what is open and waits until all is acknowledged; returns how many records are by now."""
        for place in list(self._open):
            await self._send(place)
        while self._in_flight:
            await self._settle()
        self._report()
        return self.acknowledged

    async def _partition(self, record: Record) -> int:
        partitions = self._partitions.get(record.topic)
        if partitions is None:
            partitions = self._partitions[record.topic] = sorted(await self._producer.partitions_for(record.topic))
        return partitions[crc32(record.key) % len(partitions)]

    async def _send(self, place: tuple[str, int]) -> None:
        batch, size = self._open.pop(place)
        topic, partition = place
        future = await self._producer.send_batch(batch, topic, partition=partition)
        future.add_done_callback(_seen)
        self._in_flight[future] = size
        while len(self._in_flight) >= _IN_FLIGHT_BATCHES:
            await self._settle()
        if self._clock() - self._reported >= _REPORT_EVERY_S:
            self._collect([future for future in self._in_flight if future.done()])
            self._report()

    async def _settle(self) -> None:
        done, _ = await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)
        self._collect(done)

    def _collect(self, done: Iterable["asyncio.Future[Any]"]) -> None:
        for future in done:
            size = self._in_flight.pop(future)
            future.result()
            self.acknowledged += size

    def _report(self) -> None:
        self._reported = self._clock()
        if self._progress is not None:
            newest = self._last.event_time if self._last else None
            self._progress(Published(self.acknowledged, self._reported - self._started, newest))


def _seen(future: "asyncio.Future[Any]") -> None:
    """After the first error the others of the same outage are not worth a log line each."""
    if not future.cancelled():
        future.exception()


async def publish(
    records: Iterable[Record],
    producer: BatchProducer,
    *,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Publishes all records and waits for their acknowledgement; returns their number.

    Raises the broker's error when a batch is refused; what was acknowledged before stays published.
    """
    publisher = RecordPublisher(producer, progress, clock)
    for number, record in enumerate(records):
        await publisher.add(record)
        if number % _YIELD_EVERY == 0:
            await asyncio.sleep(0)  # drawing never waits, so the producer's own task would starve
    return await publisher.flush()


async def run_live(
    records: Iterable[Record],
    producer: BatchProducer,
    *,
    now: Callable[[], datetime],
    sleep: Sleep = asyncio.sleep,
    progress: Progress | None = None,
    caught_up: Callable[[int], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Publishes each record when its time has come, until the records end or the task is cancelled.

    What lies in the past goes out at once; then `caught_up` gets the number of records acknowledged.
    A late record (see `noise`) is due when its place in the order is.
    """
    publisher = RecordPublisher(producer, progress, clock)
    due_us, flushed = 0, clock()
    for number, record in enumerate(records):
        due_us = max(due_us, record.event_us)
        missing_s = _missing_s(due_us, now)
        if missing_s > 0 or clock() - flushed >= _FLUSH_EVERY_S:
            await publisher.flush()
            flushed = clock()
        if missing_s > 0 and caught_up is not None:
            caught_up(publisher.acknowledged)
            caught_up = None
        while missing_s > 0:
            await sleep(max(missing_s, _TICK_S))
            missing_s = _missing_s(due_us, now)
        await publisher.add(record)
        if number % _YIELD_EVERY == 0:
            await asyncio.sleep(0)
    return await publisher.flush()


def _missing_s(due_us: int, now: Callable[[], datetime]) -> float:
    return (due_us - to_us(now())) / 1_000_000

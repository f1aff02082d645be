"""Telling where partitions are stopped, and finding out who has asked for them to go on.

Both through the store: whoever asks need not know which process owns the partition, nor where it listens.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog
from runtally_clickhouse.client import Reader, Writer
from runtally_clickhouse.errors import StoreError
from runtally_clickhouse.partition_stops import PartitionStop, last_requests, tell_stops

from runtally_consumer.records import Partition

LOOK_EVERY_SECONDS = 2.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stop:
    """A partition that stands still before `offset`. Resumed, its records are judged from `judged_from` on."""

    partition: Partition
    offset: int
    judged_from: int
    reason: str


class StopRegister(Protocol):
    """Where stops are told and requests to go on are left. Its calls block, and raise `StoreError`."""

    def tell(self, stops: Sequence[Stop]) -> None:
        """Told again, a stop is the same stop."""
        ...

    def requests(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """Below which offset records of these partitions were asked to pass; only those of whom anyone did."""
        ...


class ReaderWriter(Reader, Writer, Protocol):
    """A store to ask and to write to."""


class StoreStopRegister:
    """`StopRegister` in two tables of the store."""

    def __init__(
        self, store: ReaderWriter, stream_of: Callable[[str], str], wall_clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._stream_of = stream_of
        self._wall_clock = wall_clock

    def tell(self, stops: Sequence[Stop]) -> None:
        told = [
            PartitionStop(self._stream_of(topic), topic, number, stop.offset, stop.judged_from, stop.reason)
            for stop in stops
            for topic, number in [stop.partition]
        ]
        tell_stops(self._store, told, self._wall_clock())

    def requests(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        streams = {self._stream_of(topic) for topic, _ in partitions}
        return {
            Partition(one.topic, one.partition): one.judged_from
            for one in last_requests(self._store, streams)
            if (one.topic, one.partition) in partitions and one.stream == self._stream_of(one.topic)
        }


class ResumeWatch:
    """Looks for requests every few seconds, beside all else, and only while something is stopped."""

    def __init__(self, register: StopRegister | None) -> None:
        self._register = register
        self._stops: dict[Partition, Stop] = {}
        self._untold: list[Stop] = []
        self._found: dict[Partition, int] = {}
        self._next_look = 0.0
        self._looking: asyncio.Task[None] | None = None

    def stopped(self, stop: Stop) -> None:
        """A partition stands still from now on."""
        self._stops[stop.partition] = stop
        self._untold.append(stop)
        self._found.pop(stop.partition, None)
        self._next_look = 0.0

    def stop_of(self, partition: Partition) -> Stop | None:
        """Where the partition was stopped the last time."""
        return self._stops.get(partition)

    def take_requested(self, stopped: Collection[Partition], now: float) -> dict[Partition, int]:
        """Who of the stopped may go on, and below which offset their records pass. Call it every moment."""
        due = now >= self._next_look and (self._looking is None or self._looking.done())
        if self._register is not None and due and (stopped or self._untold):
            self._next_look = now + LOOK_EVERY_SECONDS
            self._looking = asyncio.create_task(self._look(self._register, frozenset(stopped)))
        found, self._found = self._found, {}
        return {
            partition: judged_from
            for partition, judged_from in found.items()
            if partition in stopped and partition in self._stops and judged_from > self._stops[partition].offset
        }

    async def leave(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self, register: StopRegister, stopped: Collection[Partition]) -> None:
        told = list(self._untold)
        try:
            if told:
                await asyncio.to_thread(register.tell, told)
                self._untold = self._untold[len(told) :]
            if stopped:
                self._found = dict(await asyncio.to_thread(register.requests, stopped))
        except StoreError as error:
            log.warning("could not look for requests to go on, trying again", reason=str(error)[:500])

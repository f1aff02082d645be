"""How far the consumers are behind, partition by partition: what their group has committed beside where Kafka ends.

A committed offset means that everything before it is durable, so what lies after it is what the store may not have yet.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from runtally.connection import KafkaConnection
from runtally.events import EVENTS
from runtally.streams import LOCAL_PREFIX

ANSWER_SECONDS: Final = 2.0
KEPT_SECONDS: Final = 5.0
_CLOSE_SECONDS: Final = 1.0
_TOPICS: Final = frozenset(event.topic for event in EVENTS)


class LagUnknown(Exception):
    """Nobody can tell. `str()` says why, for people."""


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """`committed` is None where the group has committed nothing yet."""

    topic: str
    partition: int
    committed: int | None
    end: int
    behind: int


@dataclass(frozen=True, slots=True)
class Lag:
    """Of all partitions, in order. `is_at_least`: the local broker tells its ends short by up to a batch."""

    partitions: tuple[PartitionLag, ...]
    is_at_least: bool


class LagSource(Protocol):
    """`ask` blocks, for seconds at most. Raises `LagUnknown`."""

    def ask(self) -> Lag: ...


class NoLag:
    """Of a process that knows no broker."""

    def ask(self) -> Lag:
        raise LagUnknown("this process only answers questions and knows no broker (RUNTALLY_API_ROUTES=read)")


class KafkaLag:
    """Asks by clients that live for one question, so that a broker that is away holds nobody up in between.

    What was found counts for some seconds, a failure too: however many look, the brokers are asked once.
    """

    def __init__(
        self, connection: KafkaConnection, group: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._connection = connection
        self._group = group
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._found: Lag | LagUnknown | None = None
        self._found_at = 0.0

    def ask(self) -> Lag:
        """Must not be called where an event loop runs."""
        with self._lock:
            if self._found is None or self._monotonic() - self._found_at >= KEPT_SECONDS:
                self._found = self._look()
                self._found_at = self._monotonic()
            found = self._found
        if isinstance(found, LagUnknown):
            raise LagUnknown(str(found))
        return found

    def _look(self) -> Lag | LagUnknown:
        try:
            return asyncio.run(_bounded(self._connection, self._group))
        except LagUnknown as reason:
            return reason
        except TimeoutError:
            return LagUnknown(f"Kafka at {self._connection.bootstrap} did not answer within {ANSWER_SECONDS:g} s")
        except (KafkaError, OSError) as error:
            return LagUnknown(f"Kafka at {self._connection.bootstrap} did not answer: {type(error).__name__}")


def behind(committed: int | None, begin: int, end: int) -> int:
    """How many offsets wait; what retention took before it was read does not wait any more."""
    return max(0, end - max(begin, committed or 0))


async def _bounded(connection: KafkaConnection, group: str) -> Lag:
    async with asyncio.timeout(ANSWER_SECONDS):
        return await _ask(connection, group)


async def _ask(connection: KafkaConnection, group: str) -> Lag:
    admin = AIOKafkaAdminClient(**connection.client_options())
    consumer = AIOKafkaConsumer(**connection.client_options(), isolation_level="read_committed")
    try:
        await asyncio.gather(admin.start(), consumer.start())
        cluster, described = await asyncio.gather(admin.describe_cluster(), admin.describe_topics())
        wanted = [
            TopicPartition(one["topic"], part["partition"])
            for one in described
            if one["topic"] in _TOPICS
            for part in one["partitions"]
        ]
        if not wanted:
            raise LagUnknown("Kafka has no topics of ours yet: `runtally migrate` makes them")
        committed = await admin.list_consumer_group_offsets(group, partitions=wanted)
        begins = await consumer.beginning_offsets(wanted)
        ends = await consumer.end_offsets(wanted)
    finally:
        await _close(consumer.stop)
        await _close(admin.close)
    is_local = str(cluster.get("cluster_id") or "").startswith(LOCAL_PREFIX)
    return Lag(tuple(_lag_of(one, committed.get(one), begins[one], ends[one]) for one in sorted(wanted)), is_local)


def _lag_of(place: TopicPartition, found: Any, begin: int, end: int) -> PartitionLag:
    committed = found.offset if found is not None and found.offset >= 0 else None
    return PartitionLag(place.topic, place.partition, committed, end, behind(committed, begin, end))


async def _close(close: Callable[[], Any]) -> None:
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await close()

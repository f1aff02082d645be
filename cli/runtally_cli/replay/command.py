"""Reads the topics again, without a group and without committing, and gives the records to the store's holder."""

import asyncio
import base64
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError
from runtally.connection import KafkaConnection
from runtally.signing import KEY_HEADER, SIGNATURE_HEADER
from runtally_clickhouse.errors import StoreUnavailable
from runtally_consumer.records import Partition
from runtally_consumer.settings import ConsumerSettings

from runtally_cli.local.admin import StoreAccess, store_access
from runtally_cli.local.settings import LocalSettings
from runtally_cli.replay.places import LOCAL_PREFIX, Span, spans_of
from runtally_cli.verification.broker import open_broker
from runtally_cli.verification.command import broker_of

RECORDS_AT_ONCE: Final = 10_000
QUIET_SECONDS: Final = 2.0
TELL_EVERY_SECONDS: Final = 2.0
OPERATION_SECONDS: Final = 600
TRIES: Final = 8


class NothingToReplay(RuntimeError):
    """No broker, or no such partition. The message is ready to be shown to a person."""


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """From where to where, and of what; None is everything that is there at the start."""

    start: int | datetime
    end: int | datetime | None = None
    topic: str | None = None
    partition: int | None = None
    dry_run: bool = False


@dataclass(slots=True)
class TopicCount:
    """What became of a topic's records. A key is counted once, for the newest of its records."""

    records: int = 0
    added: set[int] = field(default_factory=set)
    superseded: set[int] = field(default_factory=set)
    dead: Counter[str] = field(default_factory=Counter)

    def count(self, records: int, answer: Mapping[str, Any]) -> None:
        self.records += records
        self.added |= set(answer["added"]) - self.superseded
        self.superseded |= set(answer["superseded"]) - self.added
        self.dead.update(answer["dead"])

    def line(self, topic: str, *, dry_run: bool) -> str:
        dead = self.dead.total()
        stored = self.records - len(self.added) - len(self.superseded) - dead
        would = "would add" if dry_run else "added"
        newer = "would supersede" if dry_run else "superseded"
        return (
            f"{topic}: {self.records} records: {would} {len(self.added)}, {newer} {len(self.superseded)}, "
            f"already stored or older {stored}, dead letters {dead}"
        )


def replay(
    request: ReplayRequest, tell: Callable[[str], None], environment: Mapping[str, str] = os.environ
) -> dict[str, TopicCount]:
    """By topic, what was written, or would be. Safe to break off and to repeat.

    Raises `NothingToReplay`, `KafkaError`, and what `store_access` and its `run` raise.
    """
    settings = LocalSettings()
    connection = broker_of(settings, environment)
    if connection is None:
        raise NothingToReplay("no broker to read from: start `runtally up`, or set RUNTALLY_KAFKA_BOOTSTRAP")
    with store_access(settings, OPERATION_SECONDS) as access:
        return asyncio.run(_replay(access, connection, request, tell))


async def _replay(
    access: StoreAccess, connection: KafkaConnection, request: ReplayRequest, tell: Callable[[str], None]
) -> dict[str, TopicCount]:
    group = str(ConsumerSettings.model_fields["consumer_group"].default)
    async with open_broker(connection, group) as broker:  # it asks, and joins nothing
        streams, partitions = broker.streams, [one for one in broker.partitions if _is_wanted(one, request)]
    if not partitions:
        wanted = " ".join(str(one) for one in (request.topic, request.partition) if one is not None)
        raise NothingToReplay(f"the broker has no such partition: {wanted or 'none of any topic of events'}")
    counts = {one.topic: TopicCount() for one in partitions}
    is_local = streams.cluster_id.startswith(LOCAL_PREFIX)
    async with _reader(connection) as consumer:
        spans = await spans_of(consumer, partitions, request.start, request.end, is_local=is_local)
        for one, span in spans.items():
            if span.gone is not None:
                tell(
                    f"{one.topic}-{one.number}: offsets {span.gone}..{span.first - 1} are gone, begins at {span.first}"
                )
        told_at = time.monotonic()
        async for fetched in _records(consumer, spans, is_local=is_local, tell=tell):
            for topic in sorted({partition.topic for partition in fetched}):
                of_topic = {one: records for one, records in fetched.items() if one.topic == topic}
                answer = await _give(access, streams.of(topic), topic, of_topic, request)
                counts[topic].count(sum(map(len, of_topic.values())), answer)
            if time.monotonic() - told_at >= TELL_EVERY_SECONDS:
                told_at = time.monotonic()
                tell(f"{sum(count.records for count in counts.values())} records read")
    return counts


async def _give(
    access: StoreAccess,
    stream: str,
    topic: str,
    fetched: Mapping[Partition, Sequence[Any]],
    request: ReplayRequest,
) -> Mapping[str, Any]:
    slices = [
        {
            "partition": partition.number,
            "offsets": [record.offset for record in records],
            "keys": [_text(record.key) for record in records],
            "values": [_text(record.value) for record in records],
            "headers": [_signatures(record) for record in records],
        }
        for partition, records in fetched.items()
    ]
    parameters = {"stream": stream, "topic": topic, "slices": slices, "only_compare": request.dry_run}
    for tried in range(1, TRIES + 1):
        try:
            answer: Mapping[str, Any] = await asyncio.to_thread(access.run, "replay_records", parameters)
            return answer
        except StoreUnavailable:
            if tried == TRIES:
                raise
            await asyncio.sleep(min(10.0, 0.2 * 2**tried))
    raise AssertionError("unreachable")


async def _records(
    consumer: Any, spans: Mapping[Partition, Span], *, is_local: bool, tell: Callable[[str], None]
) -> AsyncIterator[dict[Partition, list[Any]]]:
    """What lies in the spans, in order within each partition."""
    began_ms = int(time.time() * 1000)
    open_spans = {one: span for one, span in spans.items() if span.end is None or span.first < span.end}
    consumer.assign([TopicPartition(*one) for one in open_spans])
    for one, span in open_spans.items():
        consumer.seek(TopicPartition(*one), span.first)
    heard_at = time.monotonic()
    while open_spans:
        try:
            fetched = await consumer.getmany(timeout_ms=200, max_records=RECORDS_AT_ONCE)
        except OffsetOutOfRangeError as error:
            await _skip_gone(consumer, error, tell)
            continue
        found: dict[Partition, list[Any]] = {}
        for there, records in fetched.items():
            one = Partition(there.topic, there.partition)
            span = spans[one]
            heard_at = time.monotonic()
            kept = [record for record in records if span.holds(record.offset, record.timestamp)]
            if span.ends_with(records[-1].offset, records[-1].timestamp, began_ms):
                open_spans.pop(one, None)
                consumer.pause(there)
            if kept:
                found[one] = kept
        if found:
            yield found
        for one, span in list(open_spans.items()):
            if span.end is not None and await consumer.position(TopicPartition(*one)) >= span.end:
                del open_spans[one]
                consumer.pause(TopicPartition(*one))
        if is_local and not fetched and time.monotonic() - heard_at >= QUIET_SECONDS:
            return


async def _skip_gone(consumer: Any, error: OffsetOutOfRangeError, tell: Callable[[str], None]) -> None:
    """Retention was quicker than the replay."""
    begins = await consumer.beginning_offsets(list(error.args[0]))
    for there, offset in error.args[0].items():
        tell(f"{there.topic}-{there.partition}: offsets {offset}..{begins[there] - 1} are gone meanwhile")
        consumer.seek(there, begins[there])


@asynccontextmanager
async def _reader(connection: KafkaConnection) -> AsyncIterator[Any]:
    consumer = AIOKafkaConsumer(
        **connection.client_options(),
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


def _is_wanted(partition: Partition, request: ReplayRequest) -> bool:
    return request.topic in (None, partition.topic) and request.partition in (None, partition.number)


def _signatures(record: Any) -> list[tuple[str, str | None]]:
    """What a record is signed by, where it is: nothing else of its headers matters to what it becomes."""
    return [(name, _text(value)) for name, value in record.headers if name in (KEY_HEADER, SIGNATURE_HEADER)]


def _text(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()

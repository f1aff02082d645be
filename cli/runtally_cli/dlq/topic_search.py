"""Finding records in a dead-letter topic by where they came from."""

import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from runtally.connection import KafkaConnection
from runtally_clickhouse.kept_letters import Kept, Place
from runtally_consumer.dead_letters import DEAD_LETTER_SUFFIX, STREAM_HEADER

# The local broker tells ends short, so the end is where nothing more comes.
QUIET_SECONDS: Final = 2.0
_CONNECT: Final = "__connect.errors."
_OURS: Final = "runtally.errors."


async def find_letters(
    connection: KafkaConnection, streams: Collection[str], places: Collection[Place]
) -> dict[Place, Kept]:
    """Those of the places that the dead-letter topics still have, whole, with all headers. Raises `KafkaError`.

    `streams` are the present ones. A letter tells its stream; one of an earlier version of Runtally does not, and
    counts as of the topic's present life.
    """
    clusters = {_cluster(stream) for stream in streams}
    wanted = {place for place in places if _cluster(place.stream) in clusters}
    found: dict[Place, Kept] = {}
    for topic in sorted({place.topic for place in wanted}):
        of_topic = {place for place in wanted if place.topic == topic}
        present = next((place.stream for place in of_topic if place.stream in streams), "")
        found |= await _find(connection, topic, of_topic, present)
    return found


async def _find(connection: KafkaConnection, topic: str, wanted: set[Place], present: str) -> dict[Place, Kept]:
    found: dict[Place, Kept] = {}
    async with _reader(connection, topic + DEAD_LETTER_SUFFIX) as consumer:
        heard_at = time.monotonic()
        while wanted - found.keys() and time.monotonic() - heard_at < QUIET_SECONDS:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                heard_at = time.monotonic()
                for record in records:
                    place = origin(record, present)
                    if place is not None and place in wanted:
                        found[place] = Kept(record.key, record.value, True, record.headers)
    return found


def _cluster(stream: str) -> str:
    return stream.partition("#")[0]


@asynccontextmanager
async def _reader(connection: KafkaConnection, topic: str) -> AsyncIterator[Any]:
    consumer = AIOKafkaConsumer(**connection.client_options(), enable_auto_commit=False)
    admin = AIOKafkaAdminClient(**connection.client_options())
    try:
        await admin.start()
        described = await admin.describe_topics([topic])
        await consumer.start()
        there = [TopicPartition(topic, part["partition"]) for one in described for part in one["partitions"]]
        consumer.assign(there)
        await consumer.seek_to_beginning(*there)
        yield consumer
    finally:
        await consumer.stop()
        await admin.close()


def origin(record: Any, present: str) -> Place | None:
    """Where a record of a dead-letter topic came from; `present` is the stream of one that does not tell its own."""
    headers = dict(record.headers)
    try:
        return Place(
            (headers.get(STREAM_HEADER) or b"").decode() or present,
            headers[_CONNECT + "topic"].decode(),
            int(headers[_CONNECT + "partition"]),
            int(headers[_CONNECT + "offset"]),
        )
    except (KeyError, ValueError, AttributeError):  # somebody else's record
        return None


def own_headers(kept: Kept) -> list[tuple[str, bytes | None]]:
    """The headers that the record had before it was refused."""
    return [(name, text) for name, text in kept.headers if not name.startswith((_CONNECT, _OURS))]

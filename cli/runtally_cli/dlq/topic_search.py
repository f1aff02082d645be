"""Finding records in a dead-letter topic by where they came from."""

import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from runtally.connection import KafkaConnection
from runtally_consumer.dead_letters import DEAD_LETTER_SUFFIX

from runtally_cli.dlq.letters import Kept, Place

# The local broker tells ends short, so the end is where nothing more comes.
QUIET_SECONDS: Final = 2.0
_CONNECT: Final = "__connect.errors."
_OURS: Final = "runtally.errors."


async def find_letters(
    connection: KafkaConnection, streams: Collection[str], places: Collection[Place]
) -> dict[Place, Kept]:
    """Those of the places that the dead-letter topics still have, whole, with all headers. Raises `KafkaError`."""
    wanted = {place for place in places if place.stream in streams}
    found: dict[Place, Kept] = {}
    for topic in sorted({place.topic for place in wanted}):
        found |= await _find(connection, topic, {place for place in wanted if place.topic == topic})
    return found


async def _find(connection: KafkaConnection, topic: str, wanted: set[Place]) -> dict[Place, Kept]:
    stream = next(iter(wanted)).stream
    found: dict[Place, Kept] = {}
    async with _reader(connection, topic + DEAD_LETTER_SUFFIX) as consumer:
        heard_at = time.monotonic()
        while wanted - found.keys() and time.monotonic() - heard_at < QUIET_SECONDS:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                heard_at = time.monotonic()
                for record in records:
                    place = _origin(stream, record)
                    if place in wanted:
                        found[place] = Kept(record.key, record.value, True, record.headers)
    return found


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


def _origin(stream: str, record: Any) -> Place | None:
    headers = dict(record.headers)
    try:
        return Place(
            stream,
            headers[_CONNECT + "topic"].decode(),
            int(headers[_CONNECT + "partition"]),
            int(headers[_CONNECT + "offset"]),
        )
    except (KeyError, ValueError, AttributeError):  # somebody else's record
        return None


def own_headers(kept: Kept) -> list[tuple[str, bytes | None]]:
    """The headers that the record had before it was refused."""
    return [(name, text) for name, text in kept.headers if not name.startswith((_CONNECT, _OURS))]

"""Waiting until what was published can be queried.

The consumer commits an offset only when the store has acknowledged every record before it, so the committed
offsets of its group tell exactly, for any number of runs, and at the price of one request.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from urllib.parse import quote

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from runtally.connection import KafkaConnection
from runtally.events import RunSnapshot

POLL_SECONDS = 0.2
API_SECONDS = 10.0
Offsets = Mapping[int, int]
ReadCommitted = Callable[[], Awaitable[Offsets]]


class ApiView(Enum):
    """What the API says about a run that is in the store."""

    HAS_IT = "has it"
    LACKS_IT = "lacks it"
    SILENT = "silent"


async def wait_until_stored(
    wanted: Offsets,
    committed: ReadCommitted,
    seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> int:
    """Until the group has committed all of `wanted`; how many partitions are behind when the time is over.

    A broker that does not answer counts as one that says nothing new.
    """
    deadline = clock() + seconds
    behind = len(wanted)
    while True:
        try:
            offsets = await committed()
            behind = sum(offsets.get(partition, -1) < offset for partition, offset in wanted.items())
        except (KafkaError, OSError):
            pass
        if behind == 0 or clock() >= deadline:
            return behind
        await sleep(POLL_SECONDS)


class GroupOffsets:
    """The consumer group's committed offsets. Use as an asynchronous context manager."""

    def __init__(self, connection: KafkaConnection, group: str, topic: str = RunSnapshot.topic) -> None:
        self._connection, self._group, self._topic = connection, group, topic
        self._admin = AIOKafkaAdminClient(**connection.client_options())

    async def __aenter__(self) -> "GroupOffsets":
        await self._admin.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._admin.close()

    async def committed(self) -> Offsets:
        """By partition. Raises `KafkaError`."""
        found = await self._admin.list_consumer_group_offsets(self._group)
        return {place.partition: told.offset for place, told in found.items() if place.topic == self._topic}

    async def completed(self, next_offsets: Mapping[int, int | None]) -> dict[int, int]:
        """The offsets, the end of the partition where one is not known. Raises `KafkaError`."""
        unknown = [partition for partition, offset in next_offsets.items() if offset is None]
        ends: dict[int, int] = {}
        if unknown:
            consumer = AIOKafkaConsumer(**self._connection.client_options())
            await consumer.start()
            try:
                places = [TopicPartition(self._topic, partition) for partition in unknown]
                ends = {place.partition: end for place, end in (await consumer.end_offsets(places)).items()}
            finally:
                await consumer.stop()
        return {partition: ends[partition] if offset is None else offset for partition, offset in next_offsets.items()}


def ask_api(api_url: str, snapshot: RunSnapshot) -> ApiView:
    """Whether the API answers, and from the store that has the run."""
    path = f"/api/v1/runs/{quote(str(snapshot.id))}"
    try:
        response = httpx.get(f"{api_url}{path}", params={"workspace_id": snapshot.workspace_id}, timeout=API_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL):
        return ApiView.SILENT
    if response.status_code == 404:
        return ApiView.LACKS_IT
    return ApiView.HAS_IT if response.is_success else ApiView.SILENT

"""Waiting until what was published can be queried.

The consumer commits an offset only when the store has acknowledged every record before it, so the committed
offsets of its group tell exactly, for any number of runs, at the price of a request per partition.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import Enum
from urllib.parse import quote

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from runtally.connection import KafkaConnection
from runtally.events import RunSnapshot

POLL_SECONDS = 0.2
API_SECONDS = 10.0
Offsets = Mapping[int, int]
ReadCommitted = Callable[[Iterable[int]], Awaitable[Offsets]]


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
            async with asyncio.timeout(max(deadline - clock(), POLL_SECONDS)):  # aiokafka repeats without limit
                offsets = await committed(wanted)
            behind = sum(offsets.get(partition, -1) < offset for partition, offset in wanted.items())
        except (KafkaError, OSError):
            pass
        if behind == 0 or clock() >= deadline:
            return behind
        await sleep(POLL_SECONDS)


class GroupOffsets:
    """The consumer group's committed offsets, read without joining it. Use as an asynchronous context manager."""

    def __init__(self, connection: KafkaConnection, group: str, topic: str = RunSnapshot.topic) -> None:
        # The admin client's request is one that the local broker answers in a form nobody can read.
        self._consumer = AIOKafkaConsumer(group_id=group, enable_auto_commit=False, **connection.client_options())
        self._topic = topic

    async def __aenter__(self) -> "GroupOffsets":
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def committed(self, partitions: Iterable[int]) -> Offsets:
        """By partition, none where nothing is committed. Raises `KafkaError`."""
        found = {number: await self._consumer.committed(TopicPartition(self._topic, number)) for number in partitions}
        return {number: offset for number, offset in found.items() if offset is not None}

    async def completed(self, next_offsets: Mapping[int, int | None]) -> dict[int, int]:
        """The offsets, the end of the partition where one is not known. Raises `KafkaError`."""
        unknown = [TopicPartition(self._topic, number) for number, offset in next_offsets.items() if offset is None]
        ends = await self._consumer.end_offsets(unknown) if unknown else {}
        return {
            number: ends[TopicPartition(self._topic, number)] if offset is None else offset
            for number, offset in next_offsets.items()
        }


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

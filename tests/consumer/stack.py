"""The consumer over a real broker and a real store, and what a test asks of the two."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from consumer.samples import (
    ACTIVITY,
    FEEDBACK,
    LIFECYCLE,
    RUNS,
    activity_value,
    feedback_value,
    lifecycle_value,
    run_value,
)
from runtally.connection import KafkaConnection
from runtally_clickhouse.client import Store
from runtally_consumer.composition import ConsumerParts, compose_consumer
from runtally_consumer.dead_letters import DEAD_LETTER_SUFFIX
from runtally_consumer.records import Partition
from runtally_consumer.settings import ConsumerSettings
from runtally_consumer.topics import EVENT_TOPICS

WAIT_SECONDS = 60.0
# Valid, so that they are nobody's dead letters.
MARKERS = {
    RUNS: run_value(0, workspace_id="marker"),
    FEEDBACK: feedback_value(0),
    LIFECYCLE: lifecycle_value(0),
    ACTIVITY: activity_value(0),
}


async def until(condition: Callable[[], object], what: str, seconds: float = WAIT_SECONDS) -> None:
    """Return as soon as the condition holds; fails the test when it does not in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not condition():
        assert loop.time() < deadline, f"{what} did not come true within {seconds:g} s"
        await asyncio.sleep(0.01)


@dataclass
class Stack:
    """One group's view of the shared broker, and a database of its own."""

    connection: KafkaConnection
    store: Store
    settings: ConsumerSettings
    produced: dict[Partition, list[int]] = field(default_factory=lambda: defaultdict(list))

    @property
    def workspace(self) -> str:
        """A name of the test's own: others publish to the same topics."""
        return self.settings.consumer_group

    def runs(self, first: int, end: int) -> list[bytes | None]:
        return [run_value(number, workspace_id=self.workspace) for number in range(first, end)]

    async def begin_at_the_ends(self) -> None:
        """This group reads nothing that was there before. A record tells where: the local broker's ends are short."""
        partitions = await self._partitions(EVENT_TOPICS)
        async with AIOKafkaProducer(bootstrap_servers=self.connection.bootstrap, acks="all") as producer:
            told = [
                await producer.send_and_wait(tp.topic, MARKERS[tp.topic], partition=tp.partition) for tp in partitions
            ]
        self.begin = {Partition(one.topic, one.partition): one.offset + 1 for one in told}
        async with self._client() as client:
            client.assign(partitions)
            await client.commit({TopicPartition(*p): offset for p, offset in self.begin.items()})

    async def produce(
        self, topic: str, values: Sequence[bytes | None], key: bytes | None = None, **options: Any
    ) -> list[tuple[Partition, int]]:
        """Returns where each record went, once all are acknowledged."""
        producer = AIOKafkaProducer(bootstrap_servers=self.connection.bootstrap, acks="all", **options)
        async with producer:
            sent = [await producer.send(topic, value, key=key if value is not None else b"k") for value in values]
            told = await asyncio.gather(*sent)
        places = [(Partition(one.topic, one.partition), one.offset) for one in told]
        for partition, offset in places:
            self.produced[partition].append(offset)
        return places

    @asynccontextmanager
    async def consumer(self) -> AsyncIterator[ConsumerParts]:
        """A member of the group that runs; drained and gone at the end, unless the test cancelled it."""
        async with compose_consumer(self.connection, self.store, self.settings) as parts:
            running = asyncio.create_task(parts.consumer.run())
            try:
                yield parts
            finally:
                parts.consumer.stop()
                await asyncio.wait_for(running, WAIT_SECONDS)

    async def kill_before_commit(self) -> None:
        """A member that writes everything, commits nothing, and is gone in the middle of it."""
        async with compose_consumer(self.connection, self.store, self.settings) as parts:

            async def never(offsets: Mapping[Partition, int]) -> None:
                await asyncio.Event().wait()

            parts.consumer._source.commit = never  # type: ignore[method-assign] # the fault
            running = asyncio.create_task(parts.consumer.run())
            await until(self.is_ingested, "everything in the store")
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    def is_ingested(self) -> bool:
        """Whether the ledger covers all that this test produced."""
        covered = self.covered()
        return all(offset in covered[p] for p, offsets in self.produced.items() for offset in offsets)

    def covered(self) -> dict[Partition, set[int]]:
        """The offsets in the ledger; each range must have accounted for each of its records."""
        covered: dict[Partition, set[int]] = defaultdict(set)
        for row in self.store.query("SELECT * FROM ingest_ledger", {}):
            offsets = range(row["first_offset"], row["last_offset"] + 1)
            assert row["accepted"] + row["dead"] == len(offsets)
            covered[Partition(row["topic"], row["partition"])] |= set(offsets)
        return covered

    def count(self, sql: str) -> int:
        rows = self.store.query(f"SELECT count() AS n FROM {sql}", {})
        return int(rows[0]["n"])

    def mirrored(self) -> list[tuple[Partition, int]]:
        """Where the dead letters lay that the store shows, of those that this test produced."""
        rows = self.store.query("SELECT topic, `partition`, `offset` FROM dead_letters", {})
        places = [(Partition(row["topic"], row["partition"]), row["offset"]) for row in rows]
        return sorted(place for place in places if place[1] in self.produced.get(place[0], ()))

    def stored_runs(self) -> int:
        return self.count(f"agent_runs WHERE workspace_id = '{self.workspace}'")

    async def committed(self) -> dict[Partition, int]:
        """What the group has committed on the partitions that this test produced to."""
        async with self._client() as client:
            return {p: await client.committed(TopicPartition(*p)) or 0 for p in self.produced}

    async def is_committed(self) -> bool:
        """Whether all that this test produced is committed; others may have produced more since."""
        committed = await self.committed()
        return all(committed[partition] > max(offsets) for partition, offsets in self.produced.items())

    async def dead_letters(self, places: Sequence[tuple[Partition, int]]) -> dict[tuple[Partition, int], Any]:
        """The records of the dead-letter topics that tell of these places; fails when one does not come."""
        found: dict[tuple[Partition, int], Any] = {}
        topics = {partition.topic + DEAD_LETTER_SUFFIX for partition, _ in places}
        async with self._client(group=None) as client:
            client.assign(await self._partitions(topics))
            await client.seek_to_beginning()
            async with asyncio.timeout(WAIT_SECONDS):
                while not found.keys() >= set(places):
                    for records in (await client.getmany(timeout_ms=200)).values():
                        found |= {_origin(record): record for record in records}
        return {place: found[place] for place in places}

    async def _partitions(self, topics: Iterable[str]) -> list[TopicPartition]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.connection.bootstrap)
        await admin.start()
        try:
            described = await admin.describe_topics(list(topics))
        finally:
            await admin.close()
        return [TopicPartition(one["topic"], part["partition"]) for one in described for part in one["partitions"]]

    @asynccontextmanager
    async def _client(self, group: str | None = "") -> AsyncIterator[AIOKafkaConsumer]:
        group = self.settings.consumer_group if group == "" else group
        client = AIOKafkaConsumer(bootstrap_servers=self.connection.bootstrap, group_id=group, enable_auto_commit=False)
        async with client:
            yield client


def _origin(record: Any) -> tuple[Partition, int]:
    headers = {name: value.decode() for name, value in record.headers if name.startswith("__connect.errors.")}
    partition = Partition(headers["__connect.errors.topic"], int(headers["__connect.errors.partition"]))
    return partition, int(headers["__connect.errors.offset"])

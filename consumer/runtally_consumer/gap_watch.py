"""Looking every now and then whether the ledger covers what the group has committed of our partitions."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from runtally.connection import KafkaConnection
from runtally.streams import LOCAL_PREFIX
from runtally_clickhouse.errors import StoreError

from runtally_consumer.intervals import Interval, split_at
from runtally_consumer.kafka import KafkaSource
from runtally_consumer.ledger_gaps import Committed, PartitionProof
from runtally_consumer.log_reading import records_in
from runtally_consumer.metrics import ConsumerMetrics
from runtally_consumer.records import Partition
from runtally_consumer.threads import in_daemon_thread
from runtally_consumer.topics import EVENT_TOPICS

LOOK_AGAIN_SECONDS = 5.0
ASK_SECONDS = 20.0
# Records pass through the event loop: a longer hole is read in pieces, one a look.
MOST_OFFSETS = 10_000

LedgerFrom = Callable[[str, str, Mapping[int, int]], Mapping[int, list[tuple[int, int]]]]
RecordsIn = Callable[[Partition, Interval], Any]

log = structlog.get_logger(__name__)


class CommittedLog(Protocol):
    """What the group has committed, and the log below it. Raises `KafkaError`, `OSError` or `TimeoutError`."""

    async def committed(self, partitions: Collection[Partition]) -> Mapping[Partition, Committed]:
        """Of those of the partitions that something is committed of."""
        ...

    def reader(self) -> AbstractAsyncContextManager[RecordsIn]:
        """Gives a function that awaits which offsets of an interval hold records; None where the broker stops."""
        ...


class LedgerGapWatch:
    """Looks beside all else, in steps: from where everything was proven the last time."""

    def __init__(
        self, committed_log: CommittedLog, ledger: LedgerFrom, metrics: ConsumerMetrics, every_seconds: float
    ) -> None:
        """`ledger` blocks, and may raise `StoreError`: what it has of a stream's topic, by partition from offsets."""
        self._log = committed_log
        self._ledger = ledger
        self._metrics = metrics
        self._every_seconds = every_seconds
        self._looked_at: float | None = None
        self._looking: asyncio.Task[None] | None = None
        self._partitions: frozenset[Partition] = frozenset()
        self._proofs: dict[Partition, PartitionProof] = {}

    def tick(self, now: float, partitions: Collection[Partition]) -> None:
        """Look if it is time to. Call it every moment, with the partitions that are ours."""
        self._partitions = frozenset(partitions)
        self._proofs = {one: proof for one, proof in self._proofs.items() if one in partitions}
        if self._looked_at is None:
            self._looked_at = now
        soon = any(proof.is_suspicious for proof in self._proofs.values())
        every = min(self._every_seconds, LOOK_AGAIN_SECONDS) if soon else self._every_seconds
        if partitions and now - self._looked_at >= every and (self._looking is None or self._looking.done()):
            self._looked_at = now
            self._looking = asyncio.create_task(self._look(frozenset(partitions)))

    @property
    def reason(self) -> str | None:
        """The committed offsets that the broker has and the ledger has not, exactly; None without any."""
        told = [
            f"{topic}-{number}: offsets {', '.join(map(str, proof.gaps))} are committed and not in the ledger: "
            f"`runtally replay --from {proof.gaps[0].first} --topic {topic} --partition {number}`"
            for (topic, number), proof in sorted(self._proofs.items())
            if proof.gaps
        ]
        return "; ".join(told) or None

    async def leave(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self, partitions: Collection[Partition]) -> None:
        before = self.reason
        try:
            committed = await self._log.committed(partitions)  # before the ledger, which is written before it
            proofs = {one: self._proof(one, place.stream) for one, place in committed.items()}
            holes = await self._holes(committed, proofs)
            found = await self._records(holes, committed, proofs)
        except (KafkaError, StoreError, OSError, TimeoutError) as error:
            log.warning("could not compare the ledger with what is committed, looking again", reason=str(error)[:500])
            return
        for partition, of_partition in holes.items():
            proofs[partition].judge(committed[partition], of_partition, found[partition])
        self._proofs |= {one: proof for one, proof in proofs.items() if one in self._partitions}
        if self.reason and self.reason != before:
            log.error("committed offsets are not in the ledger", reason=self.reason[:2000])
        for topic in EVENT_TOPICS:
            of_topic = [proof for partition, proof in self._proofs.items() if partition.topic == topic]
            gaps = sum(len(proof.gaps) + len(proof.removed) for proof in of_topic)
            self._metrics.ledger_gaps.labels(topic).set(gaps)

    def _proof(self, partition: Partition, stream: str) -> PartitionProof:
        known = self._proofs.get(partition)
        return known if known is not None and known.stream == stream else PartitionProof(stream)

    async def _holes(
        self, committed: Mapping[Partition, Committed], proofs: Mapping[Partition, PartitionProof]
    ) -> dict[Partition, list[Interval]]:
        holes: dict[Partition, list[Interval]] = {partition: [] for partition in committed}
        asked: defaultdict[tuple[str, str], dict[int, int]] = defaultdict(dict)
        for partition, place in committed.items():
            if proofs[partition].proven < place.offset:
                asked[place.stream, partition.topic][partition.number] = proofs[partition].proven
        for (stream, topic), firsts in asked.items():
            covered = await in_daemon_thread(self._ledger, stream, topic, firsts)
            for number in firsts:
                partition = Partition(topic, number)
                holes[partition] = _pieces(proofs[partition].holes(committed[partition], covered[number]))
        return holes

    async def _records(
        self,
        holes: Mapping[Partition, list[Interval]],
        committed: Mapping[Partition, Committed],
        proofs: Mapping[Partition, PartitionProof],
    ) -> defaultdict[Partition, dict[Interval, list[Interval]]]:
        """Of each hole that was looked into. Where a long hole's first piece has records, so has the rest."""
        found: defaultdict[Partition, dict[Interval, list[Interval]]] = defaultdict(dict)
        unread = []
        for partition, of_partition in holes.items():
            for hole in of_partition:
                if committed[partition].is_dense or proofs[partition].is_known(hole):
                    found[partition][hole] = [hole]
                else:
                    unread.append((partition, hole))
        if not unread:
            return found
        room = MOST_OFFSETS
        async with self._log.reader() as read:
            for partition, hole in unread:
                continues = found[partition].get(_before(hole, holes[partition]))
                if continues:
                    found[partition][hole] = [hole]
                elif hole.width <= room:
                    room -= hole.width
                    records = await read(partition, hole)
                    if records is not None:
                        found[partition][hole] = records
        return found


def _pieces(holes: list[Interval]) -> list[Interval]:
    """The holes, long ones in two: as much as is read in one look, and the rest."""
    cut = [split_at(hole, hole.first + MOST_OFFSETS) for hole in holes]
    return [piece for pair in cut for piece in pair if piece is not None]


def _before(hole: Interval, holes: list[Interval]) -> Interval:
    """The piece that ends where the hole begins; itself when there is none."""
    return next((one for one in holes if one.last + 1 == hole.first), hole)


class KafkaCommittedLog:
    """`CommittedLog` over the connections of a running source; records are read by a consumer of their own."""

    def __init__(self, connection: KafkaConnection, source: KafkaSource) -> None:
        self._connection = connection
        self._source = source

    async def committed(self, partitions: Collection[Partition]) -> Mapping[Partition, Committed]:
        consumer, streams = self._source.client, self._source.streams
        wanted = [TopicPartition(*one) for one in sorted(partitions) if one.topic in streams]
        async with asyncio.timeout(ASK_SECONDS):
            told = await consumer._coordinator.fetch_committed_offsets(wanted)  # with the life of the topic beside it
            begins = await consumer.beginning_offsets(wanted)
        return {
            Partition(tp.topic, tp.partition): Committed(
                streams[tp.topic], at.offset, begins[tp], is_dense=streams[tp.topic].startswith(LOCAL_PREFIX)
            )
            for tp, at in told.items()
            if at.offset > 0 and at.metadata in ("", None, self._source.topic_ids.get(tp.topic, ""))
        }

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[RecordsIn]:
        consumer = AIOKafkaConsumer(
            **self._connection.client_options(),
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
        )
        try:
            await consumer.start()
            yield lambda partition, offsets: records_in(consumer, partition, offsets)
        finally:
            await consumer.stop()

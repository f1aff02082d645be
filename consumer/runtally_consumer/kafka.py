"""The Kafka side of the consumer: joining the group, reading partitions, committing offsets."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    RecordTooLargeError,
)
from runtally.connection import KafkaConnection
from runtally.streams import Streams, ask_streams
from runtally_clickhouse.errors import StoreError

from runtally_consumer.kafka_errors import NEEDS_PERSON, told
from runtally_consumer.placement import RETENTION, Lost, Placement, place
from runtally_consumer.placing import LedgerRanges, partition_facts
from runtally_consumer.records import Partition, Record
from runtally_consumer.settings import ConsumerSettings
from runtally_consumer.source import Assigned, CommitRefused, PollFailed, Revoked, SourceBroken

COMMIT_SECONDS = 5.0
ASKING_ENDS_SECONDS = 3.0
LEAVE_SECONDS = 10.0
MAX_POLL_INTERVAL_MS = 300_000
# What the client fetches ahead of the polls counts in no budget, so it is kept small.
FETCH_BYTES = 16 * 1024 * 1024
WATCH_SECONDS = 10.0  # a topic that was made anew is noticed within this
# A new leader may tell an older end for a moment.
TRUNCATED_SECONDS = 10.0
METADATA_MAX_AGE_MS = 60_000  # new partitions are noticed within this

log = structlog.get_logger(__name__)


class KafkaSource:
    """`Source` over one aiokafka consumer. Starts once, stops once.

    Assigned partitions are paused until they are placed: where to begin is decided by `placement`, never by the
    client, which would skip what retention took without a word. `on_lost` is told of such a loss, `on_made_anew` of
    a topic that was. `streams` has the present stream of each topic that was placed, `topic_ids` its id or "".
    """

    def __init__(
        self,
        connection: KafkaConnection,
        settings: ConsumerSettings,
        monotonic: Callable[[], float] = time.monotonic,
        ledger: LedgerRanges | None = None,
    ) -> None:
        self._ledger = ledger
        self.on_lost: Callable[[Partition, Lost], None] = _log_loss
        self.on_made_anew: Callable[[str], None] = lambda topic: None
        self.streams: dict[str, str] = {}
        self.topic_ids: dict[str, str] = {}
        self._told_anew: set[str] = set()
        self._unplaced: set[TopicPartition] = set()
        self._beyond_since: dict[Partition, float] = {}
        self._rebalance = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[Any] | None = None
        self._is_leaving = False
        self._is_outdated = False
        self._paused: set[TopicPartition] = set()
        self._monotonic = monotonic
        self._connection = connection
        self._settings = settings
        self._consumer: Any = None  # an AIOKafkaConsumer once started
        self._positions: dict[Partition, int] = {}
        self._held: set[TopicPartition] = set()
        self._newest_answer: int | None = None
        self._answered_at = 0.0

    async def start(self, topics: Sequence[str], on_revoked: Revoked, on_assigned: Assigned) -> None:
        consumer = self._new_consumer()
        if consumer._enable_auto_commit:  # it would commit what is not durable
            raise SourceBroken("the Kafka client would commit by itself: enable_auto_commit must be off")
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise

        async def forget_positions() -> None:
            self._unplaced = set()
            async with self._rebalance:
                self._positions.clear()
                await on_revoked()

        async def place_anew(partitions: list[Partition]) -> None:
            async with self._rebalance:
                self._held.clear()
                self._paused = set()
                self._unplaced = {TopicPartition(*partition) for partition in partitions}
                self._consumer.pause(*self._unplaced)
                await on_assigned(partitions)

        self._forget_positions, self._place_anew = forget_positions, place_anew
        self._consumer = consumer
        self._watching = asyncio.create_task(self._watch(topics))
        self._answered_at = self._monotonic()
        consumer.subscribe(list(topics), listener=_Listener(forget_positions, place_anew))

    @property
    def client(self) -> Any:
        """The AIOKafkaConsumer, once started, for questions beside the polls."""
        return self._consumer

    async def poll(self, wait_ms: int, most: int) -> dict[Partition, Sequence[Record]]:
        if self._is_leaving:
            return {}
        if self._is_outdated:
            await self._begin_anew()
        if self._unplaced:
            await self._place()
        try:
            fetched = await self._consumer.getmany(timeout_ms=wait_ms, max_records=most)
        except NoOffsetForPartitionError:  # one that waits for its place
            return {}
        except OffsetOutOfRangeError as error:
            await self._out_of_range({Partition(*tp): offset for tp, offset in error.args[0].items()})
            return {}
        except RecordTooLargeError as error:
            # aiokafka has moved its position past the record already: going on would lose it.
            raise SourceBroken(told(error)) from error
        except KafkaError as error:
            raise PollFailed(told(error), needs_person=isinstance(error, NEEDS_PERSON)) from error
        self._note_answers()
        polled = {Partition(tp.topic, tp.partition): records for tp, records in fetched.items() if records}
        self._positions.update({p: records[-1].offset + 1 for p, records in polled.items()})
        await self._pass_over_what_holds_no_record()
        return polled

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        # aiokafka repeats a commit without limit, so it is bounded here.
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                await self._consumer.commit(
                    # The id says which life of the topic it is an offset of.
                    {TopicPartition(*p): (offset, self.topic_ids.get(p.topic, "")) for p, offset in offsets.items()}
                )
        except (KafkaError, TimeoutError) as error:
            raise CommitRefused(told(error), needs_person=isinstance(error, NEEDS_PERSON)) from error

    def pause(self, partitions: Collection[Partition]) -> None:
        # In a rebalance some may be gone already.
        self._paused = self._consumer.assignment() & {TopicPartition(*p) for p in partitions}
        self._consumer.pause(*self._paused)

    def resume(self) -> None:
        self._paused = set()
        self._consumer.resume(*(self._consumer.paused() - self._held - self._unplaced))

    def hold(self, partition: Partition) -> None:
        self._held.add(TopicPartition(*partition))
        self._consumer.pause(TopicPartition(*partition))

    def release(self, partition: Partition, offset: int) -> None:
        tp = TopicPartition(*partition)
        self._held.discard(tp)
        self._consumer.seek(tp, offset)
        self._consumer.resume(tp)
        self._positions[partition] = offset

    def lag(self) -> dict[Partition, int]:
        ends = {p: self._end(TopicPartition(*p)) for p in self._positions}
        return {p: max(0, end - self._positions[p]) for p, end in ends.items() if end is not None}

    def _end(self, tp: TopicPartition) -> int | None:
        """Where what may be read ends, as the broker said last: an open transaction is for nobody yet."""
        highwater: int | None = self._consumer.highwater(tp)
        stable: int | None = self._consumer.last_stable_offset(tp)
        return min(stable, highwater) if highwater is not None and stable is not None and stable > 0 else highwater

    async def _pass_over_what_holds_no_record(self) -> None:
        """The client is past the marks of transactions, and past aborted records, that nobody is given."""
        for partition, position in self._positions.items():
            with contextlib.suppress(IllegalStateError):  # gone in a rebalance
                # Of partitions that brought records it knows the position: this does not give way to other tasks.
                passed = await self._consumer.position(TopicPartition(*partition))
                self._positions[partition] = max(position, passed)

    def silent_seconds(self) -> float:
        return self._monotonic() - self._answered_at

    async def stop(self) -> None:
        if self._consumer is None:
            return
        self._is_leaving = True
        if self._asking is not None:
            # To its end: what asks a client that was closed, or is cancelled, leaves connections open.
            await asyncio.wait({self._asking}, timeout=ASKING_ENDS_SECONDS)
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        # In a task of its own: with the broker away aiokafka cancels its fetches, and stumbles over that itself.
        # In a rebalance it waits for the other members, as long as they like.
        leaving = asyncio.create_task(self._consumer.stop())
        done, _ = await asyncio.wait([leaving], timeout=LEAVE_SECONDS)
        leaving.cancel()
        outcome: list[object] = await asyncio.gather(leaving, return_exceptions=True)
        if not done or outcome != [None]:
            log.warning("left the group without a goodbye, its session runs out", reason=repr(outcome[0]))

    async def _place(self) -> None:
        """Decide where the assigned partitions begin. Raises `PollFailed`; those that are left are tried again."""
        wanted = {Partition(tp.topic, tp.partition) for tp in self._unplaced}
        try:
            self._asking = asyncio.create_task(
                partition_facts(self._connection, self._settings.consumer_group, self._consumer, self._ledger, wanted)
            )
            streams, found = await asyncio.shield(self._asking)
        except (KafkaError, StoreError, OSError, TimeoutError) as error:
            raise PollFailed(told(error), needs_person=isinstance(error, NEEDS_PERSON)) from error
        if not {TopicPartition(*p) for p in wanted} <= self._unplaced & self._consumer.assignment():
            return  # they were assigned anew meanwhile
        self._adopt(streams, {partition.topic for partition in wanted})
        for partition, facts in sorted(found.items()):
            placement = place(facts)
            if facts.is_beyond_end and placement.lost and not self._is_certain(partition):
                raise PollFailed(
                    f"{partition.topic}-{partition.number} ends before its committed offset; looking again"
                )
            self._begin(partition, placement)

    def _adopt(self, streams: Streams, topics: set[str]) -> None:
        for topic in sorted(topics):
            known, present = self.topic_ids.get(topic), streams.topic_id(topic)
            if known and known != present:
                self._tell_made_anew(topic, present)
                placed = self._consumer.assignment() - self._unplaced
                self._is_outdated |= any(tp.topic == topic for tp in placed)
            self.topic_ids[topic] = present
            self.streams[topic] = streams.of(topic)

    def _begin(self, partition: Partition, placement: Placement) -> None:
        tp = TopicPartition(*partition)
        self._unplaced.discard(tp)
        self._beyond_since.pop(partition, None)
        if placement.made_anew:
            self._tell_made_anew(partition.topic, self.topic_ids[partition.topic])
        self._consumer.seek(tp, placement.offset)
        self._positions[partition] = placement.offset
        if placement.lost is not None:
            self.hold(partition)
            self.on_lost(partition, placement.lost)
        elif tp not in self._paused:
            self._consumer.resume(tp)

    def _tell_made_anew(self, topic: str, topic_id: str) -> None:
        if topic_id in self._told_anew:
            return
        self._told_anew.add(topic_id)
        log.error("the topic was made anew: its records are read from the first on, in a new stream", topic=topic)
        self.on_made_anew(topic)

    def _is_certain(self, partition: Partition) -> bool:
        since = self._beyond_since.setdefault(partition, self._monotonic())
        return self._monotonic() - since >= TRUNCATED_SECONDS

    async def _out_of_range(self, positions: Mapping[Partition, int]) -> None:
        """The broker does not have what comes next. Raises `PollFailed` when it cannot be asked why."""
        try:
            begins = await self._consumer.beginning_offsets([TopicPartition(*partition) for partition in positions])
        except (KafkaError, OSError) as error:
            raise PollFailed(told(error)) from error
        assigned = self._consumer.assignment()
        for partition, position in positions.items():
            tp = TopicPartition(*partition)
            if tp not in assigned or tp in self._unplaced:
                continue
            if position < begins[tp]:
                lost = Lost(position, begins[tp] - 1, begins[tp], RETENTION)
                self._begin(partition, Placement(begins[tp], lost))
            else:  # beyond the end: truncated, or made anew
                self._is_outdated = True

    async def _begin_anew(self) -> None:
        """All that was read of the assigned partitions and is not durable is read again, as after a rebalance."""
        self._is_outdated = False
        assigned = [Partition(tp.topic, tp.partition) for tp in self._consumer.assignment()]
        await self._forget_positions()
        if assigned and {TopicPartition(*partition) for partition in assigned} == set(self._consumer.assignment()):
            await self._place_anew(sorted(assigned))

    async def _watch(self, topics: Sequence[str]) -> None:
        """Notice a topic that was made anew while its offsets still look right."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                async with asyncio.timeout(WATCH_SECONDS):
                    # Over the consumer's own connections: a new one that is given up half-way would stay open.
                    present = await ask_streams(self._consumer._client, topics)
            except (KafkaError, OSError, TimeoutError):
                continue  # polling tells of it
            known = {topic: present.topic_id(topic) for topic in self.topic_ids}
            self._is_outdated |= any(id and id != self.topic_ids[topic] for topic, id in known.items())

    def _note_answers(self) -> None:
        assigned = self._consumer.assignment()
        stamps = [self._consumer.last_poll_timestamp(tp) for tp in assigned]
        newest = max((stamp for stamp in stamps if stamp is not None), default=None)
        if newest != self._newest_answer or assigned == self._consumer.paused():
            self._newest_answer = newest
            self._answered_at = self._monotonic()

    def _new_consumer(self) -> AIOKafkaConsumer:
        session_ms = self._settings.session_timeout_ms
        return AIOKafkaConsumer(
            **self._connection.client_options(),
            client_id="runtally-consumer",
            group_id=self._settings.consumer_group,
            enable_auto_commit=False,
            auto_offset_reset="none",  # see `placement`
            isolation_level="read_committed",
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=max(100, session_ms // 10),
            rebalance_timeout_ms=max(60_000, session_ms),
            max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
            fetch_max_bytes=min(FETCH_BYTES, self._settings.buffer_bytes),
            max_partition_fetch_bytes=1024 * 1024,
        )


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    def __init__(self, on_revoked: Revoked, on_assigned: Assigned) -> None:
        self._on_revoked = on_revoked
        self._on_assigned = on_assigned

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._on_revoked()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        await self._on_assigned(sorted(Partition(tp.topic, tp.partition) for tp in assigned))


def _log_loss(partition: Partition, lost: Lost) -> None:
    log.error("records are lost", reason=lost.told(partition.topic, partition.number))

"""The Kafka side of the consumer: reading partitions, committing offsets, publishing dead letters."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from runtally.connection import KafkaConnection

from runtally_consumer.dead_letters import DeadLetter
from runtally_consumer.failures import DeadLetterTopicUnavailable
from runtally_consumer.records import Partition, Record
from runtally_consumer.settings import ConsumerSettings

COMMIT_SECONDS = 5.0
DEAD_LETTER_SECONDS = 30.0
MAX_POLL_INTERVAL_MS = 300_000

Revoked = Callable[[], Awaitable[None]]
Assigned = Callable[[list[Partition]], Awaitable[None]]


class CommitRefused(Exception):
    """The offsets were not committed, or their fate is not known. The records will be read again; nothing is lost."""


class KafkaSource:
    """The records of our partitions, as bytes.

    `on_revoked` and `on_assigned` are called inside the rebalance; they must not wait for `poll` to return.
    Never cancel `poll`: aiokafka's own watchdog would be off for good.
    """

    def __init__(self, connection: KafkaConnection, settings: ConsumerSettings) -> None:
        self._positions: dict[Partition, int] = {}
        self._consumer = AIOKafkaConsumer(
            **connection.client_options(),
            client_id="runtally-consumer",
            group_id=settings.consumer_group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=settings.session_timeout_ms,
            heartbeat_interval_ms=max(100, settings.session_timeout_ms // 10),
            rebalance_timeout_ms=max(60_000, settings.session_timeout_ms),
            max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
            max_partition_fetch_bytes=1024 * 1024,
        )

    async def start(self, topics: Sequence[str], on_revoked: Revoked, on_assigned: Assigned) -> None:
        """Join the group. Raises `KafkaError` when no broker answers."""
        try:
            await self._consumer.start()
        except (KafkaError, OSError):
            await self._consumer.stop()
            raise

        async def forget_positions() -> None:
            self._positions.clear()
            await on_revoked()

        self._consumer.subscribe(list(topics), listener=_Listener(forget_positions, on_assigned))

    async def poll(self, wait_ms: int, most: int) -> dict[Partition, Sequence[Record]]:
        """What was fetched, possibly nothing. May block longer than `wait_ms` while the group rebalances."""
        fetched = await self._consumer.getmany(timeout_ms=wait_ms, max_records=most)
        polled = {Partition(tp.topic, tp.partition): records for tp, records in fetched.items() if records}
        self._positions.update({p: records[-1].offset + 1 for p, records in polled.items()})
        return polled

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit within `COMMIT_SECONDS`. Raises `CommitRefused`, which is never a loss."""
        try:
            await asyncio.wait_for(
                self._consumer.commit({TopicPartition(*p): offset for p, offset in offsets.items()}),
                COMMIT_SECONDS,
            )
        except (KafkaError, TimeoutError) as error:
            raise CommitRefused(f"{type(error).__name__}: {error}") from error

    def pause(self) -> None:
        """Fetch nothing more until `resume`, but stay in the group while polled."""
        self._consumer.pause(*self._consumer.assignment())

    def resume(self) -> None:
        self._consumer.resume(*self._consumer.paused())

    def lag(self) -> dict[Partition, int]:
        """Records that the broker is known to have beyond what was polled, by partition."""
        ends = {p: self._consumer.highwater(TopicPartition(*p)) for p in self._positions}
        return {p: max(0, end - self._positions[p]) for p, end in ends.items() if end is not None}

    async def stop(self) -> None:
        """Leave the group. The caller has committed what it wants committed."""
        await self._consumer.stop()


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    def __init__(self, on_revoked: Revoked, on_assigned: Assigned) -> None:
        self._on_revoked = on_revoked
        self._on_assigned = on_assigned

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._on_revoked()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        await self._on_assigned(sorted(Partition(tp.topic, tp.partition) for tp in assigned))


class KafkaDeadLetterTopic:
    """The dead-letter topics behind a started producer."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def publish(self, letters: Sequence[DeadLetter]) -> None:
        """Returns once all are acknowledged. Raises `DeadLetterTopicUnavailable`."""
        try:
            async with asyncio.timeout(DEAD_LETTER_SECONDS):
                sent = [
                    await self._producer.send(
                        letter.topic, value=letter.record.value, key=_key(letter), headers=letter.headers()
                    )
                    for letter in letters
                ]
                await asyncio.gather(*sent)
        except (KafkaError, OSError, TimeoutError) as error:
            raise DeadLetterTopicUnavailable(f"dead-letter topic: {type(error).__name__}: {error}") from error


def _key(letter: DeadLetter) -> bytes | None:
    # aiokafka refuses a record that has neither key nor value.
    return b"" if letter.record.value is None and letter.record.key is None else letter.record.key

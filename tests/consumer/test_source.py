"""The fake and Kafka keep the contract of `Source`; beside it, what only Kafka's can get wrong."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    CommitFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
)
from backends.kafka_backend import KafkaBackend
from consumer.fakes import FakeBroker, FakeSource
from consumer.samples import P0
from consumer.source_behaviour import Broker, Play, SourceBehaviour
from runtally.connection import KafkaConnection
from runtally_consumer import kafka as adapter
from runtally_consumer.kafka import KafkaSource
from runtally_consumer.records import Partition
from runtally_consumer.settings import ConsumerSettings
from runtally_consumer.source import CommitRefused, PollFailed, Source, SourceBroken

Story = Callable[[Broker], Coroutine[Any, Any, None]]


class MemoryBroker:
    """`Broker` over the fake."""

    topic = "memory"

    def __init__(self) -> None:
        self._broker = FakeBroker([Partition(self.topic, 0), Partition(self.topic, 1)])

    async def publish(self, number: int, values: Sequence[bytes | None]) -> None:
        self._broker.publish(Partition(self.topic, number), values)

    def source(self) -> Source:
        return FakeSource(self._broker)


class RealBroker:
    """`Broker` over Kafka."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.topic = topic
        self._bootstrap = bootstrap

    async def create(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(self.topic, 2, 1)])
        await admin.close()

    async def publish(self, number: int, values: Sequence[bytes | None]) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self._bootstrap) as producer:
            for sent in [await producer.send(self.topic, value, partition=number) for value in values]:
                await sent

    def source(self) -> Source:
        settings = ConsumerSettings(consumer_group=f"group-{self.topic}", session_timeout_ms=6000)
        return KafkaSource(KafkaConnection(self._bootstrap), settings)


class TestFakeSource(SourceBehaviour):
    @pytest.fixture
    def play(self) -> Play:
        def run(story: Story) -> None:
            async def main() -> None:
                await story(MemoryBroker())

            asyncio.run(main())

        return run


class TestKafkaSource(SourceBehaviour):
    @pytest.fixture
    def play(self, kafka: KafkaBackend, unique: Callable[[str], str]) -> Play:
        def run(story: Story) -> None:
            async def main() -> None:
                broker = RealBroker(kafka.bootstrap, unique("source"))
                await broker.create()
                await story(broker)

            asyncio.run(main())

        return run


class FailingConsumer:
    """Raises in place of an aiokafka consumer."""

    def __init__(self, error: BaseException | None) -> None:
        self._error = error

    async def getmany(self, **options: object) -> Mapping[object, object]:
        assert self._error is not None
        raise self._error

    async def commit(self, offsets: Mapping[object, int]) -> None:
        if self._error is None:
            await asyncio.Event().wait()
        else:
            raise self._error

    async def stop(self) -> None:
        await asyncio.Event().wait()


def failing(error: BaseException | None) -> KafkaSource:
    source = KafkaSource(KafkaConnection(), ConsumerSettings())
    source._consumer = FailingConsumer(error)
    return source


@pytest.mark.parametrize(
    ("error", "needs_person"),
    [
        (TopicAuthorizationFailedError("agent-runs.v1"), True),
        (GroupAuthorizationFailedError("runtally"), True),
        (KafkaError("Unexpected error during coordination"), False),
    ],
)
def test_a_poll_that_fails_says_whether_waiting_helps(error: KafkaError, needs_person: bool) -> None:
    with pytest.raises(PollFailed) as raised:
        asyncio.run(failing(error).poll(1, 1))
    assert raised.value.needs_person is needs_person
    assert type(error).__name__ in str(raised.value)


def test_a_record_that_aiokafka_would_skip_breaks_the_source() -> None:
    with pytest.raises(SourceBroken):
        asyncio.run(failing(RecordTooLargeError("too large")).poll(1, 1))


@pytest.mark.parametrize(
    ("error", "needs_person"), [(CommitFailedError("rebalanced"), False), (GroupAuthorizationFailedError("g"), True)]
)
def test_a_commit_that_fails_is_refused(error: KafkaError, needs_person: bool) -> None:
    with pytest.raises(CommitRefused) as raised:
        asyncio.run(failing(error).commit({P0: 1}))
    assert raised.value.needs_person is needs_person


def test_a_commit_and_a_goodbye_that_hang_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "COMMIT_SECONDS", 0.01)
    monkeypatch.setattr(adapter, "LEAVE_SECONDS", 0.01)

    async def story() -> None:
        source = failing(None)
        with pytest.raises(CommitRefused, match="TimeoutError"):
            await source.commit({P0: 1})
        await source.stop()

    asyncio.run(story())


def test_a_start_without_a_broker_raises_and_leaves_nothing_open() -> None:
    async def nothing(*given: object) -> None:
        raise AssertionError("no partitions without a broker")

    source = KafkaSource(KafkaConnection("127.0.0.1:1"), ConsumerSettings())

    async def story() -> None:
        with pytest.raises(KafkaError):
            await source.start(["agent-runs.v1"], nothing, nothing)
        await source.stop()

    asyncio.run(story())

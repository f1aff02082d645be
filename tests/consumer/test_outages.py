"""Servers that die under a running consumer, and come back."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from backends.clickhouse_backend import ClickHouseBackend
from backends.clickhouse_native import NativeClickHouse
from consumer.samples import NOT_JSON, RUNS
from consumer.stack import Stack, until
from runtally.connection import KafkaConnection
from runtally_cli.local.kafka import KafkaBroker
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation
from runtally_clickhouse.migrations import migrate
from runtally_consumer import composition, kafka_dead_letters, service
from runtally_consumer.settings import ConsumerSettings
from runtally_consumer.topics import TopicLayout, create_topics

SETTINGS = ConsumerSettings(consumer_group="outages", linger_ms=50, session_timeout_ms=6000, drain_seconds=3)


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """An outage is noticed after two seconds instead of fifteen."""
    monkeypatch.setattr(service, "LIVE_SECONDS", 2.0)
    monkeypatch.setattr(kafka_dead_letters, "DEAD_LETTER_SECONDS", 2.0)
    monkeypatch.setattr(composition, "PRODUCER_STOP_SECONDS", 3.0)


@pytest.fixture
def clickhouse_store(clickhouse: ClickHouseBackend, database: str) -> Iterator[Store]:
    """A store in the shared ClickHouse, in a database of the test's own."""
    url = clickhouse.url_of(database)
    store = Store(StoreLocation.server(url) if url else StoreLocation(path=clickhouse.path, database=database))
    migrate(store)
    yield store
    store.close()


async def prepared(broker: KafkaBroker, store: Store) -> Stack:
    connection = KafkaConnection(broker.bootstrap)
    await create_topics(connection, TopicLayout(partitions=2))
    return Stack(connection, store, SETTINGS)


def test_the_broker_dies_and_comes_back(private_kafka: KafkaBroker, clickhouse_store: Store) -> None:
    async def story() -> None:
        stack = await prepared(private_kafka, clickhouse_store)
        first = await stack.produce(RUNS, [*stack.runs(0, 50), NOT_JSON])
        async with stack.consumer() as parts:
            await until(stack.is_ingested, "the first in the store")
            private_kafka.kill()
            await until(lambda: "no broker" in (parts.consumer.not_ready_reason() or ""), "the outage told")
            assert parts.consumer.is_alive()
            await asyncio.to_thread(private_kafka.start)
            more = await stack.produce(RUNS, [*stack.runs(50, 100), NOT_JSON])
            await until(stack.is_ingested, "the rest in the store")
            await until(lambda: parts.consumer.not_ready_reason() is None, "ready again")
        assert stack.stored_runs() == 100
        assert await stack.is_committed()
        await stack.dead_letters([first[-1], more[-1]])

    asyncio.run(story())


def test_leaving_while_the_broker_is_away_with_a_letter_to_send_does_not_hang(
    private_kafka: KafkaBroker, clickhouse_store: Store
) -> None:
    async def story() -> None:
        stack = await prepared(private_kafka, clickhouse_store)
        await stack.produce(RUNS, [NOT_JSON])
        async with stack.consumer() as parts:
            writer = parts.consumer._writer
            publish = writer._dead_letter_topic.publish
            reached = asyncio.Event()

            async def after_the_kill(letters: object) -> None:
                if not reached.is_set():
                    private_kafka.kill()
                    reached.set()
                await publish(letters)  # type: ignore[arg-type] # passed through

            writer._dead_letter_topic.publish = after_the_kill  # type: ignore[method-assign] # the fault
            await asyncio.wait_for(reached.wait(), 60)
            await until(lambda: "dead-letter" in (parts.consumer.not_ready_reason() or ""), "the outage told")
        assert stack.covered() == {}

    asyncio.run(asyncio.wait_for(story(), 60))


def test_the_store_dies_in_the_middle_of_inserts_and_comes_back(
    private_kafka: KafkaBroker, private_clickhouse: Callable[[None], NativeClickHouse]
) -> None:
    server = private_clickhouse(None)
    store = Store(StoreLocation.server(server.url))
    migrate(store)

    async def story() -> None:
        stack = await prepared(private_kafka, store)
        await stack.produce(RUNS, stack.runs(0, 100))
        async with stack.consumer() as parts:
            for start in range(100, 400, 100):
                await stack.produce(RUNS, stack.runs(start, start + 100))
                server.kill()
                await until(lambda: parts.consumer.not_ready_reason() is not None, "the outage told")
                await asyncio.to_thread(server.start)
            await until(stack.is_ingested, "everything in the store")
            await until(lambda: parts.consumer.not_ready_reason() is None, "ready again")
        assert stack.stored_runs() == 400
        assert stack.mirrored() == []
        assert await stack.is_committed()

    try:
        asyncio.run(story())
    finally:
        store.close()

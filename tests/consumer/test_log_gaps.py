"""Offsets that hold no record: marks and aborted records of transactions, and what compaction took away. All real."""

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from backends.clickhouse_native import ClickHouseOptions, NativeClickHouse
from consumer.samples import RUNS
from consumer.stack import Stack, until
from integration.stacks import RUNTALLY, free_ports
from runtally.connection import KafkaConnection
from runtally_cli.local import ports
from runtally_cli.local.kafka import QUICK_TO_NOTICE, KafkaBroker, KafkaOptions
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation
from runtally_clickhouse.migrations import migrate
from runtally_consumer.records import Partition
from runtally_consumer.settings import ConsumerSettings
from runtally_consumer.topics import TopicLayout, create_topics

StartClickHouse = Callable[[ClickHouseOptions | None], NativeClickHouse]
GROUP = "gaps"
P0 = Partition(RUNS, 0)
SETTINGS = ConsumerSettings(consumer_group=GROUP, linger_ms=50, session_timeout_ms=6000)
PROPERTIES = {
    **QUICK_TO_NOTICE,
    "log.cleaner.backoff.ms": "200",
}


@pytest.fixture
def stack(private_clickhouse: StartClickHouse, tmp_path: Path) -> Iterator[Stack]:
    """Servers of the test's own, with topics of one partition and a cleaner that does not dawdle."""
    options = KafkaOptions(properties=PROPERTIES)
    with (
        KafkaBroker(tmp_path / "cleaning", ports.pick_free(), options) as broker,
        migrated(private_clickhouse(None)) as store,
    ):
        yield Stack(KafkaConnection(broker.bootstrap), store, SETTINGS)


@contextmanager
def migrated(server: NativeClickHouse) -> Iterator[Store]:
    store = Store(StoreLocation.server(server.url))
    migrate(store)
    yield store
    store.close()


def verified(stack: Stack, folder: Path) -> str:
    """What `runtally verify` says; fails unless it finds everything accounted for."""
    environment = {
        **free_ports(folder),
        "RUNTALLY_KAFKA_BOOTSTRAP": stack.connection.bootstrap,
        "RUNTALLY_CLICKHOUSE_URL": str(stack.store.location.url),
        "RUNTALLY_CONSUMER_GROUP": GROUP,
    }
    told = subprocess.run(
        [*RUNTALLY, "verify"], env=environment, capture_output=True, text=True, timeout=90, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


async def transaction(stack: Stack, first: int, end: int, *, commit: bool) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=stack.connection.bootstrap, transactional_id="fleet")
    async with producer:
        await producer.begin_transaction()
        for value in stack.runs(first, end):
            sent = await producer.send_and_wait(RUNS, value, partition=0)
            if commit:
                stack.produced[P0].append(sent.offset)
        await (producer.commit_transaction() if commit else producer.abort_transaction())


def test_aborted_records_never_count_and_marks_of_transactions_hold_nothing_up(stack: Stack, tmp_path: Path) -> None:
    async def story() -> None:
        await create_topics(stack.connection, TopicLayout(partitions=1))
        async with stack.consumer() as parts:

            def lag() -> int:
                return sum(parts.consumer._source.lag().values())

            await transaction(stack, 0, 10, commit=True)
            await transaction(stack, 10, 20, commit=False)
            await until(lambda: stack.is_ingested() and lag() == 0, "past the marks")
            await transaction(stack, 20, 30, commit=True)
            await transaction(stack, 30, 40, commit=False)
            await until(lambda: stack.is_ingested() and lag() == 0, "past the last mark")
            open_ended = AIOKafkaProducer(bootstrap_servers=stack.connection.bootstrap, transactional_id="slow")
            async with open_ended:
                await open_ended.begin_transaction()
                await open_ended.send_and_wait(RUNS, stack.runs(40, 41)[0], partition=0)
                await stack.produce(RUNS, stack.runs(50, 51))
                highwater = parts.consumer._source._consumer.highwater  # type: ignore[attr-defined] # the client's
                await until(lambda: highwater(TopicPartition(RUNS, 0)) > max(stack.produced[P0]), "the client told")
                assert lag() == 0  # an open transaction is nothing that stands still
                assert stack.stored_runs() == 20
                await open_ended.abort_transaction()
            await until(stack.is_ingested, "what lay behind it")
        assert stack.stored_runs() == 21
        assert await stack.is_committed()

    asyncio.run(story())
    verified(stack, tmp_path)


def test_what_compaction_took_away_is_no_gap(stack: Stack, tmp_path: Path) -> None:
    async def story() -> None:
        await create_compacted(stack.connection.bootstrap)
        await create_topics(stack.connection, TopicLayout(partitions=1))
        for first in (0, 10, 20):
            await stack.produce(RUNS, stack.runs(first, first + 10), key=b"one")
        before = await compacted(stack)
        async with stack.consumer() as parts:
            await until(lambda: newest_in_ledger(stack) == before[-1], "what is left")
            await until(lambda: sum(parts.consumer._source.lag().values()) == 0, "no lag")
        after = await offsets_left(stack, before[-1])  # the cleaner may have gone on meanwhile
        assert len(after) <= stack.stored_runs() <= len(before)
        assert await stack.is_committed()

    asyncio.run(story())
    verified(stack, tmp_path)


async def create_compacted(bootstrap: str) -> None:
    configs = {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.0"}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(RUNS, 1, 1, topic_configs=configs)])
    await admin.close()


async def compacted(stack: Stack) -> list[int]:
    """The offsets that are left, as soon as some are gone.

    A segment is closed by a record that comes when it is old enough, so one more is sent before each look.
    """
    async with asyncio.timeout(60):
        for number in count(30):
            [(_, end)] = await stack.produce(RUNS, stack.runs(number, number + 1), key=b"another")
            left = await offsets_left(stack, end)
            if len(left) <= end:
                return left
    raise AssertionError("unreachable")


async def offsets_left(stack: Stack, end: int) -> list[int]:
    """The offsets up to `end`, which is there, that hold a record."""
    found: list[int] = []
    bootstrap = stack.connection.bootstrap
    async with (
        asyncio.timeout(30),
        AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as client,
    ):
        client.assign([TopicPartition(RUNS, 0)])
        await client.seek_to_beginning()
        while not found or found[-1] < end:
            for records in (await client.getmany(timeout_ms=100)).values():
                found += [record.offset for record in records]
    return found


def newest_in_ledger(stack: Stack) -> int:
    """The greatest offset that is accounted for."""
    return int(stack.store.query("SELECT max(last_offset) AS newest FROM ingest_ledger", {})[0]["newest"])

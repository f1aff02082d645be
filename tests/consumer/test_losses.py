"""Lost records, topics made anew, expired offsets: on real Kafka, told and never skipped."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.protocol.admin import DeleteGroupsRequest
from backends.clickhouse_backend import ClickHouseBackend
from consumer.samples import P0, RUNS
from consumer.stack import Stack, until
from runtally.connection import KafkaConnection
from runtally.streams import present_streams
from runtally_cli.dlq.resuming import is_standing
from runtally_cli.local.kafka import KafkaBroker
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation
from runtally_clickhouse.migrations import migrate
from runtally_clickhouse.partition_stops import PartitionStop, ResumeRequest, last_stops, request_resumes
from runtally_consumer import kafka
from runtally_consumer.composition import ConsumerParts
from runtally_consumer.kafka import KafkaSource
from runtally_consumer.settings import ConsumerSettings
from runtally_consumer.topics import TopicLayout, create_topics

GROUP = "losses"
SETTINGS = ConsumerSettings(consumer_group=GROUP, linger_ms=50, session_timeout_ms=6000, drain_seconds=3)


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A topic that was made anew is noticed within half a second instead of ten."""
    monkeypatch.setattr(kafka, "WATCH_SECONDS", 0.5)
    monkeypatch.setattr(kafka, "METADATA_MAX_AGE_MS", 1000)


@pytest.fixture
def stack(private_kafka: KafkaBroker, clickhouse: ClickHouseBackend, database: str) -> Iterator[Stack]:
    url = clickhouse.url_of(database)
    location = StoreLocation.server(url) if url else StoreLocation(path=clickhouse.path, database=database)
    with closing(Store(location)) as store:
        migrate(store)
        stack = Stack(KafkaConnection(private_kafka.bootstrap), store, SETTINGS)
        asyncio.run(create_topics(stack.connection, TopicLayout(partitions=1)))
        yield stack


@asynccontextmanager
async def admin_of(stack: Stack) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.connection.bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def consume_all(stack: Stack) -> None:
    """A member that writes and commits all that was produced, and leaves."""
    async with stack.consumer():
        await until(stack.is_ingested, "everything in the store")
    assert await stack.is_committed()


async def remove_before(stack: Stack, offset: int) -> None:
    """What retention does, at once."""
    async with admin_of(stack) as admin:
        await admin.delete_records({TopicPartition(*P0): RecordsToDelete(offset)})


async def make_anew(stack: Stack) -> None:
    async with admin_of(stack) as admin:
        await admin.delete_topics([RUNS])
        while RUNS in await admin.list_topics():
            await asyncio.sleep(0.05)
    await create_topics(stack.connection, TopicLayout(partitions=1))
    stack.produced.clear()


async def told(parts: ConsumerParts, text: str) -> None:
    await until(lambda: text in (parts.consumer.not_ready_reason() or ""), f"{text!r} in /ready")


def streams(stack: Stack) -> dict[str, int]:
    """The greatest offset in the ledger, by stream."""
    rows = stack.store.query("SELECT stream, max(last_offset) AS last FROM ingest_ledger GROUP BY stream", {})
    return {row["stream"]: row["last"] for row in rows}


def test_what_retention_took_stops_the_partition_until_somebody_accepts_it(stack: Stack) -> None:
    async def story() -> None:
        await stack.produce(RUNS, stack.runs(0, 10))
        await consume_all(stack)
        await stack.produce(RUNS, stack.runs(10, 30))
        await remove_before(stack, 25)
        async with stack.consumer() as parts:
            await told(parts, "agent-runs.v1-0 stopped: offsets 10..24 were removed from the topic")
            assert parts.consumer.is_alive()
            assert stack.stored_runs() == 10
            assert b'lost_offsets_total{topic="agent-runs.v1"} 15.0' in _metrics(parts)
            assert parts.consumer.resume_partition(P0)
            await until(lambda: stack.stored_runs() == 15, "the rest in the store")
            await until(lambda: parts.consumer.not_ready_reason() is None, "ready again")
        assert await stack.committed() == {P0: 30}

    asyncio.run(story())


def test_an_accepted_loss_stays_accepted_after_a_restart(stack: Stack) -> None:
    async def story() -> None:
        await stack.produce(RUNS, stack.runs(0, 10))
        await consume_all(stack)
        await stack.produce(RUNS, stack.runs(10, 20))
        await remove_before(stack, 20)
        async with stack.consumer() as parts:
            await told(parts, "offsets 10..19")
            parts.consumer.resume_partition(P0)
            await until(lambda: parts.consumer.not_ready_reason() is None, "ready again")
        assert await stack.committed() == {P0: 20}

    asyncio.run(story())


def test_retention_that_overtakes_a_running_consumer(stack: Stack) -> None:
    async def story() -> None:
        await stack.produce(RUNS, stack.runs(0, 10))
        async with stack.consumer() as parts:
            await until(stack.is_ingested, "the first in the store")
            parts.consumer._source.pause([P0])
            await stack.produce(RUNS, stack.runs(10, 1_000))
            # What was fetched in advance is still there.
            fetched_to = await parts.consumer._source._consumer.position(TopicPartition(*P0))  # type: ignore[attr-defined]
            await remove_before(stack, 990)
            parts.consumer._source.release(P0, 900)  # as if it had read so far
            assert fetched_to <= 900
            await told(parts, "offsets 900..989 were removed")

    asyncio.run(story())


@pytest.mark.parametrize("records", [5, 20])
def test_a_topic_made_anew_while_nobody_reads_is_read_from_its_first_record_in_a_new_stream(
    stack: Stack, records: int
) -> None:
    async def story() -> None:
        await stack.produce(RUNS, stack.runs(0, 10))
        await consume_all(stack)
        before = streams(stack)
        await make_anew(stack)
        async with stack._client() as client:  # a late commit of a member that did not know
            client.assign([TopicPartition(*P0)])
            await client.commit({TopicPartition(*P0): (10, next(iter(before)).partition("#")[2])})
        await stack.produce(RUNS, stack.runs(100, 100 + records))
        async with stack.consumer() as parts:
            await until(lambda: stack.stored_runs() == 10 + records, "all records of the new topic")
            await until(lambda: parts.consumer.not_ready_reason() is None, "ready")
            assert b'topics_made_anew_total{topic="agent-runs.v1"} 1.0' in _metrics(parts)
        present = (await present_streams(stack.connection, [RUNS])).of(RUNS)
        assert streams(stack) == {**before, present: records - 1}
        assert await stack.committed() == {P0: records}

    asyncio.run(story())


@pytest.mark.parametrize("records", [5, 20])
def test_a_topic_made_anew_under_a_running_consumer(stack: Stack, records: int) -> None:
    async def story() -> None:
        await stack.produce(RUNS, stack.runs(0, 10))
        async with stack.consumer() as parts:
            await until(stack.is_ingested, "the first in the store")
            before = streams(stack)
            await make_anew(stack)
            await stack.produce(RUNS, stack.runs(100, 100 + records))
            await until(lambda: stack.stored_runs() == 10 + records, "all records of the new topic")
            await until(lambda: parts.consumer.not_ready_reason() is None, "ready")
        present = (await present_streams(stack.connection, [RUNS])).of(RUNS)
        assert streams(stack)[present] == records - 1
        assert streams(stack).keys() == {*before, present}
        assert await stack.committed() == {P0: records}

    asyncio.run(story())


@pytest.mark.parametrize("lost", [0, 3])
def test_after_its_offsets_expired_a_group_goes_on_where_the_ledger_ends(stack: Stack, lost: int) -> None:
    async def story() -> None:
        await stack.produce(RUNS, stack.runs(0, 10))
        await consume_all(stack)
        async with admin_of(stack) as admin:
            coordinator = await admin.find_coordinator(GROUP)
            deleted = await admin._send_request(DeleteGroupsRequest([GROUP]), coordinator)
            assert deleted.results == [(GROUP, 0)]
        await stack.produce(RUNS, stack.runs(10, 20))
        await remove_before(stack, 10 + lost)
        async with stack.consumer() as parts:
            if lost:
                await told(parts, "offsets 10..12 were removed")
                assert stack.stored_runs() == 10
            else:
                await until(lambda: stack.stored_runs() == 20, "the rest in the store")
        rows = stack.store.query("SELECT first_offset FROM ingest_ledger ORDER BY first_offset", {})
        assert [row["first_offset"] for row in rows] == ([0] if lost else [0, 10])

    asyncio.run(story())


def test_a_group_without_offsets_starts_at_the_earliest_record_there_is(stack: Stack) -> None:
    async def story() -> None:
        await stack.produce(RUNS, stack.runs(0, 10))
        await remove_before(stack, 4)
        async with stack.consumer() as parts:
            await until(lambda: stack.stored_runs() == 6, "what is there")
            assert parts.consumer.stopped_partitions() == {}

    asyncio.run(story())


def _metrics(parts: ConsumerParts) -> bytes:
    from prometheus_client import generate_latest

    return generate_latest(parts.metrics.registry)


async def _request(stack: Stack, parts: ConsumerParts, end: int) -> None:
    """As `runtally dlq resume` leaves it."""
    source = parts.consumer._source
    assert isinstance(source, KafkaSource)
    request = ResumeRequest(source.streams[RUNS], RUNS, 0, end)
    await asyncio.to_thread(request_resumes, stack.store, [request], datetime.now(UTC))


async def _stop_of(stack: Stack) -> PartitionStop:
    (stop,) = await asyncio.to_thread(last_stops, stack.store, list(streams(stack)))
    return stop


def test_a_loss_is_accepted_through_the_register(stack: Stack) -> None:
    async def story() -> None:
        await stack.produce(RUNS, stack.runs(0, 10))
        await consume_all(stack)
        await stack.produce(RUNS, stack.runs(10, 30))
        await remove_before(stack, 25)
        async with stack.consumer() as parts:
            await told(parts, "offsets 10..24 were removed")
            await until(lambda: parts.consumer._resumes._untold == [], "the stop told")
            stop = await _stop_of(stack)
            assert (stop.stopped_offset, is_standing(stop, 10), is_standing(stop, 25)) == (10, True, False)
            await _request(stack, parts, 30)
            await until(lambda: stack.stored_runs() == 15, "the rest in the store")
            await until(lambda: parts.consumer.not_ready_reason() is None, "ready again")
        assert await stack.committed() == {P0: 30}

    asyncio.run(story())


def test_a_truncation_is_told_as_standing_until_it_was_accepted(stack: Stack) -> None:
    async def story() -> None:
        await stack.produce(RUNS, stack.runs(0, 10))
        await consume_all(stack)
        async with stack._client() as client:
            client.assign([TopicPartition(*P0)])
            await client.commit({TopicPartition(*P0): 20})  # as if ten more had been there
        async with stack.consumer() as parts:
            await told(parts, "offsets 10..19 were read and committed, and the topic now ends before them")
            await until(lambda: parts.consumer._resumes._untold == [], "the stop told")
            stop = await _stop_of(stack)
            assert is_standing(stop, (await stack.committed())[P0])
            await _request(stack, parts, 11)
            await until(lambda: parts.consumer.not_ready_reason() is None, "ready again")
            await until(lambda: parts.consumer._engine._committed.get(P0) == 10, "the place committed")
            committed = (await stack.committed())[P0]
            assert (committed, is_standing(stop, committed)) == (10, False)  # without a new record
            await stack.produce(RUNS, stack.runs(10, 15))
            await until(lambda: stack.stored_runs() == 15, "what comes now")
        assert not is_standing(stop, (await stack.committed())[P0])

    asyncio.run(story())

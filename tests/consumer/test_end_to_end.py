"""Kafka to ClickHouse and back out, both real: every record once, whatever happens to the consumer."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from backends.clickhouse_backend import ClickHouseBackend
from backends.kafka_backend import KafkaBackend
from consumer.samples import (
    ACTIVITY,
    FEEDBACK,
    LIFECYCLE,
    NO_AGENT,
    NOT_JSON,
    RUNS,
    activity_value,
    feedback_value,
    lifecycle_value,
    run_value,
)
from consumer.stack import Stack, until
from runtally.connection import KafkaConnection
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation
from runtally_clickhouse.migrations import migrate
from runtally_consumer.settings import ConsumerSettings
from runtally_consumer.topics import TopicLayout, create_topics

Play = Callable[[Callable[[Stack], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def play(
    kafka: KafkaBackend, clickhouse: ClickHouseBackend, database: str, unique: Callable[[str], str]
) -> Iterator[Play]:
    """Runs a test's coroutine over a stack whose group begins at the topics' ends."""
    url = clickhouse.url_of(database)
    location = StoreLocation.server(url) if url else StoreLocation(path=clickhouse.path, database=database)
    store = Store(location)
    migrate(store)
    connection = KafkaConnection(kafka.bootstrap)
    settings = ConsumerSettings(
        consumer_group=unique("consumer"), linger_ms=50, batch_rows=100, session_timeout_ms=6000, drain_seconds=20
    )

    def run(story: Callable[[Stack], Coroutine[Any, Any, None]]) -> None:
        async def main() -> None:
            await create_topics(connection, TopicLayout(partitions=3))
            stack = Stack(connection, store, settings)
            await stack.begin_at_the_ends()
            await story(stack)

        asyncio.run(main())

    yield run
    store.close()


def test_four_topics_arrive_once_and_everything_is_committed(play: Play) -> None:
    async def story(stack: Stack) -> None:
        for codec in (None, "gzip", "snappy", "lz4", "zstd"):
            first = {None: 0, "gzip": 100, "snappy": 200, "lz4": 300, "zstd": 400}[codec]
            await stack.produce(RUNS, stack.runs(first, first + 100), compression_type=codec)
        await stack.produce(FEEDBACK, [feedback_value(n) for n in range(20)], key=b"k")
        await stack.produce(LIFECYCLE, [lifecycle_value(n) for n in range(20)])
        await stack.produce(ACTIVITY, [activity_value(n) for n in range(20)])
        async with stack.consumer() as parts:
            await until(stack.is_ingested, "everything in the store")
            assert parts.consumer.not_ready_reason() is None
            assert parts.consumer.is_alive()
        assert stack.stored_runs() == 500
        for table in ("agent_feedback", "agent_lifecycle", "user_activity"):
            assert stack.count(f"{table} FINAL WHERE workspace_id = 'acme'") == 20
        assert await stack.is_committed()
        assert stack.mirrored() == []

    play(story)


def test_refused_records_are_kept_in_the_dead_letter_topic_and_shown_in_the_store(play: Play) -> None:
    async def story(stack: Stack) -> None:
        good = await stack.produce(RUNS, stack.runs(0, 50))
        refused = await stack.produce(RUNS, [NOT_JSON, NO_AGENT, None])
        refused += await stack.produce(FEEDBACK, [b"{}", b"x" * 300_000])
        async with stack.consumer():
            await until(stack.is_ingested, "everything accounted for")
        letters = await stack.dead_letters(refused)
        values = [letters[place].value for place in refused]
        assert values == [NOT_JSON, NO_AGENT, None, b"{}", b"x" * 300_000]
        assert [letters[place].key for place in refused] == [None, None, b"k", None, None]
        assert stack.mirrored() == sorted(refused)
        assert stack.stored_runs() == len(good)
        assert await stack.is_committed()

    play(story)


def test_a_second_start_changes_nothing(play: Play) -> None:
    async def story(stack: Stack) -> None:
        await stack.produce(RUNS, stack.runs(0, 200))
        async with stack.consumer():
            await until(stack.is_ingested, "everything in the store")
        before = _physical(stack)
        async with stack.consumer() as parts:
            await until(lambda: parts.consumer.not_ready_reason() is None, "partitions")
            assert await parts.consumer.catch_up(quiet_seconds=0.6, budget_seconds=20)
        assert _physical(stack) == before
        assert await stack.is_committed()

    play(story)


def test_a_kill_between_insert_and_commit_is_replayed_without_a_trace(play: Play) -> None:
    async def story(stack: Stack) -> None:
        await stack.produce(RUNS, stack.runs(0, 200))
        refused = await stack.produce(RUNS, [NOT_JSON] * 3)
        await stack.kill_before_commit()
        assert await stack.committed() == {partition: stack.begin[partition] for partition in stack.produced}
        answers = _answers(stack)
        written_once = _physical(stack)
        async with stack.consumer() as parts:
            await until(lambda: parts.consumer.not_ready_reason() is None, "partitions")
            assert await parts.consumer.catch_up(quiet_seconds=0.6, budget_seconds=20)
        assert _answers(stack) == answers == (200, 3)
        assert _physical(stack) >= written_once
        assert stack.is_ingested()
        assert await stack.is_committed()
        await stack.dead_letters(refused)

    play(story)


def test_members_that_come_and_go_lose_nothing_and_count_nothing_twice(play: Play) -> None:
    async def story(stack: Stack) -> None:
        async with stack.consumer() as first:
            await stack.produce(RUNS, stack.runs(0, 300))
            async with stack.consumer() as second:
                for start in range(300, 900, 100):
                    await stack.produce(RUNS, stack.runs(start, start + 100))
                await until(lambda: second.consumer.not_ready_reason() is None, "the second member's partitions")
            await stack.produce(RUNS, stack.runs(900, 1000))
            await until(stack.is_ingested, "everything in the store")
            assert first.consumer.is_alive()
        assert stack.stored_runs() == 1000
        assert await stack.is_committed()

    play(story)


def test_every_bucket_with_runs_is_marked_before_it_is_committed(play: Play) -> None:
    async def story(stack: Stack) -> None:
        await stack.produce(RUNS, stack.runs(0, 100))
        async with stack.consumer():
            await until(stack.is_ingested, "everything in the store")
        sql = "SELECT DISTINCT toStartOfFifteenMinutes(started_at) AS bucket FROM agent_runs ORDER BY bucket"
        buckets = [row["bucket"] for row in stack.store.query(sql, {})]
        marked = stack.store.query("SELECT bucket FROM bucket_changes WHERE changes != 0 ORDER BY bucket", {})
        assert len(buckets) >= 7
        assert [row["bucket"] for row in marked] == buckets

    play(story)


def _answers(stack: Stack) -> tuple[int, int]:
    return stack.stored_runs(), len(stack.mirrored())


def _physical(stack: Stack) -> int:
    """Rows as they lie there, before any merge."""
    sql = "SELECT count() AS n FROM agent_runs WHERE workspace_id = {workspace:String}"
    return int(stack.store.unmerged(sql, {"workspace": stack.workspace})[0]["n"])


def test_a_row_that_clickhouse_refuses_is_one_dead_letter_and_all_others_are_stored(play: Play) -> None:
    async def story(stack: Stack) -> None:
        stack.store.command("ALTER TABLE agent_runs ADD CONSTRAINT fits CHECK agent_id != 'poison'")
        values = stack.runs(0, 250)
        values[117] = run_value(117, workspace_id=stack.workspace, agent_id="poison")
        places = await stack.produce(RUNS, values)
        async with stack.consumer():
            await until(stack.is_ingested, "everything accounted for")
        assert stack.stored_runs() == 249
        assert stack.mirrored() == [places[117]]
        assert await stack.is_committed()
        (letter,) = (await stack.dead_letters([places[117]])).values()
        assert letter.value == values[117]
        assert dict(letter.headers)["__connect.errors.stage"] == b"TASK_PUT"

    play(story)


def test_a_lone_bad_row_in_an_empty_table_is_a_dead_letter_and_its_control_row_is_never_seen(play: Play) -> None:
    async def story(stack: Stack) -> None:
        stack.store.command("ALTER TABLE agent_runs ADD CONSTRAINT fits CHECK agent_id != 'poison'")
        places = await stack.produce(RUNS, [run_value(1, workspace_id=stack.workspace, agent_id="poison")])
        async with stack.consumer() as parts:
            await until(stack.is_ingested, "accounted for")
            assert parts.consumer.not_ready_reason() is None
        assert stack.mirrored() == places
        assert stack.count("agent_runs") == 0
        assert await stack.is_committed()

    play(story)

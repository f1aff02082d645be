"""A store that changes under the consumer: nothing is written until it is mended, nothing is lost, and it is told."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from backends.clickhouse_backend import ClickHouseBackend
from backends.clickhouse_native import DEFAULT_USERS, ClickHouseOptions, NativeClickHouse
from backends.kafka_backend import KafkaBackend
from consumer.samples import P0, RUNS
from consumer.stack import Stack, until
from consumer.world import World, leave, play, runs
from runtally.connection import KafkaConnection
from runtally_clickhouse.client import Store
from runtally_clickhouse.errors import StoreUnavailable, StoreUnfit
from runtally_clickhouse.findings import Finding, error, ok, warning
from runtally_clickhouse.location import StoreLocation
from runtally_clickhouse.migrations import migrate
from runtally_clickhouse.store_facts import require_fit
from runtally_consumer.composition import compose_consumer
from runtally_consumer.settings import ConsumerSettings
from runtally_consumer.store_watch import StoreWatch
from runtally_consumer.topics import TopicLayout, create_topics

SETTINGS = ConsumerSettings(linger_ms=50, session_timeout_ms=6000, store_check_seconds=0.2)
DRIFT = error("tables", "agent_runs has TTL", "REMOVE TTL")


@pytest.fixture
def stack(kafka: KafkaBackend, clickhouse: ClickHouseBackend, database: str) -> Iterator[Stack]:
    url = clickhouse.url_of(database)
    location = StoreLocation.server(url) if url else StoreLocation(path=clickhouse.path, database=database)
    with closing(Store(location)) as store:
        migrate(store)
        connection = KafkaConnection(kafka.bootstrap)
        asyncio.run(create_topics(connection, TopicLayout(partitions=3)))
        yield Stack(connection, store, SETTINGS.model_copy(update={"consumer_group": f"watch-{secrets.token_hex(4)}"}))


class Examined:
    """What a test lets the examination find."""

    def __init__(self) -> None:
        self.findings: list[Finding] = [ok("tables", "as they must be"), warning("tables", "one more column", "look")]
        self.away = False
        self.looks = 0

    def __call__(self) -> list[Finding]:
        self.looks += 1
        if self.away:
            raise StoreUnavailable("away")
        return self.findings


def test_a_drift_stops_writing_is_told_and_goes_by_itself() -> None:
    async def story(world: World) -> None:
        examined = Examined()
        consumer, _ = world.member(store_watch=StoreWatch(examined, 30.0))
        running = asyncio.create_task(consumer.run())
        world.broker.publish(P0, runs(0, 3))
        await until(lambda: len(world.store.run_ids()) == 3, "the first runs")

        examined.findings = [DRIFT]
        told = "not writing: agent_runs has TTL; remedy: REMOVE TTL"
        await until(lambda: world.clock.advance(3) and consumer.not_ready_reason() == told, "the drift told")
        world.broker.publish(P0, [*runs(3, 6), b"no json"])
        seen = examined.looks
        await until(lambda: world.clock.advance(3) and examined.looks > seen + 2, "more looks")
        assert consumer.is_alive(), consumer.stuck_reason()
        assert (len(world.store.run_ids()), world.dead_letters.letters) == (3, [])

        examined.away = True  # nothing is known anew: what was known stands
        seen = examined.looks
        await until(lambda: world.clock.advance(3) and examined.looks > seen + 1, "looks at nothing")
        assert consumer.not_ready_reason() is not None
        examined.away, examined.findings = False, []
        await until(lambda: world.clock.advance(3) and world.all_committed(), "all written")
        assert (len(world.store.run_ids()), len(world.dead_letters.letters)) == (6, 1)
        assert consumer.not_ready_reason() is None
        await leave(consumer, running)

    play(story)


def test_a_store_that_is_fit_is_looked_at_rarely_and_what_drifted_often() -> None:
    async def story() -> None:
        examined = Examined()
        watch = StoreWatch(examined, 30.0)
        for now in range(0, 91):
            watch.tick(now)
            await asyncio.gather(*filter(None, [watch._looking]))
        assert examined.looks == 3
        examined.findings = [DRIFT]
        for now in range(91, 131):
            watch.tick(now)
            await asyncio.gather(*filter(None, [watch._looking]))
        assert examined.looks == 3 + 1 + 2  # at 120, then every 5 s
        assert watch.drift
        await watch.leave()

    asyncio.run(story())


DRIFTS = {
    "ttl": (
        "ALTER TABLE agent_runs MODIFY TTL toDateTime(started_at) + INTERVAL 1000 YEAR",
        "ALTER TABLE agent_runs REMOVE TTL",
        "agent_runs has TTL",
    ),
    "window": (
        "ALTER TABLE ingest_ledger MODIFY SETTING non_replicated_deduplication_window = 100",
        "ALTER TABLE ingest_ledger MODIFY SETTING non_replicated_deduplication_window = 0",
        "ingest_ledger has non_replicated_deduplication_window = 100",
    ),
    "column": (
        "ALTER TABLE agent_runs DROP COLUMN retries",
        "ALTER TABLE agent_runs ADD COLUMN retries Nullable(UInt64) AFTER files_modified",
        "agent_runs lacks column retries",
    ),
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_a_real_table_that_changes_stops_writing_until_it_is_mended(stack: Stack, drift: str) -> None:
    change, mend, told = DRIFTS[drift]

    async def story() -> None:
        await stack.begin_at_the_ends()
        async with stack.consumer() as parts:
            await stack.produce(RUNS, stack.runs(0, 5))
            await until(lambda: stack.stored_runs() == 5, "the first runs")
            await asyncio.to_thread(stack.store.command, change)
            await until(lambda: told in (parts.consumer.not_ready_reason() or ""), "the drift told")
            await stack.produce(RUNS, stack.runs(5, 9))
            await until(lambda: parts.consumer._engine.held_records >= 4, "the records read")
            assert stack.stored_runs() == 5
            await asyncio.to_thread(stack.store.command, mend)
            await until(lambda: stack.stored_runs() == 9, "the rest")
            # Not "ready": the ledger lacks what the test itself committed at the ends, as the watch of gaps may tell.
            await until(lambda: told not in (parts.consumer.not_ready_reason() or ""), "the mended table believed")
            assert parts.consumer.is_alive()
        assert stack.mirrored() == []

    asyncio.run(story())


def test_a_consumer_does_not_start_on_a_table_that_makes_answers_wrong(stack: Stack) -> None:
    stack.store.command(DRIFTS["ttl"][0])

    async def story() -> None:
        async with compose_consumer(stack.connection, stack.store, stack.settings):
            raise AssertionError("it was composed")

    with pytest.raises(StoreUnfit, match=r"agent_runs has TTL .*`ALTER TABLE agent_runs REMOVE TTL`"):
        asyncio.run(story())


def _users(async_insert: int) -> str:
    profile = f"<default><async_insert>{async_insert}</async_insert>"
    constraints = "<constraints><async_insert><const/></async_insert></constraints></default>"
    return DEFAULT_USERS.replace("<default/>", profile + constraints, 1)


def test_a_constant_of_the_profile_that_changes_is_seen(
    private_clickhouse: Callable[[ClickHouseOptions | None], NativeClickHouse],
) -> None:
    """The client does not send what was a constant of the same value when it connected: nothing would refuse it."""
    server = private_clickhouse(ClickHouseOptions(users=_users(0)))
    with closing(Store(StoreLocation.server(server.url))) as store:
        migrate(store)
        require_fit(store)

        server.stop()
        server._options = ClickHouseOptions(users=_users(1))
        server.start()
        with pytest.raises(StoreUnfit, match="async_insert is 1 for the writing client, 0 is needed"):
            require_fit(store)

        server.stop()
        server._options = ClickHouseOptions(users=_users(0))
        server.start()
        require_fit(store)

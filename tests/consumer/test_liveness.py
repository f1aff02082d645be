"""/live over a whole consumer: a partition that stands still is stuck, unless someone knows why."""

import asyncio
import threading

import pyarrow as pa
from consumer.samples import P0, P1
from consumer.stack import until
from consumer.world import World, leave, play, runs
from runtally_consumer.records import Partition
from runtally_consumer.service import Consumer


async def minutes(world: World, consumer: Consumer, seconds: float) -> None:
    """Time passes, in steps that the consumer keeps up with."""
    end = world.clock() + seconds
    while world.clock() < end:
        seen = consumer._heartbeat
        world.clock.advance(10.0)
        await until(lambda seen=seen: consumer._heartbeat != seen, "a tick")  # type: ignore[misc]


def test_a_partition_with_lag_that_is_not_read_is_stuck_and_named() -> None:
    async def story(world: World) -> None:
        consumer, source = world.member()
        running = asyncio.create_task(consumer.run())
        await until(lambda: consumer.not_ready_reason() is None, "partitions")
        source.hold(P0)  # the client wedged it, and tells nobody
        world.broker.publish(P0, runs(0, 10))
        world.broker.publish(P1, runs(100, 110))
        await minutes(world, consumer, 150)
        assert consumer.is_alive()
        await minutes(world, consumer, 60)
        assert (consumer.stuck_reason() or "").startswith("agent-runs.v1-0 has records and has not moved for 2")
        source.release(P0, 0)
        await world.committed()
        await until(consumer.is_alive, "moving again")
        await leave(consumer, running)

    play(story)


def test_nothing_to_read_is_no_standstill() -> None:
    async def story(world: World) -> None:
        world.broker.publish(P0, runs(0, 10))
        consumer, _ = world.member()
        running = asyncio.create_task(consumer.run())
        await world.committed()
        await minutes(world, consumer, 400)
        assert consumer.is_alive()
        await leave(consumer, running)

    play(story)


def test_an_outage_is_a_known_reason() -> None:
    async def story(world: World) -> None:
        world.store.away = True
        world.broker.publish(P0, runs(0, 10))
        consumer, _ = world.member()
        running = asyncio.create_task(consumer.run())
        await until(lambda: consumer.not_ready_reason() not in (None, "waiting for partitions"), "told")
        await minutes(world, consumer, 400)
        assert consumer.is_alive()
        world.store.away = False
        await world.committed()
        await leave(consumer, running)

    play(story)


def test_a_stopped_partition_is_known_and_excuses_no_other() -> None:
    async def story(world: World) -> None:
        consumer, source = world.member()
        running = asyncio.create_task(consumer.run())
        world.broker.publish(P0, [b"bad"] * 200)
        await until(lambda: P0 in consumer.stopped_partitions(), "the stop")
        await minutes(world, consumer, 400)
        assert consumer.is_alive()
        source.hold(P1)
        world.broker.publish(P1, runs(100, 110))
        await minutes(world, consumer, 200)
        assert (consumer.stuck_reason() or "").startswith("agent-runs.v1-1 has")
        source.release(P1, 0)
        await until(consumer.is_alive, "moving again")
        await leave(consumer, running)

    play(story)


def test_a_slow_store_that_answers_is_no_standstill() -> None:
    async def story(world: World) -> None:
        gate, insert = threading.Semaphore(0), world.store.insert

        def slow(table: str, rows: pa.Table) -> None:
            assert gate.acquire(timeout=30)
            insert(table, rows)

        world.store.insert = slow  # type: ignore[method-assign] # the fault
        world.broker.publish(P0, runs(0, 100))
        world.broker.publish(P1, runs(100, 120))
        consumer, _ = world.member()
        running = asyncio.create_task(consumer.run())
        for _ in range(4):
            await minutes(world, consumer, 120)
            assert consumer.is_alive()
            gate.release()
        gate.release(100)
        await world.committed()
        await leave(consumer, running)

    play(story)


def test_an_insert_that_never_ends_is_stuck() -> None:
    async def story(world: World) -> None:
        world.store.answering.clear()
        world.broker.publish(P0, runs(0, 10))
        consumer, _ = world.member()
        running = asyncio.create_task(consumer.run())
        await until(lambda: world.store.calls, "an insert")
        await minutes(world, consumer, 200)
        assert "agent-runs.v1-0" in (consumer.stuck_reason() or "")
        assert Partition("agent-runs.v1", 1) not in consumer._standstill.standing()
        world.store.answering.set()
        await world.committed()
        await leave(consumer, running)

    play(story)

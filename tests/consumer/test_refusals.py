"""A store that answers and refuses: bad rows become dead letters, bad tables never do."""

import asyncio

import pytest
from consumer.samples import NOT_JSON, P0, P1, RUNS, run_value
from consumer.stack import until
from consumer.world import World, leave, play, runs


def test_rows_that_the_store_refuses_become_dead_letters_and_the_rest_is_stored() -> None:
    async def story(world: World) -> None:
        world.store.poison = lambda row: row.get("agent_id") == "poison"
        world.broker.publish(P0, [*runs(0, 30), run_value(30, agent_id="poison"), *runs(31, 60)])
        consumer, _ = world.member()
        running = asyncio.create_task(consumer.run())
        await world.committed()
        assert consumer.not_ready_reason() is None
        await leave(consumer, running)
        assert [letter.record.offset for letter in world.dead_letters.letters] == [30]
        assert len(world.store.run_ids()) == 59

    play(story)


@pytest.mark.parametrize("code", [60, 81, 16, 47, 62, 192, 497, 516, 0, 53])
def test_what_a_person_must_mend_opens_the_breaker_and_makes_no_dead_letters(code: int) -> None:
    async def story(world: World) -> None:
        world.broker.publish(P0, runs(0, 5))
        consumer, _ = world.member()
        running = asyncio.create_task(consumer.run())
        await world.committed()
        world.store.refuses = {"agent_runs": code}
        world.broker.publish(P0, runs(5, 100))
        told = "breaker open for agent-runs.v1: systemic: "
        await until(lambda: (consumer.not_ready_reason() or "").startswith(told), "told")
        assert consumer.is_alive()
        gauge = consumer._metrics.breaker_open.labels(RUNS)
        await until(lambda: gauge._value.get() == 1, "measured")
        assert world.broker.committed == {P0: 5}
        world.store.refuses = {}
        await world.committed()
        await until(lambda: consumer.not_ready_reason() is None and gauge._value.get() == 0, "closed again")
        await leave(consumer, running)
        assert world.dead_letters.letters == []

    play(story)


def test_too_many_dead_letters_stop_their_partition_only_until_it_is_resumed() -> None:
    async def story(world: World) -> None:
        world.broker.publish(P0, runs(0, 30))
        consumer, _ = world.member()
        running = asyncio.create_task(consumer.run())
        await world.committed()
        world.broker.publish(P0, [NOT_JSON] * 150)
        await until(lambda: P0 in consumer.stopped_partitions(), "the stop")
        committed, letters = world.broker.committed[P0], len(world.dead_letters.letters)
        assert letters < 100
        world.broker.publish(P1, runs(100, 150))
        world.broker.publish(P0, runs(30, 40))
        await until(lambda: world.clock.advance(0.1) and world.broker.committed.get(P1) == 50, "the other's")
        assert "agent-runs.v1-0 stopped: 100 of the last" in (consumer.not_ready_reason() or "")
        assert consumer.is_alive()
        gauge = consumer._metrics.stopped_partitions.labels(RUNS)
        await until(lambda: gauge._value.get() == 1, "measured")
        assert committed <= world.broker.committed[P0] < 130
        assert consumer.resume_partition(P0)
        assert not consumer.resume_partition(P1)
        await world.committed()
        await until(lambda: consumer.not_ready_reason() is None and gauge._value.get() == 0, "ready")
        await leave(consumer, running)
        dead = {letter.record.offset for letter in world.dead_letters.letters}
        assert dead == set(range(30, 180))
        assert len(world.store.run_ids()) == 90

    play(story)


def test_a_stopped_partition_stays_stopped_under_back_pressure_and_stops_again_elsewhere() -> None:
    async def story(world: World) -> None:
        world.broker.publish(P0, [NOT_JSON] * 300)
        consumer, source = world.member()
        running = asyncio.create_task(consumer.run())
        await until(lambda: P0 in consumer.stopped_partitions(), "the stop")
        source.pause([P0, P1])
        source.resume()
        await world.broker.rebalance()
        assert consumer.stopped_partitions() == {}
        await until(lambda: P0 in consumer.stopped_partitions(), "the stop again")
        consumer.stop()
        await asyncio.wait_for(running, 20)
        assert world.broker.committed[P0] < 300

    play(story)

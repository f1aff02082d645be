"""A store that answers and refuses: bad rows become dead letters, bad tables never do."""

import asyncio

import pytest
from consumer.fakes import FakeRegister
from consumer.samples import NOT_JSON, P0, P1, RUNS, StoredRecord, run_value
from consumer.stack import until
from consumer.world import World, gauged, leave, play, runs


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
        assert gauged(consumer, "breaker_open", RUNS) == 1
        assert world.broker.committed == {P0: 5}
        world.store.refuses = {}
        await world.committed()
        await until(lambda: consumer.not_ready_reason() is None, "closed again")
        assert gauged(consumer, "breaker_open", RUNS) == 0
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
        assert gauged(consumer, "stopped_partitions", RUNS) == 1
        assert committed <= world.broker.committed[P0] < 130
        assert consumer.resume_partition(P0)
        assert not consumer.resume_partition(P1)
        await world.committed()
        await until(lambda: consumer.not_ready_reason() is None, "ready")
        assert gauged(consumer, "stopped_partitions", RUNS) == 0
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


def test_rows_that_the_store_refuses_in_one_partition_stop_only_that_one() -> None:
    async def story(world: World) -> None:
        world.store.poison = lambda row: row.get("agent_id") == "poison"
        world.broker.publish(P0, runs(0, 10))
        consumer, _ = world.member()
        running = asyncio.create_task(consumer.run())
        await world.committed()
        world.broker.publish(P0, [run_value(number, agent_id="poison") for number in range(10, 160)])
        world.broker.publish(P1, runs(200, 260))
        await until(lambda: P0 in consumer.stopped_partitions(), "the stop")
        await until(lambda: world.clock.advance(0.1) and world.broker.committed.get(P1) == 60, "the other's")
        assert world.broker.committed[P0] < 110
        assert consumer.resume_partition(P0)
        await world.committed()
        await leave(consumer, running)
        assert {letter.record.offset for letter in world.dead_letters.letters} == set(range(10, 160))
        assert len(world.store.run_ids()) == 70

    play(story)


def test_a_request_lets_the_partition_go_on_whoever_owns_it_and_a_later_stop_needs_another() -> None:
    async def story(world: World) -> None:
        register = FakeRegister()
        world.broker.publish(P0, [NOT_JSON] * 300)
        consumer, _ = world.member(stop_register=register)
        running = asyncio.create_task(consumer.run())
        await until(lambda: register.told, "the stop told")
        assert all(stop.offset <= 100 for stop in register.told)  # of two under way either may be the one too many
        assert {(stop.partition, stop.judged_from - stop.offset) for stop in register.told} == {(P0, 10_000)}
        await world.broker.rebalance()
        register.asked[P0] = 10_300
        await world.committed()
        await world.broker.rebalance(lambda: world.broker.committed.update({P0: 50}))
        await world.committed()  # the new owner reads them again, and nobody need ask again
        world.broker.log[P0][-1] = StoredRecord(10_299, NOT_JSON)
        world.broker.publish(P0, [NOT_JSON] * 200)
        asked = register.asks
        await until(lambda: world.clock.advance(1) and register.asks > asked + 3, "the old request seen again")
        assert P0 in consumer.stopped_partitions()
        assert world.broker.committed[P0] <= 10_400
        register.asked[P0] = 10_500
        await until(lambda: world.clock.advance(1) and world.all_committed(), "the second request")
        await leave(consumer, running)

    play(story)


def test_a_register_that_is_away_is_told_later() -> None:
    async def story(world: World) -> None:
        register = FakeRegister()
        register.away = True
        world.broker.publish(P0, [NOT_JSON] * 300)
        consumer, _ = world.member(stop_register=register)
        running = asyncio.create_task(consumer.run())
        await until(lambda: world.clock.advance(1) and register.tries > 2, "several tries")
        assert P0 in consumer.stopped_partitions()
        register.away = False
        await until(lambda: world.clock.advance(1) and register.told, "told")
        await leave(consumer, running)

    play(story)

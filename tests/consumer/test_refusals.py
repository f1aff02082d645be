"""A store that answers and refuses: bad rows become dead letters, bad tables never do."""

import asyncio

import pytest
from consumer.samples import P0, RUNS, run_value
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

"""The byte budget: never far exceeded, and no partition starves because another fills it."""

import asyncio

from consumer.samples import F0, P0, P1, feedback_value, run_value
from consumer.stack import until
from consumer.world import LIMITS, World, leave, play, runs
from hypothesis import given
from hypothesis import strategies as st
from runtally_consumer.memory import MemoryBudget
from runtally_consumer.polling import FEWEST_RECORDS
from runtally_consumer.records import Partition

BUDGET = MemoryBudget(1200)
PARTITIONS = [Partition("t", number) for number in range(3)]
A, B, C = PARTITIONS


def test_up_to_three_quarters_belong_to_whoever_comes_first() -> None:
    assert BUDGET.crowded({A: 899, B: 0, C: 0}, 899, ()) == frozenset()
    assert BUDGET.crowded({A: 900, B: 99, C: 0}, 999, ()) == {A}
    assert BUDGET.crowded({A: 900, B: 100, C: 0}, 1000, ()) == {A, B}
    assert BUDGET.crowded({A: 1200, B: 100, C: 99}, 1399, ()) == {A, B}


def test_whoever_was_paused_waits_for_half_of_its_share_or_of_all() -> None:
    assert BUDGET.crowded({A: 900, B: 51, C: 0}, 951, {A, B}) == {A, B}
    assert BUDGET.crowded({A: 900, B: 50, C: 0}, 950, {A, B}) == {A}
    assert BUDGET.crowded({A: 601, B: 0, C: 0}, 601, {A}) == {A}
    assert BUDGET.crowded({A: 600, B: 0, C: 0}, 600, {A}) == frozenset()


def test_nothing_to_share_out() -> None:
    assert BUDGET.crowded({}, 1000, ()) == frozenset()
    assert BUDGET.crowded({A: 0}, 1000, ()) == frozenset()


@given(st.lists(st.tuples(st.sampled_from(PARTITIONS), st.integers(1, 40), st.booleans()), max_size=200))
def test_however_records_come_the_budget_holds_but_for_one_record_and_nobody_below_its_share_waits(
    arrivals: list[tuple[Partition, int, bool]],
) -> None:
    held = dict.fromkeys(PARTITIONS, 0)
    paused: frozenset[Partition] = frozenset()
    for partition, size, written in arrivals:
        total = sum(held.values())
        paused = BUDGET.crowded(held, total, paused)
        assert all(held[one] > 50 for one in paused)
        if partition not in paused:
            held[partition] += size
        elif written:
            held[partition] = 0
        assert sum(held.values()) <= BUDGET.limit_bytes + 3 * 40


def test_a_topic_whose_table_is_away_fills_its_part_and_the_others_flow() -> None:
    async def story(world: World) -> None:
        world.store.tables_away = {"agent_feedback"}
        world.broker.publish(F0, [feedback_value(n) for n in range(1000)])
        consumer, source = world.member()
        running = asyncio.create_task(consumer.run())
        await until(lambda: F0 in source._paused, "the pause of one")
        unread = source.lag()[F0]
        for first in range(0, 300, 50):
            world.broker.publish(P0, runs(first, first + 50))
            world.broker.publish(P1, runs(1000 + first, 1050 + first))
            await until(
                lambda end=first + 50: world.clock.advance(0.1) and len(world.store.run_ids()) == 2 * end,  # type: ignore[misc]
                "the others",
            )
        assert source.lag()[F0] == unread > 0
        assert consumer._engine.held_bytes < LIMITS.buffer_bytes + FEWEST_RECORDS * 1000
        world.store.tables_away = set()
        await world.committed()
        await leave(consumer, running)

    play(story)


def test_one_poll_does_not_go_far_beyond_the_budget() -> None:
    async def story(world: World) -> None:
        world.store.answering.clear()
        heavy = [run_value(n, error_message="e" * 2000) for n in range(2000)]
        world.broker.publish(P0, heavy)
        consumer, source = world.member(drain_seconds=0.05)
        running = asyncio.create_task(consumer.run())
        await until(lambda: source._paused, "the pause")
        assert consumer._engine.held_bytes < LIMITS.buffer_bytes + FEWEST_RECORDS * 3000
        consumer.stop()
        world.store.answering.set()
        await asyncio.wait_for(running, 20)

    play(story)

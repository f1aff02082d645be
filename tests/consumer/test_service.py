"""The runner over a broker and a store in memory: nothing lost, nothing committed early, whatever fails."""

import asyncio

import pytest
from consumer.fakes import Clock
from consumer.samples import F0, NOT_JSON, P0, P1, feedback_value, run_value
from consumer.stack import until
from consumer.world import World, leave, play, runs
from runtally_consumer.service import Consumer
from runtally_consumer.source import PollFailed, SourceBroken
from runtally_consumer.watermark import OffsetsRepeated


def test_everything_arrives_and_is_committed() -> None:
    async def story(world: World) -> None:
        world.broker.publish(P0, runs(0, 55))
        world.broker.publish(P1, runs(100, 130), gap=7)
        world.broker.publish(F0, [feedback_value(n) for n in range(5)])
        consumer, _ = world.member()
        assert consumer.not_ready_reason() == "waiting for partitions"
        running = asyncio.create_task(consumer.run())
        await world.committed()
        assert consumer.not_ready_reason() is None
        await leave(consumer, running)
        assert len(world.store.run_ids()) == 85
        assert consumer.not_ready_reason() == "stopping"

    play(story)


def test_the_store_away_and_back_loses_nothing_and_commits_nothing_early() -> None:
    async def story(world: World) -> None:
        world.store.away = True
        world.broker.publish(P0, [*runs(0, 30), NOT_JSON])
        consumer, _ = world.member()
        running = asyncio.create_task(consumer.run())
        await until(lambda: world.store.calls >= 10, "several tries")
        assert world.broker.commits == []
        assert consumer.is_alive()
        assert "away" in (consumer.not_ready_reason() or "")
        world.broker.publish(P0, runs(30, 40))
        world.store.away = False
        await world.committed()
        assert consumer.not_ready_reason() is None
        await leave(consumer, running)
        assert len(world.store.run_ids()) == 40
        assert len(world.dead_letters.letters) == 1  # not once for each try

    play(story)


def test_answers_that_are_lost_after_the_insert_are_asked_for_again() -> None:
    async def story(world: World) -> None:
        world.store.loses_answers = True
        world.broker.publish(P0, runs(0, 10))
        consumer, _ = world.member()
        running = asyncio.create_task(consumer.run())
        await until(lambda: world.store.calls >= 5, "several tries")
        assert world.broker.commits == []
        world.store.loses_answers = False
        await world.committed()
        await leave(consumer, running)
        assert len(world.store.run_ids()) == 10

    play(story)


def test_one_table_away_pins_its_topic_only() -> None:
    async def story(world: World) -> None:
        world.store.tables_away = {"agent_feedback"}
        world.broker.publish(F0, [feedback_value(n) for n in range(100)])
        consumer, _ = world.member()
        running = asyncio.create_task(consumer.run())
        await until(lambda: world.store.calls >= 6, "several tries")
        world.broker.publish(P0, runs(0, 50))
        await until(lambda: world.clock.advance(0.1) and world.broker.committed == {P0: 50}, "the runs committed")
        assert "agent_feedback" in (consumer.not_ready_reason() or "")
        world.store.tables_away = set()
        await world.committed()
        await leave(consumer, running)

    play(story)


def test_the_dead_letter_topic_away_pins_the_partition() -> None:
    async def story(world: World) -> None:
        world.dead_letters.away = True
        world.broker.publish(P0, [*runs(0, 5), NOT_JSON, *runs(5, 10)])
        consumer, _ = world.member()
        running = asyncio.create_task(consumer.run())
        await until(lambda: world.dead_letters.tries >= 5, "several tries")
        assert world.broker.commits == []
        assert "dead-letter topic" in (consumer.not_ready_reason() or "")
        world.dead_letters.away = False
        await world.committed()
        await leave(consumer, running)
        assert [letter.record.offset for letter in world.dead_letters.letters] == [5]

    play(story)


def test_stopping_drains_and_commits_all_that_was_read() -> None:
    async def story(world: World) -> None:
        world.store.answering.clear()
        world.broker.publish(P0, runs(0, 45))
        consumer, source = world.member()
        running = asyncio.create_task(consumer.run())
        await until(lambda: world.store.calls >= 2 and sum(source.lag().values()) == 0, "all read, none written")
        consumer.stop()
        world.store.answering.set()
        await asyncio.wait_for(running, 20)
        assert world.all_committed()

    play(story)


def test_a_drain_ends_with_its_budget_and_commits_only_what_is_durable() -> None:
    async def story(world: World) -> None:
        world.broker.publish(P0, runs(0, 10))
        consumer, _ = world.member()
        running = asyncio.create_task(consumer.run())
        await world.committed()
        world.store.answering.clear()
        world.broker.publish(P0, runs(10, 20))
        calls = world.store.calls
        await until(lambda: world.store.calls > calls, "an insert that hangs")
        consumer.stop()
        await until(lambda: world.clock.advance(1.0) and running.done(), "the end of the drain")
        assert world.broker.committed == {P0: 10}
        world.store.answering.set()

    play(story)


def test_stopping_before_any_partition_came_does_not_wait_for_one() -> None:
    async def story(world: World) -> None:
        consumer, source = world.member()
        async with world.broker._rebalance:  # another member holds up the rebalance
            running = asyncio.create_task(consumer.run())
            await until(lambda: source._joining is not None, "joining")
            consumer.stop()
            await asyncio.sleep(0)
        await asyncio.wait_for(running, 20)
        assert not await consumer.catch_up(0.1, 1.0)

    play(story)


def test_partitions_that_move_in_the_middle_of_an_insert_are_read_again_from_the_commit() -> None:
    async def story(world: World) -> None:
        world.broker.publish(P0, runs(0, 30))
        world.broker.publish(P1, runs(100, 130))
        first, _ = world.member(drain_seconds=0.05)
        running = asyncio.create_task(first.run())
        world.store.answering.clear()
        await until(lambda: world.store.calls >= 2, "inserts in flight")
        second, _ = world.member()
        also = asyncio.create_task(second.run())
        await until(lambda: world.clock.advance(0.1) and second.not_ready_reason() is None, "the second's share")
        assert world.broker.commits == []
        world.store.answering.set()
        await world.committed()
        await leave(second, also)
        await leave(first, running)
        assert len(world.store.run_ids()) == 60

    play(story)


def test_nothing_is_admitted_while_partitions_are_revoked() -> None:
    async def story(world: World) -> None:
        consumer, source = world.member()
        running = asyncio.create_task(consumer.run())
        await until(lambda: consumer.not_ready_reason() is None, "partitions")
        await source.revoke()
        world.broker.publish(P0, runs(0, 10))
        await until(lambda: sum(source.lag().values()) == 0, "polls that bring what is not ours any more")
        assert consumer._engine.is_idle
        assert consumer.not_ready_reason() is None
        world.clock.advance(16)
        assert (consumer.not_ready_reason() or "").startswith("the group has been rebalancing for 1")
        await world.broker.rebalance()
        await world.committed()
        await leave(consumer, running)

    play(story)


def test_a_batch_that_fails_after_its_partitions_moved_leaves_nothing_behind() -> None:
    async def story(world: World) -> None:
        world.broker.publish(P0, runs(0, 10))
        world.store.answering.clear()
        consumer, _ = world.member(drain_seconds=0.05)
        running = asyncio.create_task(consumer.run())
        await until(lambda: world.store.calls >= 1, "an insert in flight")
        await world.broker.rebalance()
        world.store.away = True
        world.store.answering.set()
        await until(lambda: consumer._engine.open_batches and 1 not in consumer._engine.open_batches, "only new ones")
        assert set(consumer._writer._progress) <= consumer._engine.open_batches
        assert consumer._engine.held_records == 10
        world.store.away = False
        await world.committed()
        assert consumer._writer._progress == {}
        await leave(consumer, running)

    play(story)


def test_members_that_come_and_go_while_records_flow() -> None:
    async def story(world: World) -> None:
        published = 0
        steady, _ = world.member()
        running = asyncio.create_task(steady.run())
        for _ in range(5):
            world.broker.publish(P0, runs(published, published + 50))
            world.broker.publish(P1, runs(1000 + published, 1050 + published))
            published += 50
            guest, _ = world.member()
            visiting = asyncio.create_task(guest.run())
            await until(lambda guest=guest: guest._engine.partitions, "the guest's share")  # type: ignore[misc]
            await leave(guest, visiting)
        await world.committed()
        await leave(steady, running)
        assert len(world.store.run_ids()) == 2 * published

    play(story)


def test_refused_commits_are_shown_and_made_later() -> None:
    async def story(world: World) -> None:
        world.broker.publish(P0, runs(0, 10))
        consumer, source = world.member()
        source.commits_fail = True
        running = asyncio.create_task(consumer.run())
        await until(
            lambda: world.clock.advance(0.1) and consumer.not_ready_reason() == "not committing: refused", "told"
        )
        source.commits_fail = False
        await world.committed()
        await until(lambda: consumer.not_ready_reason() is None, "ready again")
        await leave(consumer, running)

    play(story)


def test_a_commit_that_hangs_holds_up_neither_writes_nor_heartbeat() -> None:
    async def story(world: World) -> None:
        world.broker.publish(P0, runs(0, 10))
        consumer, source = world.member()
        source.commits_hang = True
        running = asyncio.create_task(consumer.run())
        await until(lambda: world.clock.advance(0.1) and consumer._committing is not None, "a commit under way")
        world.broker.publish(P0, runs(10, 20))
        await until(lambda: len(world.store.run_ids()) == 20, "more in the store")
        assert consumer.is_alive()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    play(story)


def test_polls_that_need_a_person_are_tried_for_ever_and_shown() -> None:
    async def story(world: World) -> None:
        world.broker.publish(P0, runs(0, 10))
        consumer, source = world.member()
        source.polls_fail = PollFailed("TopicAuthorizationFailedError: agent-runs.v1", needs_person=True)
        running = asyncio.create_task(consumer.run())
        await until(lambda: "TopicAuthorization" in (consumer.not_ready_reason() or ""), "told")
        assert consumer.is_alive()
        assert not running.done()
        consumer.stop()
        await asyncio.wait_for(running, 20)

    play(story)


def test_a_source_that_is_broken_ends_the_run_loudly_after_a_drain() -> None:
    async def story(world: World) -> None:
        world.broker.publish(P0, runs(0, 10))
        consumer, source = world.member()
        running = asyncio.create_task(consumer.run())
        await until(lambda: sum(source.lag().values()) == 0 and source._positions, "all read")
        source.polls_fail = SourceBroken("a record too large to fetch")
        with pytest.raises(SourceBroken):
            await asyncio.wait_for(running, 20)
        assert world.all_committed()

    play(story)


def test_a_topic_that_was_made_anew_ends_the_run_loudly() -> None:
    async def story(world: World) -> None:
        world.broker.publish(P0, runs(0, 10))
        consumer, source = world.member()
        running = asyncio.create_task(consumer.run())
        await world.committed()
        source._positions[P0] = 0
        with pytest.raises(OffsetsRepeated):
            await asyncio.wait_for(running, 20)
        assert world.broker.committed == {P0: 10}

    play(story)


def test_memory_is_bounded_by_pausing_and_a_rebalance_while_paused_forgets_the_pause() -> None:
    async def story(world: World) -> None:
        world.store.answering.clear()
        world.broker.publish(P0, [run_value(n, error_message="e" * 2000) for n in range(300)])
        consumer, source = world.member(drain_seconds=0.05)
        running = asyncio.create_task(consumer.run())
        await until(lambda: source._paused, "the pause")
        assert not await asyncio.create_task(_catches_up(consumer, world.clock))
        await world.broker.rebalance()
        world.store.answering.set()
        await world.committed()
        await until(lambda: not source._paused, "reading on")
        assert consumer._engine.held_bytes == 0
        await leave(consumer, running)

    play(story)


def test_catching_up_waits_for_what_is_still_to_be_read_and_written() -> None:
    async def story(world: World) -> None:
        world.broker.publish(P0, runs(0, 100))
        consumer, _ = world.member()
        running = asyncio.create_task(consumer.run())
        assert await consumer.catch_up(quiet_seconds=0.1, budget_seconds=20)
        assert len(world.store.run_ids()) == 100
        await leave(consumer, running)
        assert world.all_committed()

    play(story)


def test_a_broker_that_does_not_answer_is_not_ready_and_alive() -> None:
    async def story(world: World) -> None:
        consumer, source = world.member()
        running = asyncio.create_task(consumer.run())
        await until(lambda: consumer.not_ready_reason() is None, "ready")
        source.silent = 20.0
        assert consumer.not_ready_reason() == "no broker has answered for 20 s"
        assert consumer.is_alive()
        source.silent = 0.0
        await leave(consumer, running)

    play(story)


def test_a_deciding_task_that_stands_still_is_not_alive() -> None:
    async def story(world: World) -> None:
        consumer, _ = world.member()
        assert consumer.is_alive()  # not begun: a slow start is no reason to be killed
        running = asyncio.create_task(consumer.run())
        await until(lambda: consumer._heartbeat is not None, "the first tick")
        world.clock.advance(16)
        assert not consumer.is_alive()
        await until(consumer.is_alive, "the next tick")
        await leave(consumer, running)

    play(story)


async def _catches_up(consumer: Consumer, clock: Clock) -> bool:
    waiting = asyncio.create_task(consumer.catch_up(quiet_seconds=0.05, budget_seconds=5))
    await until(lambda: clock.advance(0.5) and waiting.done(), "the end of the waiting")
    return waiting.result()

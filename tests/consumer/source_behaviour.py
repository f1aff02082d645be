"""What every `Source` must do, asked of the fake and of Kafka alike, so that the fake cannot lie."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import pytest
from consumer.stack import WAIT_SECONDS, until
from runtally_consumer.records import Partition, Record
from runtally_consumer.source import CommitRefused, Source


class Broker(Protocol):
    """One topic of two partitions, and a group."""

    topic: str

    async def publish(self, number: int, values: Sequence[bytes | None]) -> None: ...
    def source(self) -> Source: ...


Play = Callable[[Callable[[Broker], Coroutine[Any, Any, None]]], None]


class Member:
    """A source that someone polls, and what it told."""

    def __init__(self, source: Source, topic: str) -> None:
        self.source = source
        self.topic = topic
        self.assigned: list[list[Partition]] = []
        self.revoked = 0
        self.offers: list[tuple[int, Partition, Record]] = []
        self.polls = 0
        self.is_leaving = False

    def values(self, epoch: int | None = None) -> list[bytes | None]:
        """What was read, in the newest epoch or in another."""
        wanted = len(self.assigned) if epoch is None else epoch
        return [record.value for seen, _, record in self.offers if seen == wanted]

    @property
    def partitions(self) -> list[Partition]:
        return self.assigned[-1] if self.assigned else []

    async def on_revoked(self) -> None:
        self.revoked += 1

    async def on_assigned(self, partitions: list[Partition]) -> None:
        self.assigned.append(partitions)

    async def poll(self) -> None:
        while not self.is_leaving:
            polled = await self.source.poll(100, 1000)
            self.polls += 1
            for partition, records in polled.items():
                self.offers += [(len(self.assigned), partition, record) for record in records]
            await asyncio.sleep(0)


@asynccontextmanager
async def joined(broker: Broker) -> AsyncIterator[Member]:
    """A member of the group, polled until it leaves."""
    member = Member(broker.source(), broker.topic)
    await member.source.start([broker.topic], member.on_revoked, member.on_assigned)
    polling = asyncio.create_task(member.poll())
    try:
        await until(lambda: member.assigned, "an assignment")
        yield member
    finally:
        member.is_leaving = True
        await asyncio.wait_for(member.source.stop(), WAIT_SECONDS)
        # Cancelled while it asks where to begin, the client would leave connections open.
        await asyncio.wait({polling}, timeout=5)
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)


class SourceBehaviour:
    """Inherited by one class for each kind of source, which brings the fixture `play`."""

    def test_records_come_in_order_with_keys_and_values_untouched(self, play: Play) -> None:
        async def story(broker: Broker) -> None:
            values = [b"%d" % number for number in range(500)]
            await broker.publish(0, values)
            await broker.publish(1, [b"\xff\x00"])
            async with joined(broker) as member:
                await until(lambda: len(member.offers) == 501, "all records")
                of_first = [record for _, partition, record in member.offers if partition.number == 0]
                assert [record.value for record in of_first] == values
                assert [record.offset for record in of_first] == list(range(500))
                assert member.source.lag() == {Partition(broker.topic, 0): 0, Partition(broker.topic, 1): 0}

        play(story)

    def test_polls_return_soon_with_nothing_to_read(self, play: Play) -> None:
        async def story(broker: Broker) -> None:
            async with joined(broker) as member:
                await until(lambda: member.polls >= 3, "polls that return")
                assert member.offers == []
                assert member.source.silent_seconds() < 10

        play(story)

    def test_the_next_member_begins_where_was_committed(self, play: Play) -> None:
        async def story(broker: Broker) -> None:
            await broker.publish(0, [b"a", b"b", b"c"])
            async with joined(broker) as member:
                await until(lambda: len(member.offers) == 3, "all records")
                await member.source.commit({Partition(broker.topic, 0): 2})
            async with joined(broker) as member:
                await until(lambda: member.values() == [b"c"], "what was not committed")

        play(story)

    def test_a_rebalance_reads_all_partitions_from_the_commit_again(self, play: Play) -> None:
        async def story(broker: Broker) -> None:
            for number in (0, 1):
                await broker.publish(number, [b"%d-a" % number, b"%d-b" % number])
            async with joined(broker) as first:
                await until(lambda: len(first.values()) == 4, "all records")
                await first.source.commit({Partition(broker.topic, number): 1 for number in (0, 1)})
                revoked = first.revoked
                async with joined(broker) as second:
                    await until(lambda: len(first.partitions) == len(second.partitions) == 1, "a partition each")
                    assert first.revoked == revoked + 1
                    await until(lambda: first.values() and second.values(), "the rest of each")
                    assert sorted(first.values() + second.values(), key=repr) == [b"0-b", b"1-b"]

        play(story)

    def test_paused_partitions_bring_nothing_until_resumed(self, play: Play) -> None:
        async def story(broker: Broker) -> None:
            async with joined(broker) as member:
                member.source.pause(member.partitions)
                await broker.publish(0, [b"a"])
                polls = member.polls
                await until(lambda: member.polls > polls + 3, "polls while paused")
                assert member.offers == []
                assert member.source.silent_seconds() < 10
                member.source.resume()
                await until(lambda: member.values() == [b"a"], "the record")

        play(story)

    def test_a_rebalance_forgets_the_pause(self, play: Play) -> None:
        async def story(broker: Broker) -> None:
            async with joined(broker) as member:
                member.source.pause(member.partitions)
                async with joined(broker):
                    await until(lambda: len(member.partitions) == 1, "a partition each")
                await until(lambda: len(member.partitions) == 2, "both again")
                await broker.publish(0, [b"a"])
                await until(lambda: member.values() == [b"a"], "the record")

        play(story)

    def test_a_held_partition_brings_nothing_until_released_and_is_read_again_from_there(self, play: Play) -> None:
        async def story(broker: Broker) -> None:
            await broker.publish(0, [b"0-a", b"0-b", b"0-c"])
            async with joined(broker) as member:
                await until(lambda: len(member.offers) == 3, "all records")
                member.source.hold(Partition(broker.topic, 0))
                member.source.pause(member.partitions)
                member.source.resume()
                await broker.publish(0, [b"0-d"])
                await broker.publish(1, [b"1-a"])
                await until(lambda: b"1-a" in member.values(), "the other partition")
                polls = member.polls
                await until(lambda: member.polls > polls + 3, "polls while held")
                assert b"0-d" not in member.values()
                member.source.release(Partition(broker.topic, 0), 1)
                await until(lambda: member.values()[-1:] == [b"0-d"], "the rest")
                assert member.values()[4:] == [b"0-b", b"0-c", b"0-d"]

        play(story)

    def test_a_rebalance_forgets_what_was_held(self, play: Play) -> None:
        async def story(broker: Broker) -> None:
            async with joined(broker) as member:
                member.source.hold(Partition(broker.topic, 0))
                member.source.hold(Partition(broker.topic, 1))
                async with joined(broker):
                    await until(lambda: len(member.partitions) == 1, "a partition each")
                await until(lambda: len(member.partitions) == 2, "both again")
                await broker.publish(0, [b"a"])
                member.source.pause(member.partitions)
                member.source.resume()
                await until(lambda: member.values() == [b"a"], "the record")

        play(story)

    def test_a_commit_for_what_is_not_ours_is_refused(self, play: Play) -> None:
        async def story(broker: Broker) -> None:
            async with joined(broker) as member:
                with pytest.raises(CommitRefused):
                    await member.source.commit({Partition(broker.topic, 7): 1})

        play(story)

    def test_leaving_while_joining_does_not_hang(self, play: Play) -> None:
        async def story(broker: Broker) -> None:
            member = Member(broker.source(), broker.topic)
            await member.source.start([broker.topic], member.on_revoked, member.on_assigned)
            polling = asyncio.create_task(member.poll())
            await asyncio.sleep(0)
            await asyncio.wait_for(member.source.stop(), WAIT_SECONDS)
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)

        play(story)

"""Committed offsets that the ledger does not cover: told exactly, and only those that are really missing."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from backends.clickhouse_backend import ClickHouseBackend
from consumer.samples import P0, RUNS
from consumer.stack import Stack, until
from runtally.connection import KafkaConnection
from runtally_cli.local.kafka import KafkaBroker
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation
from runtally_clickhouse.migrations import migrate
from runtally_consumer.gap_watch import LedgerGapWatch, RecordsIn
from runtally_consumer.intervals import Interval
from runtally_consumer.ledger_gaps import Committed, PartitionProof
from runtally_consumer.metrics import ConsumerMetrics
from runtally_consumer.records import Partition
from runtally_consumer.settings import ConsumerSettings
from runtally_consumer.topics import TopicLayout, create_topics

SETTINGS = ConsumerSettings(consumer_group="gaps", linger_ms=50, session_timeout_ms=6000, store_check_seconds=0.2)
Ranges = Sequence[tuple[int, int]]


def _look(
    proof: PartitionProof, ledger: Ranges, offset: int, begin: int = 0, empty: Collection[int] = ()
) -> PartitionProof:
    """One look; each offset holds a record but those that are `empty`."""
    place = Committed("s", offset, begin)
    holes = proof.holes(place, [one for one in ledger if one[1] >= proof.proven])
    found = {
        hole: [Interval(one, one) for one in range(hole.first, hole.last + 1) if one not in empty] for hole in holes
    }
    proof.judge(place, holes, found)
    return proof


def test_what_is_covered_is_proven_once() -> None:
    proof = _look(PartitionProof("s"), [(0, 9), (10, 29)], 30)

    assert (proof.proven, proof.gaps, proof.removed, proof.is_suspicious) == (30, [], [], False)
    assert _look(proof, [(30, 39)], 40).proven == 40


def test_what_is_in_flight_above_the_committed_offset_is_not_judged() -> None:
    assert _look(PartitionProof("s"), [(0, 9), (20, 29)], 10).proven == 10


def test_a_gap_is_told_when_it_was_missing_twice_and_until_it_is_closed() -> None:
    proof = PartitionProof("s")
    ledger = [(0, 9), (15, 29)]
    assert (_look(proof, ledger, 30).gaps, proof.is_suspicious) == ([], True)
    assert _look(proof, ledger, 30).gaps == [Interval(10, 14)]
    assert proof.proven == 10
    assert _look(proof, [*ledger, (30, 39)], 40).gaps == [Interval(10, 14)]
    assert _look(proof, [*ledger, (12, 14), (30, 39)], 40).gaps == [Interval(10, 11)]
    assert (_look(proof, [(0, 39)], 40).gaps, proof.proven, proof.is_suspicious) == ([], 40, False)


def test_offsets_without_records_are_no_gap_and_are_not_asked_for_again() -> None:
    proof = _look(PartitionProof("s"), [(0, 9), (12, 20)], 21, empty={10, 11})
    assert (proof.proven, proof.is_suspicious) == (21, False)

    proof = _look(PartitionProof("s"), [(0, 9)], 15, empty={11, 14})
    assert _look(proof, [(0, 9)], 15, empty={11, 14}).gaps == [Interval(10, 10), Interval(12, 13)]
    assert proof.holes(Committed("s", 15, 0), []) == [Interval(10, 10), Interval(12, 13)]
    assert all(proof.is_known(hole) for hole in proof.gaps)


def test_what_retention_took_is_counted_and_no_longer_in_the_way() -> None:
    proof = PartitionProof("s")
    for _ in range(2):
        _look(proof, [(0, 9), (20, 29)], 30)
    assert proof.gaps == [Interval(10, 19)]

    _look(proof, [(0, 9), (20, 29)], 30, begin=15)
    assert (proof.gaps, proof.removed) == ([Interval(15, 19)], [Interval(10, 14)])
    _look(proof, [(0, 9), (20, 29)], 30, begin=22)
    assert (proof.gaps, proof.removed, proof.proven) == ([], [Interval(10, 19)], 30)
    _look(proof, [(20, 39)], 40, begin=22)
    assert proof.removed == [Interval(10, 19)]


def test_what_was_gone_before_the_group_began_is_no_loss() -> None:
    proof = _look(PartitionProof("s"), [(50, 59)], 60, begin=50)

    assert (proof.removed, proof.gaps, proof.proven) == ([], [], 60)


class FakeLog:
    """`CommittedLog` of one partition, each of whose offsets holds a record."""

    def __init__(self) -> None:
        self.place = Committed("s", 30, 0)
        self.away = False
        self.reads: list[Interval] = []

    async def committed(self, partitions: Collection[Partition]) -> Mapping[Partition, Committed]:
        if self.away:
            raise OSError("away")
        return {P0: self.place}

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[RecordsIn]:
        async def read(partition: Partition, offsets: Interval) -> list[Interval]:
            self.reads.append(offsets)
            return [offsets]

        yield read


def _watched(ledger: dict[int, list[tuple[int, int]]], fake: FakeLog, asked: list[int]) -> LedgerGapWatch:
    def ranges(stream: str, topic: str, firsts: Mapping[int, int]) -> dict[int, list[tuple[int, int]]]:
        asked.append(firsts[0])
        return {0: [one for one in ledger[0] if one[1] >= firsts[0]]}

    return LedgerGapWatch(fake, ranges, ConsumerMetrics(), 30.0)


def test_the_watch_asks_from_what_is_proven_on_and_soon_again_when_something_is_missing() -> None:
    async def story() -> None:
        asked: list[int] = []
        ledger, fake = {0: [(0, 29)]}, FakeLog()
        watch = _watched(ledger, fake, asked)

        async def pass_by(first: int, end: int) -> None:
            for now in range(first, end):
                watch.tick(now, [P0])
                await asyncio.gather(*filter(None, [watch._looking]))

        await pass_by(0, 61)
        assert asked == [0]  # then nothing new was committed
        fake.place, ledger[0] = Committed("s", 50, 0), [(0, 29), (40, 49)]
        await pass_by(61, 91)
        assert (asked, watch.reason) == ([0, 30], None)
        await pass_by(91, 96)
        assert asked == [0, 30, 30]
        assert "agent-runs.v1-0: offsets 30..39 are committed and not in the ledger" in (watch.reason or "")
        assert "`runtally replay --from 30 --topic agent-runs.v1 --partition 0`" in (watch.reason or "")
        assert watch._metrics.ledger_gaps.labels(RUNS)._value.get() == 1
        fake.away = True
        await pass_by(96, 106)
        assert watch.reason is not None
        fake.away = False
        ledger[0] = [(0, 49)]
        await pass_by(106, 111)
        assert watch.reason is None
        assert fake.reads == [Interval(30, 39)]  # once: what was seen to hold records is not read again
        watch.tick(111, [])
        assert watch._proofs == {}
        await watch.leave()

    asyncio.run(story())


def test_a_long_hole_is_read_in_pieces_and_told_whole() -> None:
    async def story() -> None:
        fake = FakeLog()
        fake.place = Committed("s", 1_000_000, 0)
        watch = _watched({0: [(900_000, 999_999)]}, fake, [])
        for now in (0, 30, 35, 40):
            watch.tick(now, [P0])
            await asyncio.gather(*filter(None, [watch._looking]))
        assert "offsets 0..899999 are" in (watch.reason or "")
        assert fake.reads == [Interval(0, 9_999)]

    asyncio.run(story())


@pytest.fixture
def stack(private_kafka: KafkaBroker, clickhouse: ClickHouseBackend, database: str) -> Iterator[Stack]:
    url = clickhouse.url_of(database)
    location = StoreLocation.server(url) if url else StoreLocation(path=clickhouse.path, database=database)
    with closing(Store(location)) as store:
        migrate(store)
        stack = Stack(KafkaConnection(private_kafka.bootstrap), store, SETTINGS)
        asyncio.run(create_topics(stack.connection, TopicLayout(partitions=1)))
        yield stack


async def _delete_records(stack: Stack, before: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.connection.bootstrap)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(RUNS, 0): RecordsToDelete(before)})
    finally:
        await admin.close()


def test_a_ledger_that_lost_rows_is_not_ready_until_the_broker_has_them_no_more(stack: Stack) -> None:
    async def story() -> None:
        for first in (0, 10, 20):
            async with stack.consumer():
                await stack.produce(RUNS, stack.runs(first, first + 10))
                await until(stack.is_ingested, "everything in the store")
        forget = "ALTER TABLE ingest_ledger DELETE WHERE last_offset >= 10 AND first_offset < 20"
        await asyncio.to_thread(stack.store.command, f"{forget} SETTINGS mutations_sync = 2")
        async with stack.consumer() as parts:
            consumer, gaps = parts.consumer, parts.metrics.ledger_gaps.labels(RUNS)._value
            await until(lambda: "not in the ledger" in (consumer.not_ready_reason() or ""), "the gap told")
            assert f"{RUNS}-0: offsets 10..19 are committed" in (consumer.not_ready_reason() or "")
            assert gaps.get() == 1
            assert consumer.is_alive()
            await stack.produce(RUNS, stack.runs(30, 35))  # records flow nevertheless
            await until(lambda: stack.stored_runs() == 35, "the rest in the store")
            await _delete_records(stack, 20)
            await until(lambda: consumer.not_ready_reason() is None, "an accepted loss")
            assert gaps.get() == 1

    asyncio.run(story())

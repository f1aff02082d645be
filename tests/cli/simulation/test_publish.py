"""Publishing against a producer in memory, and live against a clock that only sleeping moves."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from cli.simulation.expected import truth_of
from runtally_cli.simulation.drive import simulate_history, simulate_history_then_live, simulate_live
from runtally_cli.simulation.noise import Noise, with_noise
from runtally_cli.simulation.publish import Published, publish, run_live
from runtally_cli.simulation.record import TOPICS, Record
from runtally_cli.simulation.roster import DEFAULT_FLEET
from runtally_cli.simulation.stream import future, live, live_timetable, past, records_between
from runtally_cli.simulation.timetable import Timetable

END = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


class MemoryBatch:
    """Holds as many bytes as aiokafka's batch would; the first record always fits."""

    def __init__(self, size: int) -> None:
        self.size, self.records = size, list[tuple[bytes, bytes]]()

    def append(self, *, timestamp: int | None, key: bytes, value: bytes, headers: object = ()) -> object:
        assert timestamp is None
        self.size -= len(key) + len(value)
        if self.size < 0 and self.records:
            return None
        self.records.append((key, value))
        return object()


class MemoryProducer:
    """Acknowledges at the next turn of the loop, unless told to fail."""

    def __init__(self, batch_size: int = 20_000) -> None:
        self.batch_size = batch_size
        self.published: list[tuple[str, int, bytes, bytes]] = []
        self.unacknowledged = self.most_unacknowledged = 0
        self.failure: Exception | None = None

    async def partitions_for(self, topic: str) -> set[int]:
        assert topic in TOPICS
        return {0, 1, 2}

    def create_batch(self) -> MemoryBatch:
        return MemoryBatch(self.batch_size)

    async def send_batch(self, batch: MemoryBatch, topic: str, *, partition: int) -> "asyncio.Future[Any]":
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self.unacknowledged += 1
        self.most_unacknowledged = max(self.most_unacknowledged, self.unacknowledged)
        loop.call_soon(self._answer, future, batch, topic, partition)
        return future

    def _answer(self, future: "asyncio.Future[Any]", batch: MemoryBatch, topic: str, partition: int) -> None:
        self.unacknowledged -= 1
        if self.failure is not None:
            future.set_exception(self.failure)
            return
        self.published += [(topic, partition, key, value) for key, value in batch.records]
        future.set_result(None)


class FakeTime:
    """A clock that stands still unless somebody sleeps."""

    def __init__(self, now: datetime) -> None:
        self.instant = now
        self.naps: list[float] = []

    def now(self) -> datetime:
        return self.instant

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.instant += timedelta(seconds=seconds)


def values(records: list[Record]) -> list[tuple[str, bytes, bytes]]:
    return sorted((record.topic, record.key, record.value) for record in records)


def published_values(producer: MemoryProducer) -> list[tuple[str, bytes, bytes]]:
    return sorted((topic, key, value) for topic, _, key, value in producer.published)


def test_history_publishes_every_record_once_with_progress() -> None:
    plan = Timetable(DEFAULT_FLEET, 1, END - timedelta(days=5), END, 4000)
    producer, seen = MemoryProducer(), list[Published]()
    ticks = iter(range(1_000_000))
    count = asyncio.run(simulate_history(producer, plan, progress=seen.append, clock=lambda: float(next(ticks))))
    records = list(past(plan))
    assert count == len(records)
    assert published_values(producer) == values(records)
    assert seen[-1].records == count
    assert [report.records for report in seen] == sorted(report.records for report in seen)
    assert seen[-1].per_second > 0
    assert seen[-1].event_time == records[-1].event_time
    assert producer.most_unacknowledged <= 32


def test_a_key_stays_on_its_partition() -> None:
    producer = MemoryProducer()
    asyncio.run(publish(islice(live(DEFAULT_FLEET, 1, END, 5000), 2000), producer))
    places: dict[tuple[str, bytes], set[int]] = {}
    for topic, partition, key, _ in producer.published:
        places.setdefault((topic, key), set()).add(partition)
    assert all(len(partitions) == 1 for partitions in places.values())
    assert {partition for _, partition, _, _ in producer.published} == {0, 1, 2}


def test_large_records_pass_and_nothing_is_lost_to_a_full_batch() -> None:
    plan = Timetable(DEFAULT_FLEET, 1, END - timedelta(days=1), END, 2000)
    producer = MemoryProducer(batch_size=2000)
    count = asyncio.run(simulate_history(producer, plan, noise=Noise(bad_records=0.3)))
    assert count == len(producer.published)
    assert max(len(value) for _, _, _, value in producer.published) > 256 * 1024


def test_a_refused_batch_is_an_error() -> None:
    producer = MemoryProducer()
    producer.failure = ConnectionError("broker is gone")
    with pytest.raises(ConnectionError, match="gone"):
        asyncio.run(publish(islice(live(DEFAULT_FLEET, 1, END, 5000), 3000), producer))


def record_times(producer: MemoryProducer, time: FakeTime) -> Callable[[float], Awaitable[None]]:
    """A sleep that first checks that whatever is due has been published."""

    async def sleep(seconds: float) -> None:
        assert producer.unacknowledged == 0
        await time.sleep(seconds)

    return sleep


def test_live_publishes_each_record_when_it_is_due() -> None:
    time, producer = FakeTime(END), MemoryProducer()
    records = list(islice(live(DEFAULT_FLEET, 1, END, 3000), 400))
    published_at: dict[bytes, datetime] = {}
    answer = producer._answer

    def noted(future: "asyncio.Future[Any]", batch: MemoryBatch, topic: str, partition: int) -> None:
        published_at.update((value, time.instant) for _, value in batch.records)
        answer(future, batch, topic, partition)

    producer._answer = noted  # type: ignore[method-assign]  # the moment of the acknowledgement is the point
    sleep = record_times(producer, time)
    assert asyncio.run(run_live(records, producer, now=time.now, sleep=sleep)) == 400
    for record in records:
        late = published_at[record.value] - record.event_time
        assert timedelta(0) <= late <= timedelta(seconds=0.3)
    assert all(nap >= 0.2 for nap in time.naps)


def test_live_after_history_catches_up_at_once_and_joins_without_a_gap() -> None:
    plan = Timetable(DEFAULT_FLEET, 1, END - timedelta(hours=12), END, 2000)
    time, producer = FakeTime(END + timedelta(minutes=10)), MemoryProducer()
    before = sum(1 for _ in past(plan))
    overdue = len(_until(plan, time.instant))

    async def stop_after_an_hour(seconds: float) -> None:
        if not time.naps:
            assert len(producer.published) == before + overdue
        await time.sleep(seconds)
        if time.instant > END + timedelta(hours=1):
            raise asyncio.CancelledError

    async def both() -> None:
        assert await simulate_history(producer, plan) == before
        await simulate_live(producer, plan, now=time.now, sleep=stop_after_an_hour)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(both())
    assert overdue > 5
    keys = {key for _, _, key, _ in producer.published}
    assert len(keys) > 2000
    assert len(producer.published) == len({value for *_, value in producer.published})


def _until(plan: Timetable, instant: datetime) -> list[Record]:
    return [record for record in islice(future(plan), 5000) if record.event_time <= instant]


def test_history_then_live_is_one_stream() -> None:
    plan = Timetable(DEFAULT_FLEET, 1, END - timedelta(hours=12), END, 2000)
    time, producer, caught_up = FakeTime(END), MemoryProducer(), list[int]()

    async def stop_after_an_hour(seconds: float) -> None:
        await time.sleep(seconds)
        if time.instant > END + timedelta(hours=1):
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(
            simulate_history_then_live(
                producer, plan, now=time.now, sleep=stop_after_an_hour, caught_up=caught_up.append
            )
        )
    assert caught_up == [sum(1 for _ in past(plan))]
    start = END - timedelta(hours=12)
    due = [record for record in records_between(plan, start, time.instant) if record.event_time < time.instant]
    assert len(due) - 5 < len(producer.published) <= len(due)


def test_live_with_noise_keeps_the_truth() -> None:
    plan = live_timetable(DEFAULT_FLEET, 2, END, 20_000)
    records = list(islice(future(plan, finish_open_runs=False), 1500))
    time, producer = FakeTime(END), MemoryProducer()
    noise = Noise(duplicates=0.2, shuffled=0.3, late=0.1)
    noisy = list(with_noise(records, noise, plan.seed))
    asyncio.run(run_live(noisy, producer, now=time.now, sleep=time.sleep))
    assert published_values(producer) == values(noisy)
    assert truth_of(noisy).runs == truth_of(records).runs

"""A consumer's surroundings in memory, with the one promise checked at every single commit."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from consumer.fakes import Clock, FakeBroker, FakeDeadLetterTopic, FakeSource, FakeStore
from consumer.samples import F0, P0, P1, RUNS, run_value
from consumer.stack import until
from runtally_consumer.engine import Engine, EngineLimits
from runtally_consumer.metrics import ConsumerMetrics
from runtally_consumer.records import Partition
from runtally_consumer.resuming import StopRegister
from runtally_consumer.service import Consumer
from runtally_consumer.store_watch import StoreWatch
from runtally_consumer.writing import BatchWriter

LIMITS = EngineLimits(
    batch_rows=20, linger_seconds=0.02, first_retry_seconds=0.01, longest_retry_seconds=0.02, buffer_bytes=100_000
)


@dataclass
class World:
    """One broker, one store, and the promise: checked at every single commit."""

    broker: FakeBroker
    store: FakeStore = field(default_factory=FakeStore)
    dead_letters: FakeDeadLetterTopic = field(default_factory=FakeDeadLetterTopic)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.broker.on_commit = self.check_commit

    def member(
        self,
        drain_seconds: float = 10.0,
        stop_register: StopRegister | None = None,
        store_watch: StoreWatch | None = None,
    ) -> tuple[Consumer, FakeSource]:
        source = FakeSource(self.broker)
        now = datetime(2026, 8, 1, tzinfo=UTC)
        writer = BatchWriter(self.store, self.dead_letters, "cluster", lambda: now, self.clock)
        engine = Engine(LIMITS, lambda: 1.0)
        consumer = Consumer(
            source, engine, writer, ConsumerMetrics(), self.clock, drain_seconds, stop_register, store_watch
        )
        return consumer, source

    def check_commit(self, offsets: Mapping[Partition, int]) -> None:
        """Rule D: whatever lies below a committed offset is in the store or in the dead-letter topic."""
        dead = {(letter.partition, letter.record.offset) for letter in self.dead_letters.letters}
        stored, ledger = self.store.run_ids(), self.store.ledger()
        for partition, offset in offsets.items():
            for record in self.broker.log[partition]:
                if record.offset >= offset or (partition, record.offset) in dead:
                    continue
                if partition.topic == RUNS:
                    assert UUID(json.loads(record.value or b"")["run_id"]).bytes in stored
                else:
                    assert record.offset in ledger[partition]

    def all_committed(self) -> bool:
        return self.broker.committed == self.broker.ends()

    async def committed(self) -> None:
        """Time passes until everything published is committed."""

        def check() -> bool:
            self.clock.advance(0.1)
            return self.all_committed()

        await until(check, "everything committed", 20)


def play(story: Callable[[World], Coroutine[Any, Any, None]], *partitions: Partition) -> None:
    async def main() -> None:
        await story(World(FakeBroker(partitions or (P0, P1, F0))))

    asyncio.run(main())


def runs(first: int, end: int) -> list[bytes | None]:
    return [run_value(number) for number in range(first, end)]


async def leave(consumer: Consumer, running: "asyncio.Task[None]") -> None:
    consumer.stop()
    await asyncio.wait_for(running, 20)


def gauged(consumer: Consumer, name: str, topic: str) -> float | None:
    """What /metrics shows of the topic."""
    return consumer._metrics.registry.get_sample_value(f"runtally_consumer_{name}", {"topic": topic})

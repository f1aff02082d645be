"""One story's surroundings: the loop, the broker, the store, the members of the group; every draw from one seed."""

import asyncio
import random
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from hashlib import sha256

from consumer.samples import FEEDBACK, RUNS
from consumer.simulation.broker import SimulatedBroker
from consumer.simulation.messages import Catalogue
from consumer.simulation.promises import Promises
from consumer.simulation.source import SimulatedSource
from consumer.simulation.store import SimulatedDeadLetterTopic, SimulatedStore
from consumer.simulation.virtual_time import Process, VirtualLoop
from runtally_consumer.dead_letter_limits import NEVER_STOPPED, DeadLetterLimit
from runtally_consumer.engine import Engine, EngineLimits
from runtally_consumer.metrics import ConsumerMetrics
from runtally_consumer.polling import FEWEST_RECORDS
from runtally_consumer.records import Partition
from runtally_consumer.service import Consumer
from runtally_consumer.source import SourceBroken
from runtally_consumer.writing import BatchWriter

STRICT = DeadLetterLimit(window=20, share=0.3, fewest=5)


@cache
def _metrics() -> ConsumerMetrics:
    """For all members: nobody looks at them here, and a set takes longer to make than many an insert."""
    return ConsumerMetrics()


@dataclass
class Member:
    """One consumer in a process of its own."""

    process: Process
    consumer: Consumer
    source: SimulatedSource
    engine: Engine
    running: "asyncio.Task[None]"

    @property
    def has_ended(self) -> bool:
        return self.process.is_dead or self.running.done()


@dataclass
class World:
    """Everything of one story. `trace` is a digest over all that happened, in order."""

    seed: int
    catalogue: Catalogue
    is_told: bool = False
    members: list[Member] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draws = random.Random(self.seed)
        draw = self.draws.random
        self.trace = sha256()
        self.slow_threads = self.draws.choice([0.0, 0.0, 0.05, 0.3])
        self.loop = VirtualLoop(lambda: 0.2 * draw() if draw() < self.slow_threads else 0.0)
        self.wall_clock_ahead = timedelta()
        partitions = [Partition(RUNS, n) for n in range(self.draws.randint(1, 4))]
        partitions += [Partition(FEEDBACK, n) for n in range(self.draws.randint(0, 2))]
        latency = self.draws.choice([0.0, 0.02, 0.2])
        self.broker = SimulatedBroker(
            self.loop, partitions, lambda: latency * draw(), lambda share: share > 0 and draw() < share, told=self.tell
        )
        self.store = SimulatedStore(self.loop, self.draws, lambda row: self.promises.check_ledger(row), self.tell)
        self.dead_letters = SimulatedDeadLetterTopic(self.loop, self.draws, self.tell)
        self.promises = Promises(self.catalogue, self.broker, self.store, self.dead_letters)
        self.broker.on_commit = self.promises.check_commit
        self._draw_limits()

    def _draw_limits(self) -> None:
        self.limits = EngineLimits(
            batch_rows=self.draws.choice([3, 10, 40]),
            linger_seconds=self.draws.choice([0.05, 0.3]),
            inserts_in_flight=self.draws.choice([1, 2, 2, 3]),
            buffer_bytes=self.draws.choice([6_000, 100_000]),
            first_retry_seconds=0.1,
            longest_retry_seconds=1.5,
            breaker_seconds=3.0,
        )
        self.dead_letter_limit = self.draws.choice([NEVER_STOPPED, STRICT])
        self.drain_seconds = self.draws.choice([0.5, 2.0, 10.0])
        self.fetch_most = self.draws.choice([2, 7, 100])

    def tell(self, what: str) -> None:
        line = f"{self.loop.time():9.4f} {what}"
        self.trace.update(line.encode())
        if self.is_told:
            sys.stdout.write(line + "\n")

    def join(self) -> Member:
        """A new process joins the group."""
        process = Process(f"process {len(self.members) + 1}")
        engine = Engine(self.limits, self.draws.random)
        source = SimulatedSource(self.broker, lambda: self.fetch_most, partial(self._check_memory, engine))
        writer = BatchWriter(
            self.store,
            self.dead_letters,
            "cluster",
            self._wall_clock,
            self.loop.time,
            self.dead_letter_limit,
            random_bits=self.draws.getrandbits,
        )
        consumer = Consumer(source, engine, writer, _metrics(), self.loop.time, self.drain_seconds)
        member = Member(process, consumer, source, engine, self.loop.spawn(process, self._run(consumer, process)))
        self.members.append(member)
        self.tell(f"{process.name} starts")
        return member

    async def _run(self, consumer: Consumer, process: Process) -> None:
        try:
            await consumer.run()
            self.tell(f"{process.name} ends")
        except SourceBroken:
            self.tell(f"{process.name} gives up")

    def _check_memory(self, engine: Engine) -> None:
        """I5: no more than the budget, and what one poll brings of each partition."""
        single_polls = len(self.broker.partitions) * min(self.fetch_most, FEWEST_RECORDS) * self.catalogue.heaviest
        if engine.held_bytes > self.limits.buffer_bytes + single_polls:
            self.promises.wrongs.append(f"I5: {engine.held_bytes} bytes held of {self.limits.buffer_bytes}")

    @property
    def alive(self) -> list[Member]:
        """The members whose processes are there, stopped ones too."""
        return [member for member in self.members if not member.has_ended]

    def _wall_clock(self) -> datetime:
        return datetime(2026, 8, 1, tzinfo=UTC) + timedelta(seconds=self.loop.time()) + self.wall_clock_ahead

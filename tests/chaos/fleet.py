"""A fleet whose runs one story is about: it publishes, remembers all of it, and knows what the answers must be."""

import asyncio
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from chaos.bounds import Tally
from chaos.loop_thread import LoopThread
from runtally.events import RunSnapshot

TOPIC = RunSnapshot.topic
PARTITIONS = 6
# All runs of all stories began in this month.
FIRST, LAST = datetime(2026, 10, 2, tzinfo=UTC), datetime(2026, 10, 29, tzinfo=UTC)
POISON_AGENT = "poison"
BAD_VALUES = (b"{not json", b"null", b'{"run_id": "r"}', b"\xff\xfe", b"[1]", b"")
SEND_SECONDS = 20.0
PAUSE_SECONDS = 0.3
Place = tuple[int, int]


@dataclass
class Fleet:
    """Runs of one workspace. `known` is what the broker acknowledged: by (partition, offset), None for bad records."""

    bootstrap: str
    workspace: str
    thread: LoopThread
    rng: random.Random
    sent: list[RunSnapshot] = field(default_factory=list)
    published: Tally = field(default_factory=Tally)
    known: dict[Place, RunSnapshot | None] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _runs: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _load: threading.Thread | None = None
    _trouble: BaseException | None = None

    def publish(self, runs: int, bad: int = 0, poison: int = 0) -> None:
        """New runs from start to end, some records twice, some out of order. Returns when all are acknowledged.

        `bad` records break the contract; `poison` keeps it, and is refused by a table with the stories' constraint.
        """
        snapshots = [one for _ in range(runs) for one in self._history()]
        self.rng.shuffle(snapshots)
        with self.lock:
            self.sent += snapshots
            self.published.add(snapshots)
        records: list[tuple[bytes, RunSnapshot | None]] = [(one.message_value(), one) for one in snapshots]
        records += [(self.rng.choice(BAD_VALUES), None) for _ in range(bad)]
        records += [(self._run(POISON_AGENT, "succeeded").message_value(), None) for _ in range(poison)]
        self.rng.shuffle(records)
        self.thread.call(self._send(records))

    def start_load(self, runs_at_once: int, bad_share: float) -> None:
        """Publish on and on beside the test, whatever happens to the brokers, until `stop_load`."""

        def load() -> None:
            try:
                while not self._stopping.is_set():
                    bad, poison = (int(self.rng.random() < bad_share) for _ in range(2))
                    self.publish(runs_at_once, bad, poison)
                    self._stopping.wait(PAUSE_SECONDS)
            except BaseException as error:
                self._trouble = error

        self._stopping.clear()
        self._load = threading.Thread(target=load, name="fleet", daemon=True)
        self._load.start()

    def stop_load(self) -> None:
        """Returns when all that was sent is acknowledged. Raises what kept the fleet from publishing."""
        self._stopping.set()
        if self._load is not None:
            self._load.join()
            self._load = None
        if self._trouble is not None:
            raise self._trouble

    def _history(self) -> list[RunSnapshot]:
        """A run as it begins and as it ends, one of the two sometimes twice."""
        start = self._run(f"agent-{self.rng.randrange(3)}", "running")
        end = start.model_copy(
            update={
                "status": self.rng.choice(["succeeded", "succeeded", "failed", "timed_out"]),
                "updated_at": start.updated_at + timedelta(seconds=self.rng.randrange(1, 100)),
                "duration_ms": self.rng.randrange(100_000),
                "input_tokens": self.rng.randrange(1, 100_000),
                "output_tokens": self.rng.randrange(1, 10_000),
                "cost_usd": Decimal(self.rng.randrange(1, 10**10)).scaleb(-9),
            }
        )
        twice = [self.rng.choice([start, end])] if self.rng.random() < 0.2 else []
        return [start, end, *twice]

    def _run(self, agent_id: str, status: str) -> RunSnapshot:
        self._runs += 1
        started_at = FIRST + (LAST - FIRST) * self.rng.random()
        fields = {
            "run_id": f"{self.workspace}-{self._runs}",
            "workspace_id": self.workspace,
            "agent_id": agent_id,
            "status": status,
            "model": self.rng.choice(["large", "small"]),
            "session_id": f"session-{self.rng.randrange(20)}",
            "started_at": started_at,
            "updated_at": started_at,
        }
        return RunSnapshot.model_validate(fields)

    async def _send(self, records: Sequence[tuple[bytes, RunSnapshot | None]]) -> None:
        """Again and again until acknowledged, as a fleet's spool does: a record may lie there more than once."""
        left = list(records)
        while left:
            producer = AIOKafkaProducer(
                bootstrap_servers=self.bootstrap, acks="all", request_timeout_ms=5000, linger_ms=5
            )
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await producer.start()
                    left = await self._send_once(producer, left)
            except (KafkaError, TimeoutError, OSError):
                await asyncio.sleep(PAUSE_SECONDS)
            finally:
                await producer.stop()

    async def _send_once(
        self, producer: AIOKafkaProducer, records: Sequence[tuple[bytes, RunSnapshot | None]]
    ) -> list[tuple[bytes, RunSnapshot | None]]:
        """Returns those that were not acknowledged."""
        futures = []
        for value, _ in records:
            key = self.rng.choice([b"a", b"b", b"c", b"d", None])
            futures.append(await producer.send(TOPIC, value, key=key))
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
        left = []
        for (value, run), outcome in zip(records, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                left.append((value, run))
            else:
                with self.lock:
                    self.known[outcome.partition, outcome.offset] = run
        return left

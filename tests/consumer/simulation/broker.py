"""A broker and a group coordinator as Kafka has them: generations, fencing, eager rebalances, sessions that run out."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from consumer.samples import StoredRecord
from consumer.simulation.virtual_time import VirtualLoop
from runtally_consumer.records import Partition

T = TypeVar("T")

SWEEP_SECONDS = 0.25


class Unanswered(Exception):
    """The broker did not answer in time; whether it did what was asked is not known."""


class IllegalGeneration(Exception):
    """Who asks is not, or no longer, a member in this generation."""


@dataclass
class Assignment:
    """What a member gets when a rebalance ends."""

    generation: int
    partitions: list[Partition]


@dataclass
class _Member:
    seen_at: float
    joining: "asyncio.Future[Assignment] | None" = None


@dataclass(slots=True)
class BrokerFaults:
    """What goes wrong just now. Commits: the shares that are lost on the way there, and on the way back."""

    is_away: bool = False
    commits_refused: float = 0.0
    commits_lost: float = 0.0
    answers_lost: float = 0.0
    polls_fail: float = 0.0


@dataclass
class SimulatedBroker:
    """The log and the one group. Requests travel `latency()` seconds there and back."""

    loop: VirtualLoop
    partitions: Sequence[Partition]
    latency: Callable[[], float] = lambda: 0.0
    chance: Callable[[float], bool] = lambda share: False
    session_seconds: float = 3.0
    rebalance_seconds: float = 5.0
    timeout_seconds: float = 2.0
    on_commit: Callable[[Mapping[Partition, int]], None] = lambda offsets: None
    told: Callable[[str], None] = lambda what: None
    faults: BrokerFaults = field(default_factory=BrokerFaults)
    generation: int = 0

    def __post_init__(self) -> None:
        self.log: dict[Partition, list[StoredRecord]] = {partition: [] for partition in self.partitions}
        self.committed: dict[Partition, int] = {}
        self._readers: list[asyncio.Future[None]] = []
        self._members: dict[str, _Member] = {}
        self._rebalance_until: float | None = None
        self._ids = count(1)
        self.loop.call_elsewhere(SWEEP_SECONDS, self._sweep)

    def publish(self, partition: Partition, values: Sequence[bytes | None], gap: int = 0) -> None:
        """Append the records; `gap` offsets before them hold none, as after a compaction or a transaction's marker."""
        first = self.end(partition) + gap
        self.log[partition] += [StoredRecord(first + index, value) for index, value in enumerate(values)]
        readers, self._readers = self._readers, []
        for waiting in readers:
            _settle(waiting)

    def end(self, partition: Partition) -> int:
        log = self.log[partition]
        return log[-1].offset + 1 if log else 0

    def lags(self) -> dict[Partition, int]:
        """The partitions that are not committed to their end, with the offset that is."""
        return {p: self.committed.get(p, 0) for p in self.log if self.committed.get(p, 0) != self.end(p)}

    async def request(
        self, handle: Callable[[], T], lost: float = 0.0, answer_lost: float = 0.0, seconds: float | None = None
    ) -> T:
        """What the broker answers. Raises what `handle` raises, or `Unanswered`."""
        answer: asyncio.Future[T] = self.loop.create_future()

        def deliver(result: T | None, error: Exception | None) -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)  # type: ignore[arg-type]  # None only beside an error

        def work() -> None:
            if self.faults.is_away or self.chance(lost):
                return
            try:
                result, error = handle(), None
            except IllegalGeneration as refusal:
                result, error = None, refusal
            if not self.chance(answer_lost):
                self.loop.call_elsewhere(self.latency(), deliver, result, error)

        self.loop.call_elsewhere(self.latency(), work)
        limit = self.loop.call_later(seconds or self.timeout_seconds, deliver, None, Unanswered("no answer"))
        try:
            return await answer
        finally:
            limit.cancel()

    async def wait_for_records(self, seconds: float) -> None:
        """Return when some are published, or when the time is over."""
        waiting: asyncio.Future[None] = self.loop.create_future()
        self._readers.append(waiting)
        limit = self.loop.call_later(seconds, _settle, waiting)
        try:
            await waiting
        finally:
            limit.cancel()

    def enter(self) -> str:
        """A new member's id."""
        name = f"member-{next(self._ids)}"
        self._members[name] = _Member(self.loop.time())
        return name

    def join(self, name: str) -> "asyncio.Future[Assignment]":
        """Done once all members have joined, or those that have not were put out."""
        member = self._known(name)
        joining = member.joining
        if joining is None or joining.done():
            joining = member.joining = self.loop.create_future()
        if self._rebalance_until is None:
            self._rebalance("a member joins")
        self._complete_when_all_joined()
        return joining

    def heartbeat(self, name: str, generation: int) -> bool:
        """Whether the member may go on; it must join again otherwise."""
        member = self._known(name)
        member.seen_at = self.loop.time()
        return generation == self.generation and self._rebalance_until is None

    def leave(self, name: str) -> None:
        if name in self._members:
            self._remove(name, "leaves")

    def commit(self, name: str, generation: int, offsets: Mapping[Partition, int]) -> None:
        """Raises `IllegalGeneration` for members of the past."""
        self._known(name)
        if generation != self.generation:
            raise IllegalGeneration(f"{name} commits in generation {generation}, this is {self.generation}")
        self.told(f"commit {name} {sorted(offsets.items())}")
        self.on_commit(offsets)
        self.committed.update(offsets)

    def _known(self, name: str) -> _Member:
        if name not in self._members:
            raise IllegalGeneration(f"{name} is no member")
        return self._members[name]

    def _remove(self, name: str, why: str) -> None:
        self.told(f"{name} {why}")
        joining = self._members.pop(name).joining
        if joining is not None and not joining.done():
            joining.set_exception(IllegalGeneration(f"{name} {why}"))
        self._rebalance(why)
        self._complete_when_all_joined()

    def _rebalance(self, why: str) -> None:
        self.told(f"rebalance: {why}")
        self._rebalance_until = self.loop.time() + self.rebalance_seconds

    def _complete_when_all_joined(self) -> None:
        joining = {name: member.joining for name, member in self._members.items()}
        if self._rebalance_until is None or any(future is None for future in joining.values()):
            return
        self._rebalance_until = None
        self.generation += 1
        self.told(f"generation {self.generation}: {len(joining)} members")
        names = list(joining)
        for index, (name, future) in enumerate(joining.items()):
            self._members[name].joining = None
            self._members[name].seen_at = self.loop.time()
            mine = [p for at, p in enumerate(sorted(self.log)) if at % len(names) == index]
            if future is not None and not future.done():
                future.set_result(Assignment(self.generation, mine))

    def _sweep(self) -> None:
        """Sessions and rebalances that run out. Neither does while the coordinator itself is away."""
        self.loop.call_elsewhere(SWEEP_SECONDS, self._sweep)
        now = self.loop.time()
        if self.faults.is_away:
            for member in self._members.values():
                member.seen_at = now
            return
        for name, member in list(self._members.items()):
            if member.joining is None and now - member.seen_at > self.session_seconds:
                self._remove(name, "lost its session")
        if self._rebalance_until is not None and now >= self._rebalance_until:
            for name in [name for name, member in self._members.items() if member.joining is None]:
                self._remove(name, "did not join in time")
            self._complete_when_all_joined()


def _settle(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)

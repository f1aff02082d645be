"""A story: records are published while things go wrong; then nothing does, and all must be as promised."""

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

from consumer.simulation.messages import BAD, catalogue
from consumer.simulation.nemesis import Nemesis
from consumer.simulation.promises import Broken
from consumer.simulation.world import World
from runtally_consumer import inserting, polling, service, writing
from runtally_consumer.decoding import DECODERS
from runtally_consumer.records import Partition

_Act = Callable[[], None]

RECOVERY_SECONDS = 120.0
LEAVING_SECONDS = 30.0
TRUTH_SECONDS = 15.0
LOOK_SECONDS = 0.25
REAL_DECODER_EVERY = 100


@dataclass(frozen=True, slots=True)
class Told:
    """What a story that ended well can say of itself. `trace` is equal for equal seeds."""

    seed: int
    trace: str
    records: int
    faults: dict[str, int]
    virtual_seconds: float


def play(seed: int, is_told: bool = False) -> Told:
    """Play the story of this seed. Raises `Broken` when a promise was."""
    random.seed(seed)  # the poller's waits after a failed poll
    world = World(seed, catalogue(), is_told)
    with _seams(world):
        try:
            told = world.loop.run_until_complete(_Story(world).play())
        finally:
            _bury(world)
            world.loop.close()
    return told


@contextmanager
def _seams(world: World) -> Iterator[None]:
    tick = world.draws.choice([0.2, 0.4])
    decoders = DECODERS if world.seed % REAL_DECODER_EVERY == 0 else world.catalogue.decoders
    with (
        mock.patch.object(service, "TICK_SECONDS", tick),
        mock.patch.object(polling, "POLL_WAIT_MS", world.draws.choice([200, 1000])),
        mock.patch.object(writing, "DECODERS", decoders),
        mock.patch.object(writing, "in_daemon_thread", asyncio.to_thread),
        mock.patch.object(inserting, "in_daemon_thread", asyncio.to_thread),
    ):
        yield


class _Story:
    def __init__(self, world: World) -> None:
        self._world = world
        self._draws = world.draws
        self._nemesis = Nemesis(world)
        self._bad_share = self._draws.choice([0.0, 0.0, 0.02, 0.3, 1.0])
        self._chaos_seconds = 1.0 + 7.0 * self._draws.random()

    async def play(self) -> Told:
        self._refuse_some()
        for _ in range(self._draws.randint(1, 3)):
            self._world.join()
        for moment, act in self._plan():
            await self._wait_until(moment)
            self._look_at_liveness()
            act()
        await self._wait_until(self._chaos_seconds)
        self._nemesis.relent()
        self._publish_good()
        await self._recover()
        await self._leave()
        self._look_at_errors()
        self._world.promises.check_end()
        records = sum(map(len, self._world.broker.log.values()))
        return Told(
            self._world.seed,
            self._world.trace.hexdigest(),
            records,
            self._nemesis.counts,
            self._world.loop.time(),
        )

    def _plan(self) -> list[tuple[float, "_Act"]]:
        """What happens when, in order."""
        acts: list[_Act] = [self._publish] * self._draws.randint(2, 8)
        acts += [self._nemesis.strike] * self._draws.randint(0, 7)
        moments = [self._draws.random() * self._chaos_seconds for _ in acts]
        return sorted(zip(moments, acts, strict=True), key=lambda planned: planned[0])

    def _refuse_some(self) -> None:
        """Rows that the store will never take, though the contract does."""
        share = self._draws.choice([0.0, 0.0, 0.0, 0.03])
        versions = sorted(version for _, version in self._world.catalogue.stored.values())
        self._world.store.refused_versions = frozenset(v for v in versions if self._draws.random() < share)

    def _publish(self) -> None:
        partition = self._draws.choice(self._world.broker.partitions)
        values: list[bytes | None] = []
        for _ in range(self._draws.choice([1, 4, 15, 40])):
            is_bad = self._draws.random() < self._bad_share
            values.append(self._draws.choice(BAD) if is_bad else self._good(partition))
        self._world.tell(f"publish {len(values)}")
        self._world.broker.publish(partition, values, gap=self._draws.choice([0, 0, 3]))

    def _publish_good(self) -> None:
        """Rows that the store takes, for every topic: without one it cannot be told that others are bad."""
        refused = self._world.store.refused_versions
        for partition in self._world.broker.partitions:
            good = self._world.catalogue.good[partition.topic]
            taken = [value for value in good if self._world.catalogue.stored[value][1] not in refused]
            self._world.broker.publish(partition, self._draws.sample(taken, 3))

    def _good(self, partition: Partition) -> bytes:
        return self._draws.choice(self._world.catalogue.good[partition.topic])

    async def _recover(self) -> None:
        """I6, I7: soon all is committed, everybody is alive and ready. A person resumes what was stopped."""
        loop = self._world.loop
        deadline = loop.time() + RECOVERY_SECONDS
        lags, since = self._world.broker.lags(), loop.time()
        while reasons := self._unready():
            if lags != self._world.broker.lags():
                lags, since = self._world.broker.lags(), loop.time()
            if lags and not any(m.consumer.not_ready_reason() for m in self._world.alive):
                standing = loop.time() - since
                if standing > TRUTH_SECONDS:
                    raise Broken(f"I7: all say that they are ready, and for {standing:g} s nothing moves: {lags}")
            if loop.time() > deadline:
                raise Broken(f"I6: not recovered within {RECOVERY_SECONDS:g} s: {reasons}")
            await asyncio.sleep(LOOK_SECONDS)

    def _unready(self) -> list[str]:
        alive = self._world.alive
        for member in alive:
            for partition in sorted(member.consumer.stopped_partitions()):
                self._world.tell(f"resume {partition.topic}-{partition.number}")
                member.consumer.resume_partition(partition)
        reasons = [f"{p.topic}-{p.number} is at {at}" for p, at in sorted(self._world.broker.lags().items())]
        told = [(m, m.consumer.not_ready_reason() or m.consumer.stuck_reason()) for m in alive]
        return reasons + [f"{member.process.name}: {reason}" for member, reason in told if reason]

    async def _leave(self) -> None:
        for member in self._world.alive:
            member.consumer.stop()
        deadline = self._world.loop.time() + LEAVING_SECONDS
        while self._world.alive:
            if self._world.loop.time() > deadline:
                raise Broken(f"{[member.process.name for member in self._world.alive]} did not leave")
            await asyncio.sleep(LOOK_SECONDS)

    def _look_at_liveness(self) -> None:
        """I7: no outage is a reason to be restarted."""
        for member in self._world.alive:
            if not member.process.is_halted and (reason := member.consumer.stuck_reason()):
                self._world.promises.wrongs.append(f"I7: {member.process.name} is not live: {reason}")

    def _look_at_errors(self) -> None:
        wrongs = self._world.promises.wrongs
        wrongs += [repr(error) for error in self._world.loop.errors if "never retrieved" not in error["message"]]
        for member in self._world.members:
            wrongs += member.source.wrongs
            if not member.process.is_dead and (error := member.running.exception()):
                wrongs.append(f"{member.process.name} ended with {error!r}")

    async def _wait_until(self, moment: float) -> None:
        await asyncio.sleep(max(0.0, moment - self._world.loop.time()))


def _bury(world: World) -> None:
    """Let every task end, so that none is destroyed half done."""
    loop = world.loop
    for member in world.members:
        member.running.cancel()
        loop.bury(member.process)

    async def wait() -> None:
        for _ in range(3):
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            if others:
                await asyncio.wait(others, timeout=60.0)

    loop.run_until_complete(wait())

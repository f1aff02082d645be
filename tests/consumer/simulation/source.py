"""`Source` over the simulated broker, with aiokafka's habits: it joins, heartbeats and commits beside the polls."""

import asyncio
import contextlib
from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import TypeVar

from consumer.simulation.broker import Assignment, IllegalGeneration, SimulatedBroker, Unanswered
from runtally_consumer.records import Partition, Record
from runtally_consumer.source import Assigned, CommitRefused, PollFailed, Revoked, SourceBroken

T = TypeVar("T")

HEARTBEAT_SECONDS = 0.5
RETRY_SECONDS = 0.3
COMMIT_SECONDS = 1.5
LEAVE_SECONDS = 2.0


class SimulatedSource:
    """One member of the group. `fetch_most` bounds what one poll brings of a partition; `polling` is told of each."""

    def __init__(
        self,
        broker: SimulatedBroker,
        fetch_most: Callable[[], int] = lambda: 1000,
        polling: Callable[[], None] = lambda: None,
    ) -> None:
        self._polling = polling
        self._broker = broker
        self._fetch_most = fetch_most
        self._name = ""
        self._generation = -1
        self._positions: dict[Partition, int] = {}
        self._paused: set[Partition] = set()
        self._held: set[Partition] = set()
        self._settled = asyncio.Event()
        self._was_assigned = False
        self._is_leaving = False
        self._answered_at = 0.0
        self._coordinating: asyncio.Task[None] | None = None
        self.is_broken = False
        self.wrongs: list[str] = []

    async def start(self, topics: Sequence[str], on_revoked: Revoked, on_assigned: Assigned) -> None:
        self._on_revoked, self._on_assigned = on_revoked, on_assigned
        self._answered_at = self._broker.loop.time()
        self._coordinating = asyncio.create_task(self._coordinate())

    async def poll(self, wait_ms: int, most: int) -> dict[Partition, Sequence[Record]]:
        try:
            return await self._poll(wait_ms / 1000, most)
        except asyncio.CancelledError:
            if not self._is_leaving:
                self.wrongs.append("a poll was cancelled: aiokafka's watchdog is off from now on")
            raise

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        faults = self._broker.faults
        if not set(offsets) <= set(self._positions) or self._broker.chance(faults.commits_refused):
            raise CommitRefused("refused")
        handle = partial(self._broker.commit, self._name, self._generation, dict(offsets))
        try:
            await self._broker.request(handle, faults.commits_lost, faults.answers_lost, COMMIT_SECONDS)
        except (Unanswered, IllegalGeneration) as error:
            raise CommitRefused(str(error)) from error

    def pause(self, partitions: Collection[Partition]) -> None:
        self._paused |= set(partitions)

    def resume(self) -> None:
        self._paused = set()

    def hold(self, partition: Partition) -> None:
        self._held.add(partition)

    def release(self, partition: Partition, offset: int) -> None:
        self._held.discard(partition)
        self._positions[partition] = offset

    def lag(self) -> dict[Partition, int]:
        return {p: max(0, self._broker.end(p) - at) for p, at in self._positions.items()}

    def silent_seconds(self) -> float:
        return self._broker.loop.time() - self._answered_at

    async def stop(self) -> None:
        self._is_leaving = True
        if self._coordinating is not None:
            self._coordinating.cancel()
            await asyncio.gather(self._coordinating, return_exceptions=True)
        if self._name:
            with contextlib.suppress(Unanswered):
                await self._broker.request(partial(self._broker.leave, self._name), seconds=LEAVE_SECONDS)
        self._positions = {}

    async def _poll(self, wait_seconds: float, most: int) -> dict[Partition, Sequence[Record]]:
        self._polling()
        await self._settled.wait()
        if self.is_broken:
            raise SourceBroken("a record is too large to be read")
        if self._broker.chance(self._broker.faults.polls_fail):
            raise PollFailed("no leader")
        fetched = self._fetch(most)
        if not fetched:
            await self._broker.wait_for_records(wait_seconds)
            await self._settled.wait()
            fetched = self._fetch(most)
        return fetched

    def _fetch(self, most: int) -> dict[Partition, Sequence[Record]]:
        if self._broker.faults.is_away or self._is_leaving:
            return {}
        self._answered_at = self._broker.loop.time()
        fetched: dict[Partition, Sequence[Record]] = {}
        for partition in sorted(self._positions.keys() - self._paused - self._held):
            at = self._positions[partition]
            log = self._broker.log[partition]
            first = bisect_left(log, at, key=attrgetter("offset"))
            records = log[first : first + min(most, self._fetch_most())] if first < len(log) else []
            if records:
                fetched[partition] = records
                self._positions[partition] = records[-1].offset + 1
                most -= len(records)
            if not most:
                break
        return fetched

    async def _coordinate(self) -> None:
        """Join, live on heartbeats until the group must be joined again, give up what was had; and so on."""
        while True:
            try:
                await self._join()
                while await self._heartbeat():
                    await asyncio.sleep(HEARTBEAT_SECONDS)
            except IllegalGeneration:
                self._name = ""  # put out of the group: join as somebody new
            self._settled.clear()
            if self._was_assigned:
                await self._on_revoked()

    async def _join(self) -> None:
        assignment = await self._assignment()
        self._generation = assignment.generation
        committed = await self._until_answered(lambda: dict(self._broker.committed))
        self._positions = {p: committed.get(p, 0) for p in assignment.partitions}
        self._paused, self._held = set(), set()
        self._was_assigned = True
        await self._on_assigned(assignment.partitions)
        self._settled.set()

    async def _assignment(self) -> Assignment:
        if not self._name:
            self._name = await self._until_answered(self._broker.enter)
        joining = await self._until_answered(partial(self._broker.join, self._name))
        return await joining

    async def _heartbeat(self) -> bool:
        beat = partial(self._broker.heartbeat, self._name, self._generation)
        with contextlib.suppress(Unanswered):
            return await self._broker.request(beat)
        return True  # nobody home: as long as that lasts nobody is put out either

    async def _until_answered(self, handle: Callable[[], T]) -> T:
        while True:
            try:
                return await self._broker.request(handle)
            except Unanswered:
                await asyncio.sleep(RETRY_SECONDS)

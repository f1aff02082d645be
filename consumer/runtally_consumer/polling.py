"""The polling task: what the source has goes to the engine, as fast as memory allows."""

import asyncio
import random
from collections.abc import Callable

import structlog

from runtally_consumer.engine import Engine
from runtally_consumer.records import Partition
from runtally_consumer.source import PollFailed, Source, SourceBroken

POLL_WAIT_MS = 200
POLL_RECORDS = 20_000
FEWEST_RECORDS = 100
FIRST_RECORD_BYTES = 1024.0
REMEMBERED = 0.9  # of what records weighed before the last poll
FAILED_POLLS = 20
LONGEST_WAIT_SECONDS = 5.0
SHOWN_SECONDS = 10.0

log = structlog.get_logger(__name__)


class Poller:
    """Polls until `stopping` is set. Never cancel `run` before the source has stopped.

    `poll_seconds` went by in polls, waiting for records included; `blocked_seconds` while memory kept some
    partition from being read.
    """

    def __init__(self, source: Source, engine: Engine, stopping: asyncio.Event, monotonic: Callable[[], float]) -> None:
        self._source = source
        self._engine = engine
        self._stopping = stopping
        self._monotonic = monotonic
        self._paused: frozenset[Partition] = frozenset()
        self._record_bytes = FIRST_RECORD_BYTES
        self.poll_seconds = 0.0
        self.blocked_seconds = 0.0
        self._quiet_since: float | None = None
        self._failed_polls = 0
        self._failure = ""
        self._failed_at: float | None = None

    @property
    def failure(self) -> str | None:
        """Why polling failed, if it did lately: one topic's errors alternate with the records of the others."""
        lately = self._failed_at is not None and self._monotonic() - self._failed_at < SHOWN_SECONDS
        return self._failure if lately else None

    @property
    def is_paused(self) -> bool:
        """Whether some partitions are not read because too much is held already."""
        return bool(self._paused)

    def assigned(self) -> None:
        """Partitions were assigned: none of them is paused, and nothing of them was read."""
        self._paused = frozenset()
        self._quiet_since = None

    def quiet_seconds(self) -> float:
        """For how long polls have returned and brought nothing, though records were asked for."""
        return 0.0 if self._quiet_since is None else self._monotonic() - self._quiet_since

    async def run(self) -> None:
        """Raises `SourceBroken` when only a new consumer would help, `OffsetsRepeated` when the topic was made anew."""
        while not self._stopping.is_set():
            self._apply_back_pressure()
            began, blocked = self._monotonic(), self.is_paused
            try:
                await self._poll_once()
                self._failed_polls = 0
            except PollFailed as error:
                await self._recover(error)
            spent = self._monotonic() - began
            if blocked:
                self.blocked_seconds += spent
            else:
                self.poll_seconds += spent
            await asyncio.sleep(0)  # with much to read a poll never waits, and others would starve

    async def _poll_once(self) -> None:
        polled = await self._source.poll(POLL_WAIT_MS, self._most_records())
        if self._stopping.is_set():
            return  # not admitted, so not committed: the next owner reads it
        now = self._monotonic()
        if polled or self._paused or not self._engine.is_admitting:
            self._quiet_since = None
        elif self._quiet_since is None:
            self._quiet_since = now
        held = self._engine.held_bytes
        for partition, records in polled.items():
            self._engine.offer(partition, records, now)
        if polled:
            mean = (self._engine.held_bytes - held) / sum(map(len, polled.values()))
            self._record_bytes = max(mean, self._record_bytes * REMEMBERED)

    def _most_records(self) -> int:
        """So that one poll does not go far beyond the budget, going by what records weighed lately."""
        return max(FEWEST_RECORDS, min(POLL_RECORDS, int(self._engine.room_bytes() / self._record_bytes)))

    def _apply_back_pressure(self) -> None:
        crowded = self._engine.crowded(self._paused)
        if crowded == self._paused:
            return
        if self._paused - crowded:
            self._source.resume()
        if crowded:
            self._source.pause(crowded)
        self._paused = crowded

    async def _recover(self, error: PollFailed) -> None:
        self._quiet_since = None
        self._failure = f"not reading: {error}"[:500]
        self._failed_at = self._monotonic()
        if not error.needs_person:
            self._failed_polls += 1
        log.error("could not read, trying again", reason=self._failure, needs_person=error.needs_person)
        if self._failed_polls >= FAILED_POLLS:
            raise SourceBroken(f"{FAILED_POLLS} polls in a row failed: {error}") from error
        longest = min(LONGEST_WAIT_SECONDS, 0.1 * 2 ** min(self._failed_polls, 10))
        if error.needs_person:
            longest = LONGEST_WAIT_SECONDS
        try:
            async with asyncio.timeout(longest * random.uniform(0.5, 1.0)):
                await self._stopping.wait()
        except TimeoutError:
            return

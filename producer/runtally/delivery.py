"""The background work of one emitter: takes messages out of the buffer, encodes, sends, tries again.

One lane per topic, so that a topic that is missing or forbidden holds up no other. It all runs in one event
loop that belongs to the emitter alone.
"""

import asyncio
import contextlib
import functools
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from runtally.buffer import Buffer, Pending
from runtally.encoding import LOGGER, Complaints, encode
from runtally.events import EVENTS, Event, RunSnapshot
from runtally.settings import EmitterSettings
from runtally.spool import Segment, Spool, SpoolFull
from runtally.transport import Receipt, Record, Transport, TransportUnavailable

BATCH_RECORDS = 1000
BATCH_BYTES = 1024 * 1024
_FIRST_PAUSE_SECONDS = 0.1
_LOOKS = 20
_SPOOL_LOOK_SECONDS = 5.0


@dataclass
class Counts:
    """What became of the messages so far. Written under the buffer's lock."""

    sent: int = 0
    dropped: int = 0
    spooled: int = 0
    failed: int = 0
    violations: int = 0


@dataclass
class Ledger:
    """What delivery shares with the threads that emit: the buffer, the spool, the counts, the complaints."""

    settings: EmitterSettings
    buffer: Buffer
    spool: Spool | None = None
    counts: Counts = field(default_factory=Counts)
    complaints: Complaints = field(default_factory=Complaints)
    spool_lock: threading.Lock = field(default_factory=threading.Lock)

    def encode(self, items: Sequence[Pending]) -> list[tuple[Record, Pending]]:
        """The records of the items; what can never be sent is counted as failed, and settled."""
        encoded, failed, violations = [], [], 0
        for item in items:
            record, found = encode(item.model, item.fields, self.complaints)
            violations += found
            if record is None:
                failed.append(item)
            else:
                encoded.append((record, item))
        with self.buffer.lock:
            self.counts.failed += len(failed)
            self.counts.violations += violations
            self.buffer.settle(failed)
        return encoded

    def spool_items(self, items: Sequence[Pending]) -> None:
        """Move the items from the buffer to the spool."""
        self.keep([record for record, _ in self.encode(items)])
        self.buffer.settle(items)

    def keep(self, records: Sequence[Record]) -> None:
        """Spool the records; where that is impossible they are lost, counted and logged."""
        if not records:
            return
        trouble = None
        try:
            with self.spool_lock:
                if self.spool is None:
                    raise SpoolFull("nothing is spooled with this overflow policy")
                self.spool.append(records)
        except (SpoolFull, OSError) as error:
            trouble = error
        with self.buffer.lock:
            self.counts.spooled += 0 if trouble else len(records)
            self.counts.dropped += len(records) if trouble else 0
        if trouble:
            self.complaints.once("spool", type(trouble).__name__, f"messages are lost: {trouble}")

    def leave_spool(self) -> None:
        """Let others have what is spooled."""
        if self.spool is not None:
            with self.spool_lock:
                self.spool.rotate()

    def spool_now(self, model: type[Event], fields: Mapping[str, object]) -> None:
        """Spool a message that did not fit the buffer, in the thread that emitted it."""
        record, violations = encode(model, fields, self.complaints)
        with self.buffer.lock:
            self.counts.violations += violations
            self.counts.failed += record is None
        if record is not None:
            self.keep([record])


class Delivery:
    """Runs until it is told to close and everything is delivered, or the deadline has passed."""

    def __init__(self, ledger: Ledger, transport: Transport, jitter: Callable[[], float] = random.random) -> None:
        self._ledger = ledger
        self._buffer = ledger.buffer
        self._settings = ledger.settings
        self._transport = transport
        self._jitter = jitter
        self._closing = asyncio.Event()
        self._unreachable: set[str] = set()
        self._deadline: float | None = None

    async def run(self) -> None:
        """Deliver until `close_by`'s deadline at the latest."""
        lanes = [asyncio.create_task(self._lane(model), name=f"runtally-{model.topic}") for model in EVENTS]
        keepers = []
        if self._ledger.spool is not None:
            keepers = [
                asyncio.create_task(self._relieve(), name="runtally-spool-in"),
                asyncio.create_task(self._resend(self._ledger.spool), name="runtally-spool-out"),
            ]
        await self._closing.wait()
        left = (self._deadline or 0.0) - asyncio.get_running_loop().time()
        await asyncio.wait(lanes, timeout=max(left, 0.0))
        for task in [*lanes, *keepers]:
            task.cancel()
        await asyncio.wait([*lanes, *keepers], timeout=1.0)
        await self._transport.close()

    def close_by(self, seconds: float) -> None:
        """Finish what is there, within `seconds` from now. Called in the loop."""
        if not self._closing.is_set():
            self._deadline = asyncio.get_running_loop().time() + seconds
            self._closing.set()

    async def _lane(self, model: type[Event]) -> None:
        looks = 0
        while True:
            items = self._buffer.take(model, BATCH_RECORDS, BATCH_BYTES)
            if items:
                looks = _LOOKS
                # Encoding holds the interpreter: between two batches the agent's threads get their turn.
                await asyncio.sleep(0)
                encoded = self._ledger.encode(items)
                origins = {id(record): item for record, item in encoded}
                await self._deliver([record for record, _ in encoded], model.topic, origins)
            elif self._closing.is_set():
                return
            elif looks and self._settings.linger_seconds:
                # To wake this thread costs the agent's a system call, and often its turn: while messages keep
                # coming, look for them instead.
                looks -= 1
                await self._closing_within(self._settings.linger_seconds)
            else:
                await self._message(model)

    async def _message(self, model: type[Event]) -> None:
        """Wait for a message, and a moment more so that others come along; no longer once closing."""
        loop, arrived = asyncio.get_running_loop(), asyncio.Event()
        self._buffer.on_message(model, lambda: call_soon(loop, arrived.set))
        await self._first(arrived)
        if not self._closing.is_set():
            await self._closing_within(self._settings.linger_seconds)

    async def _first(self, event: asyncio.Event) -> None:
        tasks = [asyncio.create_task(event.wait()), asyncio.create_task(self._closing.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    async def _deliver(self, records: Sequence[Record], lane: str, origins: dict[int, Pending]) -> None:
        """Send until each record is delivered or refused, with growing pauses between the attempts.

        `origins` are the buffered items by the `id` of their record: each is settled as soon as it is done.
        """
        attempt = 0
        while records:
            receipt, retry_after = await self._attempt(records)
            self._note_reachability(lane, receipt)
            self._account(len(records), receipt)
            left = {id(record) for record in receipt.undelivered}
            self._buffer.settle([item for key, item in origins.items() if key not in left])
            attempt = 0 if len(left) < len(records) else attempt + 1
            records = receipt.undelivered
            if records:
                await self._pause(attempt, retry_after)

    async def _attempt(self, records: Sequence[Record]) -> tuple[Receipt, float]:
        try:
            return await self._transport.send(records), 0.0
        except TransportUnavailable as error:
            return Receipt(undelivered=records, reason=error.reason), error.retry_after
        except Exception as error:
            # A fault in a transport: nothing is known about the records, and the agent must not notice.
            LOGGER.debug("the transport failed", exc_info=True)
            return Receipt(undelivered=records, reason=f"{type(error).__name__}: {error}"), 0.0

    def _note_reachability(self, lane: str, receipt: Receipt) -> None:
        if receipt.undelivered and lane not in self._unreachable:
            self._unreachable.add(lane)
            LOGGER.warning(
                "cannot deliver %s to %s (%s): trying again, %d messages wait",
                lane,
                self._settings.destination,
                receipt.reason,
                len(self._buffer),
            )
        elif not receipt.undelivered and lane in self._unreachable:
            self._unreachable.discard(lane)
            LOGGER.info("%s takes %s again", self._settings.destination, lane)

    def _account(self, tried: int, receipt: Receipt) -> None:
        with self._buffer.lock:
            self._ledger.counts.failed += len(receipt.refused)
            self._ledger.counts.sent += tried - len(receipt.refused) - len(receipt.undelivered)
        for refusal in receipt.refused:
            text = f"a message for {refusal.record.topic} was refused and is not sent again: {refusal.reason}"
            self._ledger.complaints.once("refused", refusal.reason[:60], text)

    async def _pause(self, attempt: int, retry_after: float) -> None:
        longest = min(_FIRST_PAUSE_SECONDS * 2 ** min(attempt, 20), self._settings.longest_pause_seconds)
        seconds = max(longest * self._jitter(), min(retry_after, 60.0))
        if self._closing.is_set():
            await asyncio.sleep(min(seconds, _FIRST_PAUSE_SECONDS))
        else:
            await self._closing_within(seconds)

    async def _closing_within(self, seconds: float) -> None:
        """Wait, but no longer once closing. (`asyncio.wait_for` would now and then swallow a cancellation.)"""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    async def _relieve(self) -> None:
        """Move the oldest messages to the spool whenever the buffer is more than half full."""
        loop = asyncio.get_running_loop()
        while True:
            pressed = asyncio.Event()
            self._buffer.on_half_full(functools.partial(call_soon, loop, pressed.set))
            await pressed.wait()
            while self._buffer.bytes > self._buffer.bound // 2:
                moved = [item for model in EVENTS for item in self._buffer.take(model, 100, BATCH_BYTES)]
                if not moved:
                    break
                self._ledger.spool_items(moved)
                await asyncio.sleep(0)

    async def _resend(self, spool: Spool) -> None:
        """Send what is spooled, by this process or by one that is gone, whenever messages get through."""
        while not self._closing.is_set():
            segment = None if RunSnapshot.topic in self._unreachable else self._claim(spool)
            if segment is not None:
                await self._send_segment(segment)
            else:
                await self._closing_within(min(_SPOOL_LOOK_SECONDS, self._settings.longest_pause_seconds))

    def _claim(self, spool: Spool) -> Segment | None:
        try:
            with self._ledger.spool_lock:
                spool.rotate()
                return spool.claim()
        except OSError as error:
            self._ledger.complaints.once("spool", "claim", f"the spool in {spool.folder} cannot be read: {error}")
            return None

    async def _send_segment(self, segment: Segment) -> None:
        try:
            records = segment.records()
            for first in range(0, len(records), BATCH_RECORDS):
                await self._deliver(records[first : first + BATCH_RECORDS], "the spool", {})
            segment.remove()
        except OSError as error:
            self._ledger.complaints.once("spool", "read", f"{segment.path} cannot be read or removed: {error}")
        finally:
            segment.release()


def call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """Run the callback in the loop, from any thread; nothing when the loop has closed."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(callback)

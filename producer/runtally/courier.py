"""The one core under every face of the emitter: a buffer, a background thread, forks and exits.

The thread starts with the first message, not with the emitter: building one costs nothing, and a server that
forks its workers builds it once.
"""

import asyncio
import atexit
import contextlib
import os
import selectors
import socket
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

from runtally.buffer import Buffer, size_of
from runtally.delivery import Delivery, Ledger, call_soon
from runtally.encoding import LOGGER, check, unknown_name
from runtally.events import Event
from runtally.settings import EmitterSettings
from runtally.spool import Spool
from runtally.transport import THREAD_NAME, Transport
from runtally.violations import InvalidEvent, Violation

_GRACE_SECONDS = 2.5


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that needs no further thread, and that a forked child can disown."""

    def __init__(self) -> None:
        self._own_selector = selectors.DefaultSelector()
        self._disowned = False
        super().__init__(self._own_selector)
        # What a client library forgets to await is no news for the agent's log.
        self.set_exception_handler(lambda _, context: LOGGER.debug("in the background: %s", context))

    async def getaddrinfo(self, *args: Any, **options: Any) -> Any:
        # In place of the default executor, which refuses work once the interpreter is shutting down, when
        # the last messages still have to go. Only this loop waits, and it has nothing more urgent to do.
        return socket.getaddrinfo(*args, **options)

    def is_closed(self) -> bool:
        return self._disowned or super().is_closed()

    def disown(self) -> None:
        """In a forked child: never touch the selector again, or the parent's would lose its sockets."""
        self._disowned = True
        self._own_selector.close()


class Courier:
    """Takes messages from any thread and delivers them in its own. Nothing here raises into an agent,
    except `InvalidEvent` with the `strict` setting."""

    def __init__(self, settings: EmitterSettings, transport: Transport) -> None:
        self.settings = settings
        self._transport = transport
        spooling = settings.overflow == "spool" and settings.enabled
        spool = Spool(settings.spool_dir, settings.destination, settings.spool_bytes) if spooling else None
        self.ledger = Ledger(settings, Buffer(settings.buffer_bytes), spool)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: _Loop | None = None
        self._delivery: Delivery | None = None
        self._closed = False
        # For a close that comes while the thread is still starting.
        self._close_seconds = settings.flush_seconds
        self._disowned: list[object] = []
        _COURIERS.add(self)

    @property
    def lock(self) -> threading.RLock:
        """Guards whatever belongs to this emitter; reentrant, and a fork waits for it."""
        return self.ledger.buffer.lock

    def submit(self, model: type[Event], fields: Mapping[str, object]) -> None:
        """Take a message. The fields must not change afterwards. Waits only with the `block` policy."""
        size = self._admit(model, fields)
        if size and not self.ledger.buffer.put(model, fields, size):
            self._overflow(model, fields, size)

    async def wait_for_room(self) -> None:
        """With the `block` policy, let the other tasks of the agent's loop run until the buffer has room."""
        if self.settings.overflow == "block" and self.ledger.buffer.nearly_full:
            await asyncio.to_thread(self.ledger.buffer.wait_for_room, self.settings.block_seconds)

    def violation(self, model: type[Event], violation: Violation) -> None:
        """The agent gave something that the contract forbids. Raises `InvalidEvent` when strict."""
        if self.settings.strict:
            raise InvalidEvent([violation])
        with self.lock:
            self.ledger.counts.violations += 1
        self.ledger.complaints.violation(model, violation, "left out")

    def unknown_name(self, model: type[Event], name: str) -> None:
        """The agent gave a field that the contract does not know."""
        self.violation(model, unknown_name(name, list(model.model_fields)))

    def flush(self, seconds: float) -> bool:
        """Wait until all that was submitted before is delivered, spooled or given up. False: not in time."""
        return self.ledger.buffer.wait_settled(seconds)

    def finish(self) -> None:
        """Begin to close without waiting: for an emitter that nobody holds any more."""
        self._closed = True
        loop, delivery = self._loop, self._delivery
        if loop is not None and delivery is not None:
            call_soon(loop, lambda: delivery.close_by(self.settings.flush_seconds))

    def close(self, seconds: float) -> bool:
        """Deliver what is left within the seconds, then spool or drop the rest. False when some was dropped."""
        with self._starting:
            already, self._closed = self._closed and self._thread is None, True
            self._close_seconds = seconds
        if already:
            return True
        thread, loop, delivery = self._thread, self._loop, self._delivery
        if thread is not None and thread is not threading.current_thread():
            if loop is not None and delivery is not None:
                call_soon(loop, lambda: delivery.close_by(seconds))
            thread.join(seconds + _GRACE_SECONDS)
            self._thread = None
        return self._give_up_rest()

    def _admit(self, model: type[Event], fields: Mapping[str, object]) -> int:
        """The message's size; 0 when it is not taken."""
        if not self.settings.enabled:
            return 0
        if self.settings.strict:
            check(model, fields)
        if self._closed:
            self._lose(1, "closed", "the emitter is closed: a message is lost")
            return 0
        if self._thread is None and not self._start():
            return 0
        return size_of(fields)

    def _overflow(self, model: type[Event], fields: Mapping[str, object], size: int) -> None:
        buffer, policy = self.ledger.buffer, self.settings.overflow
        if policy == "block" and buffer.put_within(model, fields, size, self.settings.block_seconds):
            return
        if policy == "spool":
            self.ledger.spool_now(model, fields)
        else:
            self._lose(1, "overflow", f"the buffer of {buffer.bound} bytes is full: messages are lost")

    def _lose(self, count: int, kind: str, text: str) -> None:
        with self.lock:
            self.ledger.counts.dropped += count
        self.ledger.complaints.once("lost", kind, f"{text}; see `emitter.stats.dropped`")

    def _start(self) -> bool:
        with self._starting:
            if self._thread is not None or self._closed:
                return not self._closed
            thread = threading.Thread(target=self._work, name=THREAD_NAME, daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # the interpreter is shutting down, or out of threads
                self._lose(1, "thread", f"no background thread can start ({error}): messages are lost")
                return False
            self._thread = thread
            _close_with_multiprocessing_child()
        return True

    def _work(self) -> None:
        try:
            with asyncio.Runner(loop_factory=_Loop) as runner:
                self._loop = runner.get_loop()  # type: ignore[assignment]  # the factory says which
                runner.run(self._deliver())
        except Exception:
            LOGGER.exception("the emitter's background thread ended; this is a bug in runtally")
            self._closed = True
        self._give_up_rest()

    async def _deliver(self) -> None:
        self._delivery = Delivery(self.ledger, self._transport)
        if self._closed:
            self._delivery.close_by(self._close_seconds)
        await self._delivery.run()

    def _give_up_rest(self) -> bool:
        rest = self.ledger.buffer.take_rest()
        if self.ledger.spool is not None:
            self.ledger.spool_items(rest)
            self.ledger.leave_spool()
        if self.ledger.spool is not None or not rest:
            return True
        self.ledger.buffer.settle(rest)
        self._lose(
            len(rest),
            "undelivered",
            f"{len(rest)} messages did not reach {self.settings.destination} in time",
        )
        return False

    def after_fork(self) -> None:
        """In a forked child: an empty buffer, no thread, fresh counts; the parent's connections untouched."""
        if self._loop is not None:
            self._loop.disown()
        # Kept, never collected: their finalizers would close what belongs to the parent.
        self._disowned.append((self._loop, self._delivery, self.ledger))
        self._thread = self._loop = self._delivery = None
        self._starting = threading.Lock()
        self._transport.after_fork()
        if self.ledger.spool is not None:
            self.ledger.spool.after_fork()
        self.ledger = Ledger(self.settings, Buffer(self.settings.buffer_bytes), self.ledger.spool)


_COURIERS: weakref.WeakSet[Courier] = weakref.WeakSet()
_HELD: list[Courier] = []


def _before_fork() -> None:
    _HELD[:] = list(_COURIERS)
    for courier in _HELD:
        courier.lock.acquire()


def _release() -> Iterator[Courier]:
    while _HELD:
        courier = _HELD.pop()
        courier.lock.release()
        yield courier


def _after_fork_in_parent() -> None:
    for _ in _release():
        pass


def _after_fork_in_child() -> None:
    for courier in _release():
        courier.after_fork()


def close_all() -> None:
    """Close every emitter of the process, all within the longest of their own deadlines."""
    couriers = list(_COURIERS)
    for courier in couriers:
        courier.finish()
    started = time.monotonic()
    for courier in couriers:
        left = courier.settings.flush_seconds - (time.monotonic() - started)
        with contextlib.suppress(Exception):
            courier.close(max(left, 0.0))


def _close_with_multiprocessing_child() -> None:
    # A child of `multiprocessing` leaves by os._exit: no atexit there, only multiprocessing's own finalizers.
    module = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if module is not None and process is not None and process.parent_process() is not None:
        module.Finalize(None, close_all, exitpriority=100)


atexit.register(close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)

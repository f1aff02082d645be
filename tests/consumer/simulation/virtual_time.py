"""An event loop whose time passes only when nothing is left to do, and processes in it that can be stopped or killed.

Everything that a task calls, awaits or starts runs in copies of its context, so a context variable says to which
process a callback belongs. Those of a killed process never run again, as after SIGKILL: no `finally`, no goodbye.
Those of a stopped one wait, as after SIGSTOP.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from itertools import count
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Process:
    """One process of a story."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_dead = False
        self.is_halted = False  # stopped or dead
        self.held: list[_Call] = []


_process: ContextVar[Process | None] = ContextVar("process", default=None)


class _Call(asyncio.TimerHandle):
    """What is to be called, when, in which context. As light as can be: a story makes thousands."""

    __slots__ = ("args", "at", "callback", "is_cancelled", "process", "run")

    def __init__(self, at: float, callback: Callable[..., object], args: Any, context: Context) -> None:
        # Nothing of the parent's is used: it is one by type only, as tasks ask for.
        self.at = at
        self.callback = callback
        self.args = args
        self.run = context.run
        self.process = context.get(_process)
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True

    def cancelled(self) -> bool:
        return self.is_cancelled

    def when(self) -> float:
        return self.at


class VirtualLoop(asyncio.BaseEventLoop):
    """A deterministic loop without sockets, signals or threads; `to_thread` runs inline, after a delay."""

    def __init__(self, thread_delay: Callable[[], float] = lambda: 0.0) -> None:
        super().__init__()
        self._now = 0.0
        self._order = count()
        self._soon: deque[_Call] = deque()
        self._later: list[tuple[float, int, _Call]] = []
        self._is_stopping = False
        self._thread_delay = thread_delay
        self._outside = copy_context()
        self.answer_delay = 0.0  # set by a function in a thread: how long its result travels
        self.errors: list[dict[str, Any]] = []
        self.set_exception_handler(lambda loop, context: self.errors.append(context))

    def time(self) -> float:
        return self._now

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        call = _Call(self._now, callback, args, copy_context() if context is None else context)
        self._soon.append(call)
        return call

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        call = _Call(when, callback, args, copy_context() if context is None else context)
        heapq.heappush(self._later, (when, next(self._order), call))
        return call

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        when = self._now + delay
        call = _Call(when, callback, args, copy_context() if context is None else context)
        heapq.heappush(self._later, (when, next(self._order), call))
        return call

    def call_elsewhere(self, delay: float, callback: Callable[..., object], *args: Any) -> None:
        """Call it outside of any process: it happens even when the caller is stopped or killed."""
        when = self._now + delay
        heapq.heappush(self._later, (when, next(self._order), _Call(when, callback, args, self._outside)))

    def run_in_executor(self, executor: Any, func: Callable[[Unpack[Ts]], T], *args: *Ts) -> "asyncio.Future[T]":
        future: asyncio.Future[T] = self.create_future()

        def fail(error: Exception) -> None:
            if not future.cancelled():
                future.set_exception(error)

        def succeed(result: T) -> None:
            if not future.cancelled():
                future.set_result(result)

        def work() -> None:
            self.answer_delay = 0.0
            try:
                result = func(*args)
            except Exception as error:
                self.call_later(self.answer_delay, fail, error)
            else:
                self.call_later(self.answer_delay, succeed, result)

        self.call_later(self._thread_delay(), work)
        return future

    def spawn(self, process: Process, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run the work as a task of the process."""
        context = copy_context()
        context.run(_process.set, process)
        return self.create_task(work, context=context)

    def stop_process(self, process: Process) -> None:
        process.is_halted = True

    def continue_process(self, process: Process) -> None:
        if process.is_dead:
            return
        process.is_halted = False
        self._soon.extend(process.held)
        process.held.clear()

    def kill_process(self, process: Process) -> None:
        process.is_dead = process.is_halted = True

    def bury(self, process: Process) -> None:
        """Let what is left of a killed process run to its end, when nobody watches any more."""
        process.is_dead = False
        self.continue_process(process)

    def stop(self) -> None:
        self._is_stopping = True

    def run_forever(self) -> None:
        self._is_stopping = False
        asyncio._set_running_loop(self)
        try:
            while not self._is_stopping:
                self._turn()
        finally:
            asyncio._set_running_loop(None)

    def _turn(self) -> None:
        soon, later = self._soon, self._later
        while later and later[0][2].is_cancelled:
            heapq.heappop(later)
        if not soon:
            if not later:
                raise RuntimeError("everything waits for ever")
            self._now = max(self._now, later[0][0])
        while later and later[0][0] <= self._now:
            soon.append(heapq.heappop(later)[2])
        for _ in range(len(soon)):
            call = soon.popleft()
            if call.is_cancelled:
                continue
            process = call.process
            if process is not None and process.is_halted:
                process.held.append(call)
                continue
            try:
                call.run(call.callback, *call.args)
            except Exception as error:
                self.call_exception_handler({"message": "a callback failed", "exception": error})

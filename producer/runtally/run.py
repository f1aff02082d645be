"""One run as the agent holds it: `with` or `async with` around the work, and what the work says of itself."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Self, Unpack

from runtally.context import CURRENT_RUN, CURRENT_SESSION
from runtally.encoding import LOGGER, encode
from runtally.events import RunSnapshot
from runtally.run_fields import Amount, EndedStatus, RunFields
from runtally.run_state import RunState
from runtally.violations import InvalidEvent

if TYPE_CHECKING:
    from runtally.clock import Clock
    from runtally.courier import Courier

P = ParamSpec("P")


def _harmless(method: Callable[Concatenate[Run, P], None]) -> Callable[Concatenate[Run, P], None]:
    """Under the lock, and whatever goes wrong stays there: an agent never fails because it is being counted.

    `InvalidEvent` passes: it is raised only where the `strict` setting asks for it.
    """

    @functools.wraps(method)
    def guarded(self: Run, /, *args: P.args, **options: P.kwargs) -> None:
        try:
            with self._courier.lock:
                method(self, *args, **options)
        except InvalidEvent:
            raise
        except Exception:
            LOGGER.exception("a run could not be recorded; this is a bug in runtally")

    return guarded


class Run:
    """A run. Made by `RunEmitter.run`, used as `with` or `async with`, or by `start` and `finish`.

    Each method may be called from any thread, and none raises into the agent. What is said goes out with the
    next snapshot: at the end, at `publish`, or at once when the run has ended already.
    """

    def __init__(self, courier: Courier, clock: Clock, fields: dict[str, object]) -> None:
        self._courier = courier
        self._state = RunState(clock, fields, lambda violation: courier.violation(RunSnapshot, violation))
        self._detached = False
        self._outside: list[tuple[Token[Run | None], Run | None]] = []

    def __repr__(self) -> str:
        known = self._state.fields
        return f"<Run {known.get('run_id', 'without an id yet')} {self.status or 'not started'}>"

    @property
    def run_id(self) -> str:
        """The run's id. Minted now when it has none yet: from then on its start is fixed."""
        self._identify()
        return str(self._state.fields["run_id"])

    @property
    def workspace_id(self) -> str:
        return str(self._state.fields["workspace_id"])

    @property
    def agent_id(self) -> str:
        return str(self._state.fields["agent_id"])

    @property
    def status(self) -> str:
        """`queued`, `running` or how the run ended; "" before it began."""
        return self._state.status

    # What an agent says about its run.

    @_harmless
    def update(self, **fields: Unpack[RunFields]) -> None:
        """Set fields of the contract; each replaces what was known."""
        for name, value in fields.items():
            self._state.set(name, value)
        self._publish_late()

    @_harmless
    def tokens(
        self,
        *,
        input: int | None = None,
        output: int | None = None,
        cache_read: int | None = None,
        cache_write: int | None = None,
        reasoning: int | None = None,
    ) -> None:
        """Add tokens. `input` includes the cached ones, `output` the reasoning: parts, not extra."""
        self._state.add("input_tokens", input)
        self._state.add("output_tokens", output)
        self._state.add("cache_read_tokens", cache_read)
        self._state.add("cache_write_tokens", cache_write)
        self._state.add("reasoning_tokens", reasoning)
        self._publish_late()

    @_harmless
    def cost(self, usd: Amount, *, inferred: bool = False) -> None:
        """Add to the cost in US dollars; `inferred` when it was computed from a price list."""
        self._state.add("cost_usd", usd)
        if inferred:
            self._state.set("cost_source", "inferred")
        self._publish_late()

    @_harmless
    def llm_call(self, count: int = 1) -> None:
        """Count calls of a model."""
        self._state.add("llm_calls", count)
        self._publish_late()

    @_harmless
    def tool_call(self, count: int = 1) -> None:
        """Count calls of tools."""
        self._state.add("tool_calls", count)
        self._publish_late()

    @_harmless
    def retry(self, count: int = 1) -> None:
        """Count attempts after the first."""
        self._state.add("retries", count)
        self._publish_late()

    @_harmless
    def tag(self, key: str, value: object) -> None:
        """Set one tag."""
        self._state.tag(key, value)
        self._publish_late()

    @_harmless
    def fail(self, error_type: str, message: str = "", *, category: str = "", status: EndedStatus = "failed") -> None:
        """Say that the run has failed, though its body may go on or return."""
        self._state.fail(status, error_type, message, category)
        self._publish_late()

    @_harmless
    def hand_off(self) -> None:
        """Say that somebody else carries on, such as a person: published at once. The run may go on."""
        if not self.status:
            self._begin()
        self._state.hand_off()
        self._publish()

    # From its start to its end.

    def queue(self) -> Self:
        """Publish the run as waiting; `start` follows later, here or after `save` and `resume` elsewhere."""
        self._queue()
        return self

    def start(self) -> Self:
        """Publish the run as running. Nothing when it runs already or has ended."""
        self._start()
        return self

    @_harmless
    def publish(self) -> None:
        """Send what is known so far; a run that had not begun begins."""
        if not self.status:
            self._begin()
        self._publish()

    @_harmless
    def finish(self, status: EndedStatus | None = None, **fields: Unpack[RunFields]) -> None:
        """End the run: `succeeded`, unless this or `fail` says otherwise. Again: corrects the end."""
        self._begin()
        for name, value in fields.items():
            self._state.set(name, value)
        self._state.end(status)
        self._publish()

    def save(self) -> str:
        """What is known so far as text, from which `RunEmitter.resume` makes this run again, anywhere."""
        self._identify()
        with self._courier.lock:
            self._state.enqueue()
            snapshot = self._state.snapshot()
        record, _ = encode(RunSnapshot, snapshot, self._courier.ledger.complaints)
        return "" if record is None else record.value.decode()

    def detach(self) -> str:
        """Publish, leave the rest of the run to another process, and return what it needs to `resume`."""
        self.publish()
        self._detached = True
        return self.save()

    def __enter__(self) -> Self:
        self.start()
        self._enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()
        self._conclude(error)

    async def __aenter__(self) -> Self:
        await self._courier.wait_for_room()
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()
        try:
            await self._courier.wait_for_room()
        finally:
            self._conclude(error)

    # Inside.

    @_harmless
    def _identify(self) -> None:
        if self._state.identify():
            parent = CURRENT_RUN.get()
            if parent is not None:
                parent._identify()
            self._state.inherit(None if parent is None else parent._state, CURRENT_SESSION.get())

    @_harmless
    def _queue(self) -> None:
        self._identify()
        self._state.enqueue()
        self._publish()

    @_harmless
    def _start(self) -> None:
        if self._begin():
            self._publish()

    def _begin(self) -> bool:
        self._identify()
        return self._state.begin()

    @_harmless
    def _conclude(self, error: BaseException | None) -> None:
        if self._detached:
            return
        if error is not None:
            self._state.fail_with(error)
        if self._state.ended and error is None:
            return  # the body has finished the run itself
        self._state.end(None)
        self._publish()

    def _publish(self) -> None:
        self._courier.submit(RunSnapshot, self._state.snapshot())

    def _publish_late(self) -> None:
        if self._state.ended:
            self._publish()

    def _enter(self) -> None:
        outside = CURRENT_RUN.get()
        self._outside.append((CURRENT_RUN.set(self), outside))

    def _leave(self) -> None:
        if not self._outside:
            return
        token, outside = self._outside.pop()
        try:
            CURRENT_RUN.reset(token)
        except ValueError:  # left in another context than entered, as in an asynchronous generator
            CURRENT_RUN.set(outside)

"""The emitter: what an agent holds to say what it did."""

import asyncio
import functools
import inspect
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, Unpack, cast

from runtally.clock import Clock
from runtally.context import CURRENT_SESSION, current_run
from runtally.courier import Courier
from runtally.encoding import LOGGER
from runtally.events import AgentLifecycle, Event, RunFeedback, RunSnapshot, UserActivity
from runtally.http_transport import HttpTransport
from runtally.identity import mint_uuid7
from runtally.kafka_transport import KafkaTransport
from runtally.run import Run
from runtally.run_fields import ActivityFields, FeedbackFields, LifecycleFields, NewRunFields
from runtally.settings import EmitterSettings
from runtally.transport import Transport
from runtally.violations import InvalidEvent, Violation, decode_event

P = ParamSpec("P")
T = TypeVar("T")
_LABELS = ("agent_name", "agent_version", "environment")


@dataclass(frozen=True, slots=True)
class EmitterStats:
    """What became of the messages of this process so far, and what still waits."""

    buffered: int
    buffer_bytes: int
    sent: int
    dropped: int
    spooled: int
    failed: int
    violations: int


class RunEmitter:
    """Publishes what agents do, without ever blocking or breaking them.

    Building one neither connects nor waits: the first message starts a background thread, which sends, tries
    again and keeps to the overflow policy. One emitter serves all threads, asyncio loops and forked workers
    of a process. `close` (or leaving `with`, or the end of the interpreter) delivers what is left within
    `flush_seconds`. Raises only `InvalidSettings`, when the settings contradict themselves; with `strict`,
    also `InvalidEvent` wherever a message breaks the contract.
    """

    def __init__(
        self,
        settings: EmitterSettings | None = None,
        *,
        transport: Transport | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Settings come from the `RUNTALLY_*` variables unless given, the transport from the settings."""
        self.settings = settings or EmitterSettings.from_environment()
        self._clock = clock or Clock()
        self._courier = Courier(self.settings, transport or _chosen_transport(self.settings))
        weakref.finalize(self, self._courier.finish).atexit = False

    def __repr__(self) -> str:
        return f"<RunEmitter to {self.settings.destination}>"

    # Runs.

    def run(self, agent_id: str = "", **fields: Unpack[NewRunFields]) -> Run:
        """A run of the agent, not yet begun: use it as `with`, `async with`, or by `start` and `finish`.

        Give `started_at` beside a `run_id` of your own when the run may be published from several places.
        """
        return Run(self._courier, self._clock, self._new_run(agent_id, fields))

    def queue(self, agent_id: str = "", **fields: Unpack[NewRunFields]) -> Run:
        """A run that waits, published as `queued`: start it here, or elsewhere after `save` and `resume`."""
        return self.run(agent_id, **fields).queue()

    def resume(self, saved: str) -> Run:
        """The run that `Run.save` or `Run.detach` wrote, in whatever process: to go on with, or to correct."""
        try:
            event = decode_event(RunSnapshot, saved.encode())
        except InvalidEvent as error:
            self._courier.violation(RunSnapshot, Violation("", f"cannot be resumed: {error}", "give what `save` gave"))
            return self.run()
        known = {name: getattr(event, name) for name in event.model_fields_set}
        return Run(self._courier, self._clock, known)

    def tracked(self, agent_id: str = "", **fields: Unpack[NewRunFields]) -> Callable[[Callable[P, T]], Callable[P, T]]:
        """Decorate a function, plain or `async`: each call is a run, inside it `current_run()`."""

        def decorate(function: Callable[P, T]) -> Callable[P, T]:
            if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
                raise TypeError(f"{function.__name__} is a generator: use `with emitter.run(...)` inside it")
            if inspect.iscoroutinefunction(function):

                @functools.wraps(function)
                async def awaited(*args: P.args, **options: P.kwargs) -> Any:
                    async with self.run(agent_id, **fields):
                        return await function(*args, **options)

                return cast(Callable[P, T], awaited)

            @functools.wraps(function)
            def called(*args: P.args, **options: P.kwargs) -> T:
                with self.run(agent_id, **fields):
                    return function(*args, **options)

            return called

        return decorate

    # The other messages.

    def feedback(self, run: Run | str, rating: int, **fields: Unpack[FeedbackFields]) -> str:
        """What a user thought of a run, 1 to 5. Returns the feedback's id."""
        given: dict[str, object] = {"rating": rating, **fields}
        if isinstance(run, Run):
            given["run_id"] = run.run_id
            given.setdefault("workspace_id", run.workspace_id)
            given.setdefault("agent_id", run.agent_id)
        else:
            given["run_id"] = run
        given.setdefault("agent_id", self.settings.agent_id)
        return self._event(RunFeedback, "feedback_id", "created_at", given)

    def lifecycle(self, to_state: str, **fields: Unpack[LifecycleFields]) -> str:
        """The agent went to another state, such as `deployed` or `paused`. Returns the event's id."""
        given: dict[str, object] = {"to_state": to_state, **fields}
        given.setdefault("agent_id", self.settings.agent_id)
        return self._event(AgentLifecycle, "event_id", "at", given)

    def activity(self, event_name: str, user_id: str = "", **fields: Unpack[ActivityFields]) -> str:
        """Something a user did, by default the session's user. Returns the event's id."""
        given: dict[str, object] = {"event_name": event_name, "user_id": user_id, **fields}
        if (session := CURRENT_SESSION.get()) is not None:
            given.setdefault("session_id", session.session_id)
            given["user_id"] = user_id or session.user_id
        return self._event(UserActivity, "event_id", "at", given)

    def emit(self, event: Event) -> None:
        """Publish a message that is built already."""
        self._courier.submit(type(event), {name: getattr(event, name) for name in event.model_fields_set})

    # The emitter itself.

    @property
    def stats(self) -> EmitterStats:
        ledger = self._courier.ledger
        with ledger.buffer.lock:
            counts = ledger.counts
            return EmitterStats(
                buffered=len(ledger.buffer),
                buffer_bytes=ledger.buffer.bytes,
                sent=counts.sent,
                dropped=counts.dropped,
                spooled=counts.spooled,
                failed=counts.failed,
                violations=counts.violations,
            )

    def flush(self, seconds: float | None = None) -> bool:
        """Wait until all that was emitted before is out of the buffer: delivered, spooled, or given up.

        At most `flush_seconds` unless said otherwise; False when that was too short.
        """
        return self._courier.flush(self.settings.flush_seconds if seconds is None else seconds)

    def close(self, seconds: float | None = None) -> None:
        """Deliver what is left within the time, then spool or drop it, counted. What comes later is dropped."""
        self._courier.close(self.settings.flush_seconds if seconds is None else seconds)

    async def aflush(self, seconds: float | None = None) -> bool:
        """`flush` for asyncio."""
        return await asyncio.to_thread(self.flush, seconds)

    async def aclose(self, seconds: float | None = None) -> None:
        """`close` for asyncio."""
        await asyncio.to_thread(self.close, seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # Inside.

    def _new_run(self, agent_id: str, given: Mapping[str, object]) -> dict[str, object]:
        parent = current_run()
        fields: dict[str, object] = {
            "agent_id": agent_id or self.settings.agent_id,
            "workspace_id": self.settings.workspace_id if parent is None else parent.workspace_id,
        }
        for name in _LABELS:
            if label := getattr(self.settings, name):
                fields[name] = label
        for name, value in given.items():
            if name in RunSnapshot.model_fields:
                # Mappings are copied: what is buffered must not change with the caller's.
                fields[name] = dict(value) if isinstance(value, Mapping) else value
            else:
                self._courier.unknown_name(RunSnapshot, name)
        return fields

    def _event(self, model: type[Event], id_name: str, time_name: str, fields: dict[str, object]) -> str:
        try:
            fields.setdefault("workspace_id", self.settings.workspace_id)
            fields.setdefault(time_name, self._clock.now())
            event_id = str(fields.setdefault(id_name, str(mint_uuid7(self._clock.now(), self._clock.random_bits))))
            for name in [name for name in fields if name not in model.model_fields]:
                del fields[name]
                self._courier.unknown_name(model, name)
            self._courier.submit(model, {k: dict(v) if isinstance(v, Mapping) else v for k, v in fields.items()})
        except InvalidEvent:
            raise
        except Exception:
            LOGGER.exception("a message could not be recorded; this is a bug in runtally")
            return ""
        return event_id


def _chosen_transport(settings: EmitterSettings) -> Transport:
    if settings.api_url:
        return HttpTransport(
            settings.api_url,
            token=settings.api_token,
            ca_file=settings.api_ca_file,
            timeout_seconds=settings.request_seconds,
        )
    return KafkaTransport(settings.kafka, timeout_seconds=settings.request_seconds)

"""What is known about one run, and how it may change: no I/O, no threads, the clock from outside.

The rules that keep a run whole live here: id and start are fixed together and once, `updated_at` only grows,
durations come from a monotonic clock, and a snapshot always holds everything known.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from runtally.clock import Clock
from runtally.context import Session
from runtally.encoding import unknown_name
from runtally.events import ENDED_STATUSES, RunSnapshot
from runtally.fields import MAX_MESSAGE_BYTES, Count, Money
from runtally.identity import is_uuid7, mint_uuid7, uuid7_started_at
from runtally.violations import Violation, remedy

# Fixed when the run begins, or kept by the run itself.
_FIXED = {
    "run_id": "it identifies the run",
    "workspace_id": "it identifies the run",
    "agent_id": "it identifies the run",
    "started_at": "it identifies the run",
    "status": "say it with `finish` or `fail`",
    "updated_at": "the run keeps it",
}
_COUNT: TypeAdapter[int | None] = TypeAdapter(Count)
_MONEY: TypeAdapter[Decimal | None] = TypeAdapter(Money)
_MICROSECOND = timedelta(microseconds=1)


class RunState:
    """Not thread-safe: its run holds a lock around calls. Violations go to `complain`, which may raise."""

    def __init__(self, clock: Clock, fields: dict[str, object], complain: Callable[[Violation], None]) -> None:
        self.fields = fields
        self.session: Session | None = None
        self._clock = clock
        self._complain = complain
        self._outcome = ""
        self._queued: float | None = None
        self._began: float | None = None
        self._updated_at = fields.get("updated_at")

    @property
    def status(self) -> str:
        return str(self.fields.get("status", ""))

    @property
    def ended(self) -> bool:
        return self.status in ENDED_STATUSES

    def identify(self) -> bool:
        """Fix id and start together. False when they are fixed already."""
        fields = self.fields
        if "run_id" in fields and "started_at" in fields:
            return False
        given = fields.get("run_id")
        minted = isinstance(given, str) and is_uuid7(given)
        start = self._instant("started_at", uuid7_started_at(UUID(str(given))) if minted else self._clock.now())
        fields.setdefault("run_id", str(mint_uuid7(start, self._clock.random_bits)))
        return True

    def inherit(self, parent: "RunState | None", session: Session | None) -> None:
        """Take the parent's id, and the session: the newer of the parent's and the surrounding one."""
        self.session = session
        around = {} if session is None else {"session_id": session.session_id, "user_id": session.user_id}
        if parent is not None:
            self.fields.setdefault("parent_run_id", parent.fields["run_id"])
            known = {name: str(parent.fields.get(name, "")) for name in ("session_id", "user_id", "trace_id")}
            older, newer = (known, around) if session is not parent.session else (around, known)
            around = {name: newer.get(name) or older.get(name, "") for name in known}
        for name, value in around.items():
            if value:
                self.fields.setdefault(name, value)

    def enqueue(self) -> None:
        """The run waits from now on."""
        if not self.status:
            self._queued = self._clock.monotonic()
            self.fields["status"] = "queued"

    def begin(self) -> bool:
        """The run runs from now on. False when it did before."""
        if self.status not in ("", "queued"):
            return False
        now = self._clock.monotonic()
        if self.status == "queued" and self.fields.get("queue_ms") is None:
            waited = now - self._queued if self._queued is not None else self._seconds_since_start()
            self.fields["queue_ms"] = _milliseconds(waited)
        self._began = now
        self.fields["status"] = "running"
        return True

    def end(self, status: str | None) -> None:
        """The run has ended: with the status given here, by `fail`, or `succeeded`. Again: only the status."""
        if self.ended:
            self.fields["status"] = status or self._outcome or self.status
            return
        waited = self.fields.get("queue_ms")
        queued = timedelta(milliseconds=waited if isinstance(waited, int) else 0)
        began = self._began
        if began is None:  # begun in another process
            elapsed = max(self._seconds_since_start() - queued.total_seconds(), 0.0)
        else:
            elapsed = self._clock.monotonic() - began
        self.fields["status"] = status or self._outcome or "succeeded"
        self.fields.setdefault("duration_ms", _milliseconds(elapsed))
        start = self.fields["started_at"]
        if isinstance(start, datetime):
            self.fields.setdefault("finished_at", start + queued + timedelta(seconds=elapsed))

    def fail(self, status: str, error_type: str, message: str = "", category: str = "") -> None:
        """The run will end, or has ended, with this status and error."""
        self._outcome = status
        if self.ended:
            self.fields["status"] = status
        for name, text in (
            ("error_type", error_type),
            ("error_message", message),
            ("error_category", category),
        ):
            if text:
                self.set(name, text)

    def fail_with(self, error: BaseException) -> None:
        """The body of the run raised: what that says about the outcome, unless `fail` has said it."""
        if isinstance(error, asyncio.CancelledError | KeyboardInterrupt | GeneratorExit):
            self._outcome = "cancelled"
        elif isinstance(error, SystemExit) and error.code in (None, 0):
            return
        elif self._outcome != "failed":
            timed_out = isinstance(error, TimeoutError)
            self.fail("timed_out" if timed_out else "failed", type(error).__name__, _text_of(error))
            if timed_out:
                self.fields.setdefault("error_category", "timeout")

    def set(self, name: str, value: object) -> None:
        """Set one field."""
        if name in _FIXED:
            self._complain(Violation(name, "cannot be updated", _FIXED[name]))
        elif name not in RunSnapshot.model_fields:
            self._complain(unknown_name(name, [known for known in RunSnapshot.model_fields if known not in _FIXED]))
        elif name == "error_message" and isinstance(value, str):
            self.fields[name] = value[:MAX_MESSAGE_BYTES]
        else:
            self.fields[name] = dict(value) if isinstance(value, Mapping) else value

    def add(self, name: str, amount: object) -> None:
        """Add to a count or an amount of money; None adds nothing, and leaves an unknown one unknown."""
        if amount is None:
            return
        adapter: TypeAdapter[Any] = _MONEY if name == "cost_usd" else _COUNT
        known = self.fields.get(name)
        try:
            more = adapter.validate_python(amount)
            self.fields[name] = more if known is None else adapter.validate_python(known) + more
        except ValidationError as error:
            reason = error.errors(include_url=False)[0]
            self._complain(Violation(name, reason["msg"], remedy(reason["type"])))

    def tag(self, key: str, value: object) -> None:
        """Set one tag. A new dictionary: the old one may stand in a snapshot that is not encoded yet."""
        tags = self.fields.get("tags")
        self.fields["tags"] = {**(tags if isinstance(tags, dict) else {}), key: str(value)}

    def hand_off(self) -> None:
        self.fields["handed_off_at"] = self._clock.now()

    def snapshot(self) -> dict[str, object]:
        """Everything known, newer than every snapshot before."""
        now, last = self._clock.now(), self._updated_at
        if isinstance(last, datetime) and now <= last:
            now = last + _MICROSECOND
        self._updated_at = now
        return {**self.fields, "updated_at": now}

    def _instant(self, name: str, otherwise: datetime) -> datetime:
        value = self.fields.setdefault(name, otherwise)
        return value if isinstance(value, datetime) and value.tzinfo is not None else otherwise

    def _seconds_since_start(self) -> float:
        start = self.fields.get("started_at")
        if not isinstance(start, datetime) or start.tzinfo is None:
            return 0.0
        return max((self._clock.now() - start).total_seconds(), 0.0)


def _milliseconds(seconds: float) -> int:
    return round(max(seconds, 0.0) * 1000)


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return ""

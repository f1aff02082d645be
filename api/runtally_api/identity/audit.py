"""Writing the audit log: an act is recorded before it is done, so that none is without an entry.

When the entry cannot be written the act is not done, and the request is answered 503. An act that was recorded and then
failed gets a second entry that says so.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fastapi import Request
from runtally_clickhouse.audit_log import Act, AuditEntry, Outcome, write_entry
from runtally_clickhouse.client import Writer
from runtally_clickhouse.errors import StoreError

from runtally_api.identity.caller import Caller

LONGEST_TEXT: Final = 512


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from."""

    address: str
    request_id: str


def origin_of(request: Request) -> Origin:
    """The peer, which is the proxy where one stands before the API and is not trusted to name the client."""
    return Origin(request.client.host if request.client else "", request.state.request_id)


class AuditTrail:
    """Writes entries. Every method blocks, and raises `StoreError` when the entry is not in the log."""

    def __init__(self, writer: Writer, now: Callable[[], datetime]) -> None:
        self._writer = writer
        self._now = now

    def record(
        self,
        caller: Caller,
        act: Act,
        origin: Origin,
        *,
        outcome: Outcome = Outcome.DONE,
        workspaces: frozenset[str] | None = frozenset(),
        target: str = "",
        details: Mapping[str, str] | None = None,
    ) -> None:
        """One entry. `workspaces` are those that the act is about, and decide who may read of it; None is all."""
        entry = AuditEntry(
            act=act,
            outcome=outcome,
            actor=_text(caller.subject),
            actor_email=_text(caller.email),
            recorded_at=self._now(),
            workspaces=workspaces,
            target=_text(target),
            source_address=_text(origin.address),
            request_id=_text(origin.request_id),
            details={_text(name): _text(value) for name, value in (details or {}).items()},
        )
        write_entry(self._writer, entry)

    @contextmanager
    def around(
        self,
        caller: Caller,
        act: Act,
        origin: Origin,
        *,
        workspaces: frozenset[str] | None = frozenset(),
        target: str = "",
        details: Mapping[str, str] | None = None,
    ) -> Iterator[None]:
        """Record the act, let the block do it, and record that it failed if the block raises."""
        self.record(caller, act, origin, workspaces=workspaces, target=target, details=details)
        try:
            yield
        except Exception:
            with suppress(StoreError):  # what went wrong with the act is what the caller must hear
                self.record(
                    caller, act, origin, outcome=Outcome.FAILED, workspaces=workspaces, target=target, details=details
                )
            raise


def _text(given: str) -> str:
    """As a log has it: of a bounded length, and nothing that cannot be written."""
    return given[:LONGEST_TEXT].encode("utf-8", "replace").decode()

"""What the emitter asks of a way to deliver messages, and the three outcomes it knows.

delivered                        acknowledged: never sent again
refused       (`Refusal`)        can never be delivered: counted, logged, dropped
undelivered   (`TransportUnavailable`, or listed in the receipt)    sent again, perhaps twice: harmless,
                                 as equal bytes are the same version of the same run
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

# Of the thread in which every transport is called.
THREAD_NAME = "runtally-emitter"


class Record(NamedTuple):
    """A message ready to be sent: the canonical form of one event."""

    topic: str
    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that can never be delivered, and why."""

    record: Record
    reason: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of the records of one `send`; those in neither list were acknowledged."""

    refused: Sequence[Refusal] = ()
    undelivered: Sequence[Record] = ()
    reason: str = ""


@dataclass(eq=False)
class TransportUnavailable(Exception):
    """Nothing is known to have been delivered; the same records should be sent again later."""

    reason: str
    retry_after: float = field(default=0.0)

    def __str__(self) -> str:
        return self.reason


class Transport(Protocol):
    """A way to deliver records. All calls come from one event loop, which belongs to the emitter alone."""

    async def send(self, records: Sequence[Record]) -> Receipt:
        """Deliver the records, connecting first when needed, and wait for the acknowledgement.

        May be called again before an earlier call has returned. Raises `TransportUnavailable` when the other
        side is away; must give up by itself within the transport's own timeout. Success of some says nothing
        about the others: the receipt does.
        """

    async def close(self) -> None:
        """Let go of connections within about a second. Never raises, may be called in any state."""

    def after_fork(self) -> None:
        """Forget every connection without closing it: in a forked child it belongs to the parent."""

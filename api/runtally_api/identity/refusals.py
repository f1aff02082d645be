"""Refused tokens and sign-ins in the audit log, however many there are: counted, and written now and then.

Of the same kind from the same address about the same the first, the tenth, the hundredth ... within `WINDOW` is an
entry, which says how many there were. Kinds, addresses and targets are told apart for the first `MOST_KEPT`; from there
on all others of a kind are counted together. So entries are few, whoever tries however often.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from runtally_clickhouse.audit_log import Act, Outcome
from runtally_clickhouse.errors import StoreError

from runtally_api.identity.audit import AuditTrail, Origin
from runtally_api.identity.caller import Caller

WINDOW: Final = timedelta(minutes=10)
MOST_KEPT: Final = 100
OTHERS: Final = "others"
STRANGER: Final = Caller("unknown", "", frozenset(), frozenset())
_WRITTEN_AT: Final = frozenset(10**power for power in range(12))
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Somebody whom nobody knows was refused. `target` is what they showed, as far as it is no secret."""

    act: Act
    origin: Origin
    target: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CountedRefusal:
    """One that is to be written: how many there were of its kind, and whether these are all others."""

    refusal: Refusal
    times: int
    of_others: bool


class Refusals:
    """Counts refusals of this process. For any number of threads."""

    def __init__(self, audit: AuditTrail, now: Callable[[], datetime]) -> None:
        self._audit = audit
        self._now = now
        self._lock = threading.Lock()
        self._began = now()
        self._counts: dict[tuple[Act, str, str], int] = {}

    def counted(self, refusal: Refusal) -> CountedRefusal | None:
        """Count it; what is to be written, if anything is. Never blocks."""
        key = (refusal.act, refusal.origin.address, refusal.target)
        with self._lock:
            now = self._now()
            if now - self._began >= WINDOW:
                self._began, self._counts = now, {}
            of_others = key not in self._counts and len(self._counts) >= MOST_KEPT
            if of_others:
                key = (refusal.act, OTHERS, OTHERS)
            times = self._counts[key] = self._counts.get(key, 0) + 1
        return CountedRefusal(refusal, times, of_others) if times in _WRITTEN_AT else None

    def write(self, counted: CountedRefusal) -> None:
        """Blocks. Who was refused stays refused while this cannot be written, so nothing is raised."""
        refusal = counted.refusal
        details = {"reason": refusal.reason, "times": str(counted.times)}
        if counted.of_others:
            details["of"] = OTHERS
        try:
            self._audit.record(
                STRANGER,
                refusal.act,
                refusal.origin,
                outcome=Outcome.REFUSED,
                target=refusal.target,
                details=details,
            )
        except StoreError as error:
            log.warning("a refusal could not be written to the audit log", act=refusal.act, cause=str(error)[:300])

    def tell(self, refusal: Refusal) -> None:
        """Count it, and write it when it is time. Blocks then."""
        if counted := self.counted(refusal):
            self.write(counted)

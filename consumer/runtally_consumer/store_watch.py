"""Looking every now and then whether the store is still what exactness rests on: while not, nothing is written."""

import asyncio
from collections.abc import Callable, Sequence

import structlog
from runtally_clickhouse.errors import StoreError
from runtally_clickhouse.findings import Finding
from runtally_clickhouse.store_facts import why_unfit

from runtally_consumer.threads import in_daemon_thread

# Once something is wrong, going on is what matters.
LOOK_AGAIN_SECONDS = 5.0

log = structlog.get_logger(__name__)


class StoreWatch:
    """Looks beside all else. `drift` is what it found the last time that the store answered."""

    def __init__(self, examine: Callable[[], Sequence[Finding]], every_seconds: float) -> None:
        """`examine` blocks, and may raise `StoreError`; the store was fit just now."""
        self._examine = examine
        self._every_seconds = every_seconds
        self._looked_at: float | None = None
        self._looking: asyncio.Task[None] | None = None
        self.drift: str | None = None

    def tick(self, now: float) -> None:
        """Look if it is time to. Call it every moment."""
        if self._looked_at is None:
            self._looked_at = now
        every = self._every_seconds if self.drift is None else min(self._every_seconds, LOOK_AGAIN_SECONDS)
        if now - self._looked_at >= every and (self._looking is None or self._looking.done()):
            self._looked_at = now
            self._looking = asyncio.create_task(self._look())

    async def leave(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> None:
        try:
            findings = await in_daemon_thread(self._examine)
        except StoreError as error:  # writing will tell of it
            log.warning("could not look at the store's tables and settings, looking again", reason=str(error)[:500])
            return
        drift = why_unfit(findings)
        if drift and drift != self.drift:
            log.error("the store has changed: nothing is written until it is mended", reason=drift)
        elif self.drift and not drift:
            log.warning("the store is as it must be again, writing goes on")
        self.drift = drift

"""When rollups are refreshed: while this process owns partition 0 of the runs, beside everything else."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from runtally_consumer.threads import in_daemon_thread

LOOK_FOR_OWNER_SECONDS: Final = 1.0
# A recomputation that is left behind goes on in the store, and nobody publishes it.
LEAVE_SECONDS: Final = 10.0
MISHAP_REST_SECONDS: Final = 30.0

log = structlog.get_logger(__name__)


class Steps(Protocol):
    """What is done piece by piece; `step` blocks, and returns the seconds to rest."""

    def took_over(self) -> None: ...

    def step(self) -> float: ...


class RollupKeeper:
    """Calls the steps while `is_owner`. `run` returns after `stop`, within seconds."""

    def __init__(self, steps: Steps, is_owner: Callable[[], bool], work: str = "refreshing rollups") -> None:
        self._steps = steps
        self._work = work
        self._is_owner = is_owner
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        was_owner = False
        while not self._stopping.is_set():
            is_owner = self._is_owner()
            if is_owner and not was_owner:
                self._steps.took_over()
                log.info(f"{self._work} from now on")
            was_owner = is_owner
            await self._rest(await self._step() if is_owner else LOOK_FOR_OWNER_SECONDS)

    async def _step(self) -> float:
        stepping = asyncio.create_task(in_daemon_thread(self._steps.step))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([stepping, stopping], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait([stepping], timeout=LEAVE_SECONDS)
            return stepping.result() if stepping.done() else 0.0
        except Exception:  # it goes again; answers are as right meanwhile, and the consumer goes on
            log.exception(f"{self._work} failed")
            return MISHAP_REST_SECONDS
        finally:
            for task in (stepping, stopping):
                task.cancel()

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

"""The two ways to run a simulation: publish its past in one go, then go on live."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from runtally_cli.simulation.noise import QUIET, Noise, with_noise
from runtally_cli.simulation.publish import BatchProducer, Progress, Sleep, publish, run_live
from runtally_cli.simulation.stream import future, past
from runtally_cli.simulation.timetable import Timetable


def _now() -> datetime:
    return datetime.now(UTC)


async def simulate_history(
    producer: BatchProducer,
    plan: Timetable,
    *,
    noise: Noise = QUIET,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Publishes the plan's past; returns how many records were acknowledged, noise included."""
    return await publish(with_noise(past(plan), noise, plan.seed), producer, progress=progress, clock=clock)


async def simulate_live(
    producer: BatchProducer,
    plan: Timetable,
    *,
    after_history: bool = True,
    noise: Noise = QUIET,
    progress: Progress | None = None,
    now: Callable[[], datetime] = _now,
    sleep: Sleep = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Publishes what is due from the plan's end on, each record at its time, until the task is cancelled.

    `after_history`: the past of the same plan was published, so its open runs end and its feedback comes;
    what fell due while the past was being published goes out first. Without it the first runs begin now.
    """
    records = with_noise(future(plan, finish_open_runs=after_history), noise, plan.seed)
    return await run_live(records, producer, now=now, sleep=sleep, progress=progress, clock=clock)

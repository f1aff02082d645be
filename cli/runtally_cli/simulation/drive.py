"""The ways to run a simulation: publish its past in one go, go on live, or both."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from runtally_cli.simulation.noise import QUIET, Noise, with_noise
from runtally_cli.simulation.publish import BatchProducer, Progress, Sleep, publish, run_live
from runtally_cli.simulation.seasons import from_us
from runtally_cli.simulation.stream import future, past, records_between
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
    what fell due since goes out first, after a day has been drawn again to find it. Without it the first
    runs begin at the plan's end.
    """
    records = with_noise(future(plan, finish_open_runs=after_history), noise, plan.seed)
    return await run_live(records, producer, now=now, sleep=sleep, progress=progress, clock=clock)


async def simulate_history_then_live(
    producer: BatchProducer,
    plan: Timetable,
    *,
    noise: Noise = QUIET,
    progress: Progress | None = None,
    caught_up: Callable[[int], None] | None = None,
    now: Callable[[], datetime] = _now,
    sleep: Sleep = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Publishes the past and goes on live in one stream, until the task is cancelled.

    `caught_up` gets the number of acknowledged records when all that was due has been published.
    """
    records = with_noise(records_between(plan, from_us(plan.start_us)), noise, plan.seed)
    return await run_live(records, producer, now=now, sleep=sleep, progress=progress, caught_up=caught_up, clock=clock)

"""Publishing the simulated fleet to a broker: its past in one go, then live."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from runtally.connection import KafkaConnection
from runtally.kafka_producer import start_producer

from runtally_cli.simulation.drive import simulate_history, simulate_history_then_live, simulate_live
from runtally_cli.simulation.noise import QUIET, Noise
from runtally_cli.simulation.publish import PRODUCER_OPTIONS, Published
from runtally_cli.simulation.roster import DEFAULT_FLEET
from runtally_cli.simulation.timetable import Timetable

PROGRESS_EVERY = 100_000
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """What to simulate: so many runs over so many days that end now, and whether to go on live."""

    days: int
    runs: int
    seed: int
    history: bool = True
    live: bool = False
    noise: Noise = QUIET

    def timetable(self, end: datetime) -> Timetable:
        return Timetable(DEFAULT_FLEET, self.seed, end - timedelta(days=self.days), end, self.runs)


async def publish_fleet(connection: KafkaConnection, plan: FleetPlan, say: Say, end: datetime | None = None) -> None:
    """Publish the plan. Raises `KafkaError` or `OSError` when no broker answers; live, it ends when cancelled."""
    timetable = plan.timetable(end or datetime.now(UTC))
    producer = await start_producer(connection, "runtally-simulate", **PRODUCER_OPTIONS)
    try:
        progress = _every(say)

        def told(published: int) -> None:
            say(f"published {published:,} records: {plan.runs:,} runs of {plan.days} days")

        if not plan.live:
            told(await simulate_history(producer, timetable, noise=plan.noise, progress=progress))
        elif plan.history:
            await simulate_history_then_live(producer, timetable, noise=plan.noise, progress=progress, caught_up=told)
        else:
            await simulate_live(producer, timetable, after_history=False, noise=plan.noise)
    finally:
        await producer.stop()


def publish_in_background(connection: KafkaConnection, plan: FleetPlan, stack: ExitStack, say: Say) -> None:
    """Publish from a thread of its own, until the exit stack unwinds."""
    loop = asyncio.new_event_loop()

    async def publish() -> None:
        try:
            await publish_fleet(connection, plan, say)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # the stack goes on without its fleet
            say(f"the simulated fleet stopped: {type(error).__name__}: {error}")

    def run() -> None:
        task = loop.create_task(publish())
        stop.append(lambda: loop.call_soon_threadsafe(task.cancel))
        started.set()
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        finally:
            loop.close()

    stop: list[Callable[[], object]] = []
    started = threading.Event()
    thread = threading.Thread(target=run, name="simulated-fleet", daemon=True)
    thread.start()
    started.wait()

    def end() -> None:
        if thread.is_alive():
            stop[0]()
            thread.join(timeout=20)

    stack.callback(end)


def _every(say: Say) -> Callable[[Published], None]:
    shown = 0

    def progress(published: Published) -> None:
        nonlocal shown
        if published.records // PROGRESS_EVERY > shown:
            shown = published.records // PROGRESS_EVERY
            say(f"{published.records:,} records published, {published.per_second:,.0f} a second")

    return progress

"""The whole consumer through drawn stories of faults: nothing lost, nothing twice, and the same story for a seed."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest
from consumer.simulation.broker import SimulatedBroker
from consumer.simulation.run import play_in_processes, quiet, write_counts
from consumer.simulation.source import SimulatedSource
from consumer.simulation.story import play
from consumer.simulation.virtual_time import Process, VirtualLoop
from consumer.source_behaviour import Broker, Play, SourceBehaviour
from runtally_consumer.records import Partition
from runtally_consumer.source import Source

TESTS = Path(__file__).parents[2]
SEEDS_VARIABLE = "RUNTALLY_SIMULATION_SEEDS"
FEW_SEEDS = 100


@pytest.mark.timeout(1000)
def test_the_promises_hold_in_every_story() -> None:
    seeds = int(os.environ.get(SEEDS_VARIABLE, "1000"))
    tally = play_in_processes(1, seeds, os.cpu_count() or 1)
    write_counts(tally.counts())
    assert tally.stories == seeds
    assert not tally.failures, tally.complaint()


def test_the_promises_hold_in_a_few_stories() -> None:
    """For the mutants: in one process, and over with the first that fails."""
    with quiet():
        for seed in range(1, FEW_SEEDS + 1):
            play(seed)


def test_a_seed_gives_the_same_story_in_every_process() -> None:
    def traces(hash_seed: str) -> str:
        code = "from consumer.simulation.story import play; [print('trace', play(seed)) for seed in range(1, 13)]"
        environment = {**os.environ, "PYTHONPATH": str(TESTS), "PYTHONHASHSEED": hash_seed}
        told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        return "\n".join(line for line in told.stdout.splitlines() if line.startswith("trace"))

    first = traces("1")
    assert first.count("trace Told") == 12
    assert first == traces("2")


def test_time_passes_at_once_and_in_order() -> None:
    loop = VirtualLoop()
    seen: list[float] = []

    async def wait(seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append(loop.time())

    async def main() -> None:
        await asyncio.gather(wait(3600.0), wait(1.0), asyncio.to_thread(lambda: None))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 400.0)

    loop.run_until_complete(main())
    loop.close()
    assert seen == [1.0, 3600.0]
    assert loop.time() == 4000.0


def test_a_stopped_process_goes_on_where_it_was_and_a_killed_one_never() -> None:
    loop = VirtualLoop()
    seen: list[str] = []

    async def tick(name: str) -> None:
        try:
            for count in range(3):
                await asyncio.sleep(0.1)
                seen.append(f"{name}{count} at {loop.time():g}")
        finally:
            seen.append(f"{name} ends")

    async def main() -> None:
        stopped, killed = Process("stopped"), Process("killed")
        running = [loop.spawn(stopped, tick("s")), loop.spawn(killed, tick("k"))]
        await asyncio.sleep(0.15)
        loop.stop_process(stopped)
        loop.kill_process(killed)
        await asyncio.sleep(0.9)
        loop.continue_process(stopped)
        await asyncio.sleep(0.9)
        assert seen == ["s0 at 0.1", "k0 at 0.1", "s1 at 1.05", "s2 at 1.15", "s ends"]
        running[1].cancel()
        loop.bury(killed)
        await asyncio.wait(running)

    loop.run_until_complete(main())
    loop.close()


class VirtualBroker:
    """`Broker` over the simulated one."""

    topic = "virtual"

    def __init__(self, loop: VirtualLoop) -> None:
        self._broker = SimulatedBroker(loop, [Partition(self.topic, 0), Partition(self.topic, 1)])

    async def publish(self, number: int, values: Sequence[bytes | None]) -> None:
        self._broker.publish(Partition(self.topic, number), values)

    def source(self) -> Source:
        return SimulatedSource(self._broker)


class TestSimulatedSource(SourceBehaviour):
    @pytest.fixture
    def play(self) -> Play:
        def run(story: Callable[[Broker], Coroutine[Any, Any, None]]) -> None:
            loop = VirtualLoop()
            try:
                loop.run_until_complete(story(VirtualBroker(loop)))
            finally:
                loop.close()

        return run

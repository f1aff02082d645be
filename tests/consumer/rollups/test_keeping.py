"""Rollups are refreshed where partition 0 is owned, and whatever happens to them, the consumer goes on."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from runtally_consumer.rollups import keeping
from runtally_consumer.rollups.keeping import RollupKeeper


class Steps:
    """Counts what it is told to do."""

    def __init__(self, work: Callable[[int], float] = lambda _: 0.0) -> None:
        self.taken_over = 0
        self.steps = 0
        self._work = work

    def took_over(self) -> None:
        self.taken_over += 1

    def step(self) -> float:
        self.steps += 1
        return self._work(self.steps)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


def test_only_the_owner_refreshes_and_each_owner_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "LOOK_FOR_OWNER_SECONDS", 0.01)
    owns = [False]
    steps = Steps()

    async def story() -> None:
        keeper = RollupKeeper(steps, lambda: owns[0])
        running = asyncio.create_task(keeper.run())
        await asyncio.sleep(0.1)
        assert (steps.taken_over, steps.steps) == (0, 0)
        owns[0] = True
        await _until(lambda: steps.steps >= 3)
        owns[0] = False
        await asyncio.sleep(0.1)
        done = steps.steps
        await asyncio.sleep(0.1)
        assert steps.steps == done
        owns[0] = True
        await _until(lambda: steps.steps > done)
        keeper.stop()
        await running

    asyncio.run(story())
    assert steps.taken_over == 2


def test_a_step_that_fails_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MISHAP_REST_SECONDS", 0.01)

    def work(number: int) -> float:
        if number == 1:
            raise RuntimeError("a bug")
        return 0.0

    steps = Steps(work)

    async def story() -> None:
        keeper = RollupKeeper(steps, lambda: True)
        running = asyncio.create_task(keeper.run())
        await _until(lambda: steps.steps >= 3)
        keeper.stop()
        await running

    asyncio.run(story())


def test_leaving_waits_for_a_step_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    async def leave(steps: Steps) -> None:
        keeper = RollupKeeper(steps, lambda: True)
        running = asyncio.create_task(keeper.run())
        await _until(lambda: steps.steps == 1)
        keeper.stop()
        async with asyncio.timeout(20):
            await running

    finished: list[int] = []

    def short(number: int) -> float:
        threading.Event().wait(0.2)
        finished.append(number)
        return 0.0

    asyncio.run(leave(Steps(short)))
    assert finished == [1]

    def stuck(number: int) -> float:
        released.wait(60)
        finished.append(number)
        return 0.0

    monkeypatch.setattr(keeping, "LEAVE_SECONDS", 0.05)
    asyncio.run(leave(Steps(stuck)))
    assert finished == [1]
    released.set()


def test_a_long_rest_ends_with_the_process() -> None:
    steps = Steps(lambda _: 3600.0)

    async def story() -> None:
        keeper = RollupKeeper(steps, lambda: True)
        running = asyncio.create_task(keeper.run())
        await _until(lambda: steps.steps == 1)
        keeper.stop()
        async with asyncio.timeout(20):
            await running

    asyncio.run(story())

"""Many who sign in at once: they wait for each other, not for answers, and answers not for them."""

import asyncio
import threading

import pytest
from anyio import to_thread
from runtally_api.identity.sign_in_queue import SignInQueue
from runtally_api.problems import TooMany


def test_a_flood_of_sign_ins_takes_no_thread_that_answers_need() -> None:
    goes_on = threading.Event()

    async def flood() -> str:
        queue = SignInQueue(at_once=2, most_waiting=100)
        waiting = [asyncio.create_task(queue.run(goes_on.wait)) for _ in range(100)]
        await asyncio.sleep(0)
        try:
            return await to_thread.run_sync(lambda: "answered")
        finally:
            goes_on.set()
            await asyncio.gather(*waiting)

    assert asyncio.run(flood()) == "answered"


def test_those_beyond_the_queue_come_back_later() -> None:
    goes_on = threading.Event()

    async def flood() -> list[bool | BaseException]:
        queue = SignInQueue(at_once=1, most_waiting=2)
        waiting = [asyncio.create_task(queue.run(goes_on.wait)) for _ in range(5)]
        while sum(task.done() for task in waiting) < 2:
            await asyncio.sleep(0)
        goes_on.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    told = asyncio.run(flood())
    assert told[:3] == [True] * 3
    assert [type(one) for one in told[3:]] == [TooMany] * 2


def test_what_a_sign_in_raises_is_raised() -> None:
    def refused() -> None:
        raise PermissionError("wrong")

    with pytest.raises(PermissionError, match="wrong"):
        asyncio.run(SignInQueue().run(refused))

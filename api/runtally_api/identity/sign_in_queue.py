"""Sign-ins are slow on purpose and anybody may ask for one: few at once, few that wait, in threads of their own.

In the threads that answers need, a hundred wrong passwords at once would hold up every question of those who are known.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread

from runtally_api.problems import TooMany

AT_ONCE: Final = 4
MOST_WAITING: Final = 60
_AGAIN_AFTER_SECONDS: Final = 2
T = TypeVar("T")


class SignInQueue:
    """For any number of tasks of one event loop."""

    def __init__(self, at_once: int = AT_ONCE, most_waiting: int = MOST_WAITING) -> None:
        self._threads = CapacityLimiter(at_once)
        self._most = at_once + most_waiting
        self._there = 0

    async def run(self, act: Callable[[], T]) -> T:
        """What the act returns or raises, once it was its turn. Raises `TooMany` when too many wait already."""
        if self._there >= self._most:
            raise TooMany("too many people sign in at this moment", _AGAIN_AFTER_SECONDS)
        self._there += 1
        try:
            return await to_thread.run_sync(act, limiter=self._threads)
        finally:
            self._there -= 1

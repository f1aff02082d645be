"""Questions of one request that go out together, over threads that all requests share."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import TypeVar

T = TypeVar("T")


def all_of(pool: Executor | None, tasks: Sequence[Callable[[], T]]) -> list[T]:
    """What each task returns, in the order of the tasks; one after another without a pool.

    The caller does itself whatever no thread has begun. So a busy pool holds up nobody; and as whoever waits does so
    for a task of its own that is running, tasks may call this, too. Raises what the first failing task raised: those
    after it that no thread has begun are left out, and none is running any more.
    """
    futures = [] if pool is None else _begun(pool, tasks[1:])
    found: list[T] = []
    try:
        for place, task in enumerate(tasks):
            future = futures[place - 1] if 0 < place <= len(futures) else None
            found.append(task() if future is None or future.cancel() else future.result())
    finally:
        for future in futures:
            if not future.cancel():
                future.exception()
    return found


def _begun(pool: Executor, tasks: Sequence[Callable[[], T]]) -> list[Future[T]]:
    """Futures of the first of the tasks; of all of them, unless the pool takes no more as the process is leaving."""
    futures: list[Future[T]] = []
    for task in tasks:
        try:
            futures.append(pool.submit(task))
        except RuntimeError:
            break
    return futures

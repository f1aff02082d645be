"""Blocking calls in threads that the process does not wait for when it leaves."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_daemon_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What the call returns or raises. Cancelled, the call goes on without anybody who listens.

    `asyncio.to_thread` is for calls that surely end: the interpreter waits for its threads, for minutes where a
    server has stopped to answer. An insert may be abandoned at any moment; a killed process does no other.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def tell(finish: Callable[[], None]) -> None:
        try:
            loop.call_soon_threadsafe(lambda: None if done.done() else finish())
        except RuntimeError:
            return  # the loop is closed: nobody listens any more

    def run() -> None:
        try:
            result = context.run(call, *args, **kwargs)
        except BaseException as error:
            failure = error
            tell(lambda: done.set_exception(failure))
        else:
            tell(lambda: done.set_result(result))

    threading.Thread(target=run, name=f"runtally-{getattr(call, '__name__', 'call')}", daemon=True).start()
    return await done

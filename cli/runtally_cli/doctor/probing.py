"""Asking several things at once, none for longer than its deadline."""

import queue
import re
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from runtally_cli.doctor.unanswered import Unanswered

T = TypeVar("T")


class Probe(Generic[T]):
    """A question that is being asked since it was made, in a thread that nothing waits for in the end."""

    def __init__(self, ask: Callable[[], T], seconds: float) -> None:
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._answers: queue.SimpleQueue[T | Unanswered] = queue.SimpleQueue()
        threading.Thread(target=self._run, args=(ask,), daemon=True).start()

    def answer(self) -> T | Unanswered:
        """The answer, or why there is none by the deadline. Never raises; may be asked for once."""
        try:
            return self._answers.get(timeout=max(0.0, self._deadline - time.monotonic()))
        except queue.Empty:
            return Unanswered(f"no answer within {self._seconds:g} s")

    def _run(self, ask: Callable[[], T]) -> None:
        try:
            self._answers.put(ask())
        except Exception as error:  # whatever a probe dies of, the others go on
            self._answers.put(unanswered(error))


def unanswered(error: Exception) -> Unanswered:
    """An exception in the place of an answer."""
    code = getattr(error, "code", 0)
    return Unanswered(told(error), type(error).__name__, code if isinstance(code, int) else 0)


def told(error: BaseException) -> str:
    """An error in one line; some have no text of their own, some tell their whole way down."""
    text = next(iter(str(error).splitlines()), "")
    if "Max retries exceeded" in text and (cause := re.search(r"\[Errno -?\d+\] ([\w ]+)", text)):
        return cause[1]
    if not text and isinstance(error, TimeoutError):
        return "no answer in time"
    return text[:300] or type(error).__name__

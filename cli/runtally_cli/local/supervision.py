"""Waiting in the foreground until somebody asks the stack to end, or a part of it dies."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from runtally_cli.local.server_process import tail
from runtally_cli.local.stack import Part

CHECK_SECONDS = 0.5
MOST_RESTARTS = 5
_SIGINT_BIT = 1 << (signal.SIGINT - 1)


class PartDied(RuntimeError):
    """A process of the stack ended by itself; the message has the end of its log."""


class EndRequest:
    """Set by SIGINT or SIGTERM. A second signal changes nothing: draining is on its way and bounded."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def install(self) -> None:
        """Take over the two signals of this process."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._asked.set())

    def wait(self, seconds: float) -> bool:
        return self._asked.wait(seconds)

    @property
    def is_set(self) -> bool:
        return self._asked.is_set()


def wait_for_end(
    request: EndRequest,
    parts: Sequence[Part],
    say: Callable[[str], None],
    make_is_ending: Callable[[], bool] | None = None,
) -> None:
    """Return when the end is asked for. A part that ends before is started again while the broker keeps its records.

    Raises `PartDied` for the broker, and for a part that ended too often; `ServerDidNotStart` when a new start fails.
    """
    make_is_ending = make_is_ending or parent_make_is_ending
    restarts: Counter[str] = Counter()
    while not request.wait(CHECK_SECONDS) and not make_is_ending():
        for part in parts:
            if part.pid() is not None:
                continue
            restarts[part.name] += 1
            if part.restart is None or restarts[part.name] > MOST_RESTARTS:
                raise PartDied(f"the {part.name} ended by itself; the end of its log:\n{tail(part.log)}")
            say(f"the {part.name} ended by itself: starting it again ({part.log} says why)")
            part.restart()


def parent_make_is_ending(proc: Path = Path("/proc")) -> bool:
    """Whether the GNU make that runs us was interrupted alone.

    make passes SIGTERM on to its recipe but not SIGINT, which it expects the terminal to send to both; then it
    waits for the recipe with SIGINT blocked. Seen in /proc, so on Linux only.
    """
    parent = proc / str(os.getppid())
    try:
        if not (parent / "comm").read_text().startswith(("make", "gmake")):
            return False
        blocked = next(line for line in (parent / "status").read_text().splitlines() if line.startswith("SigBlk:"))
    except (OSError, StopIteration):
        return False
    return bool(int(blocked.split()[1], 16) & _SIGINT_BIT)

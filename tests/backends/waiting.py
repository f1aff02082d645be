"""Waiting for what another process does, by condition and deadline, never for a fixed time."""

import time
from collections.abc import Callable


def eventually(
    condition: Callable[[], bool],
    seconds: float = 10.0,
    what: str = "the condition",
    why: Callable[[], str] = lambda: "",
) -> None:
    """Return as soon as `condition` holds; fails the test when it doesn't within `seconds`, and tells `why()`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {seconds:g} s. {why()}".rstrip(". ")
        time.sleep(0.02)

"""Where the emitter takes its time and its random bits from: swappable, so that tests choose both."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """`now` is the wall clock in UTC, `monotonic` counts seconds and never steps, `random_bits` mints ids."""

    now: Callable[[], datetime] = _now
    monotonic: Callable[[], float] = time.monotonic
    random_bits: Callable[[int], int] = secrets.randbits

"""What every test of limits needs: minutes that do not end between two of its requests."""

import time
from types import SimpleNamespace

import pytest


@pytest.fixture(autouse=True)
def one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library counts by minutes of the wall clock, which here stands still, well before one ends."""
    now = time.time()
    stands = SimpleNamespace(time=lambda: now if now % 60 < 30 else now + 30)
    for module in ("limits.storage.memory", "limits.strategies"):
        monkeypatch.setattr(f"{module}.time", stands)

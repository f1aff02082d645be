"""Emitters over memory, closed at the end of each test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from producer.samples import TurnedClock
from runtally import EmitterSettings, MemoryTransport, RunEmitter

Emitters = Callable[..., RunEmitter]


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def sent() -> MemoryTransport:
    return MemoryTransport()


@pytest.fixture
def emitters(sent: MemoryTransport) -> Iterator[Emitters]:
    """Makes emitters with the settings given; they send to `sent` unless told otherwise."""
    made: list[RunEmitter] = []

    def make(*, transport: Any = None, clock: Any = None, **given: Any) -> RunEmitter:
        quick: dict[str, Any] = {
            "linger_seconds": 0.0,
            "longest_pause_seconds": 0.01,
            "workspace_id": "acme",
            "agent_id": "planner",
        }
        made.append(
            RunEmitter(
                EmitterSettings(**(quick | {"workspace_id": "acme", "agent_id": "planner"} | given)),
                transport=transport or sent,
                clock=clock,
            )
        )
        return made[-1]

    yield make
    for emitter in made:
        emitter.close(0.0)


@pytest.fixture
def emitter(emitters: Emitters, clock: TurnedClock) -> RunEmitter:
    return emitters(clock=clock.clock)

"""Good messages for the tests of the contract, and a clock that the tests turn."""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from runtally.clock import Clock
from runtally.events import AgentLifecycle, Event, RunFeedback, RunSnapshot, UserActivity

START = "2026-11-21T09:00:00.123Z"
UUID7 = "0193a5c0-7b1e-7c3f-9a51-2f0c6f3f1a10"

RUN: dict[str, Any] = {
    "run_id": "bar-1",
    "workspace_id": "acme",
    "agent_id": "planner",
    "status": "succeeded",
    "updated_at": "2026-11-21T09:00:02.000001Z",
    "started_at": START,
}
FULL_RUN: dict[str, Any] = RUN | {
    "agent_name": "Planner",
    "finished_at": "2026-11-21T09:00:01.124Z",
    "duration_ms": 1001,
    "model": "models/llama-2-7b_chat.gguf",
    "input_tokens": 10,
    "output_tokens": 20,
    "cost_usd": "0.001",
    "cost_source": "inferred",
    "credits": 3,
    "tags": {"team": "ops", "größe": "L"},
    "recovered": True,
    "error_message": "späte Antwort",
}
FEEDBACK: dict[str, Any] = {
    "feedback_id": "f-1",
    "run_id": "bar-1",
    "workspace_id": "acme",
    "agent_id": "planner",
    "rating": 4,
    "sentiment_score": 0.25,
    "created_at": START,
}
LIFECYCLE: dict[str, Any] = {
    "event_id": "e-1",
    "workspace_id": "acme",
    "agent_id": "planner",
    "to_state": "paused",
    "at": START,
}
ACTIVITY: dict[str, Any] = {
    "event_id": "e-2",
    "workspace_id": "acme",
    "user_id": "u-1",
    "event_name": "bought",
    "at": START,
    "revenue_usd": "12.50",
    "properties": {"plan": "pro"},
}
GOOD_EVENTS: list[tuple[type[Event], dict[str, Any]]] = [
    (RunSnapshot, RUN),
    (RunSnapshot, FULL_RUN),
    (RunFeedback, FEEDBACK),
    (AgentLifecycle, LIFECYCLE),
    (UserActivity, ACTIVITY),
]


@dataclass
class TurnedClock:
    """Stands still until it is turned; `clock` is what the emitter takes. The ids it mints count upwards."""

    wall: datetime = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    seconds: float = 1000.0
    bits: int = 0

    def turn(self, seconds: float) -> None:
        """Time goes by."""
        self.seconds += seconds
        self.wall += timedelta(seconds=seconds)

    def step(self, seconds: float) -> None:
        """Somebody sets the wall clock; the monotonic one does not notice."""
        self.wall += timedelta(seconds=seconds)

    def _random_bits(self, count: int) -> int:
        self.bits += 1
        return self.bits % (1 << count)

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.wall, lambda: self.seconds, self._random_bits)


def run_in_thread(work: Any) -> None:
    """Run it in a thread of its own, to the end; an error there is an error here."""
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    if errors:
        raise errors[0]

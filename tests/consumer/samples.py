"""Records for tests: bare ones to count, and real messages, good and bad."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from runtally_consumer.records import Partition

RUNS = "agent-runs.v1"
FEEDBACK = "agent-feedback.v1"
LIFECYCLE = "agent-lifecycle.v1"
ACTIVITY = "user-activity.v1"
P0 = Partition(RUNS, 0)
P1 = Partition(RUNS, 1)
F0 = Partition(FEEDBACK, 0)

START = datetime(2026, 8, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as a broker keeps it."""

    offset: int
    value: bytes | None = b"x"
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()
    timestamp: int = 0


def bare(*offsets: int) -> list[StoredRecord]:
    """Records to count, not to decode."""
    return [StoredRecord(offset) for offset in offsets]


def span(first: int, end: int) -> list[StoredRecord]:
    """Bare records of the offsets [first, end)."""
    return bare(*range(first, end))


def numbered(values: Iterable[bytes | None], first: int = 0) -> list[StoredRecord]:
    """The values as records at consecutive offsets."""
    return [StoredRecord(first + index, value) for index, value in enumerate(values)]


def run_value(number: int, status: str = "succeeded", **fields: object) -> bytes:
    """A valid run, the same bytes for the same number."""
    started = START + timedelta(minutes=number)
    milliseconds = int(started.timestamp() * 1000)
    run_id = UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | number)
    message = {
        "run_id": str(run_id),
        "workspace_id": "acme",
        "agent_id": f"agent-{number % 3}",
        "status": status,
        "started_at": started.isoformat(),
        "updated_at": (started + timedelta(seconds=30)).isoformat(),
        **fields,
    }
    return json.dumps(message).encode()


def feedback_value(number: int) -> bytes:
    """A valid feedback on the run of the same number."""
    created = START + timedelta(minutes=number)
    return json.dumps(
        {
            "feedback_id": f"feedback-{number}",
            "run_id": f"run-{number}",
            "workspace_id": "acme",
            "agent_id": "agent-1",
            "rating": 5,
            "created_at": created.isoformat(),
        }
    ).encode()


def lifecycle_value(number: int) -> bytes:
    """A valid change of an agent's state."""
    at = START + timedelta(minutes=number)
    return json.dumps(
        {
            "event_id": f"lifecycle-{number}",
            "workspace_id": "acme",
            "agent_id": "agent-1",
            "to_state": "active",
            "at": at.isoformat(),
        }
    ).encode()


def activity_value(number: int) -> bytes:
    """A valid thing that a user did."""
    at = START + timedelta(minutes=number)
    return json.dumps(
        {
            "event_id": f"activity-{number}",
            "workspace_id": "acme",
            "user_id": "user-1",
            "event_name": "opened",
            "at": at.isoformat(),
        }
    ).encode()


NOT_JSON = b"{not json"
NO_AGENT = json.dumps(
    {"run_id": "r", "workspace_id": "acme", "status": "failed", "started_at": "2026-08-01T00:00:00Z", "updated_at": 1}
).encode()

"""What the lists of feedback and of transitions hold: their shapes, made of what the store says; and examples. Pure."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field
from runtally_clickhouse.catalogue import EPOCH, LAST_INSTANT, unix_ms
from runtally_clickhouse.client import Row
from runtally_clickhouse.said_and_lived import LastFeedback

from runtally_api.answers import Answer, Instant
from runtally_api.cursor_seals import not_ours
from runtally_api.dependencies import RunQuery
from runtally_api.formats import instant
from runtally_api.meta import Freshness


class EventsMeta(Answer):
    """What the answer is about."""

    from_: Annotated[Instant, Field(alias="from")]
    to: Instant
    timezone: str
    data_as_of: Annotated[Instant | None, Field(description="Last acknowledged insert that the answer holds.")]
    freshness_seconds: Annotated[float | None, Field(description="Age of data_as_of.")]
    truncated: Annotated[bool, Field(description="Whether rows beyond the limit were left out.")]


class Feedback(Answer):
    """What a user thought of a run. The agent is that of the run."""

    feedback_id: str
    workspace_id: str
    run_id: str
    agent_id: str
    agent_name: str
    agent_version: str
    user_id: str
    rating: Annotated[int, Field(ge=1, le=5)]
    comment: str
    category: str
    sentiment: str
    created_at: Instant


class FeedbackPage(Answer):
    data: list[Feedback]
    next_cursor: str | None
    has_more: bool
    meta: EventsMeta


class Transition(Answer):
    """Agents that went from one state to another, and how long they had been in the one they left."""

    from_state: str
    to_state: str
    transitions: int
    agents: int
    last_at: Instant
    known_stays: Annotated[int, Field(description="Of these, after a transition into the state that was left.")]
    avg_stay_ms: Annotated[float | None, Field(description="Mean of the known stays.")]
    longest_stay_ms: float | None


class AgentState(Answer):
    """A state: who is in it at the end of the range, and how long those were that left it in the range."""

    state: str
    agents: Annotated[int, Field(description="In it at the end of the range.")]
    longest_since: Annotated[Instant | None, Field(description="Since when the first of these is in it.")]
    known_stays: int
    avg_stay_ms: float | None
    longest_stay_ms: float | None


class Transitions(Answer):
    transitions: list[Transition]
    states: list[AgentState]
    meta: EventsMeta


class FeedbackCursor(LastFeedback):
    """Where the next page begins, as text that clients hand back."""

    @classmethod
    def after(cls, row: Row) -> "FeedbackCursor":
        return cls(row["created_us"], row["id"], row["workspace_id"])

    def encode(self) -> str:
        text = json.dumps([self.created_us, str(self.id), self.workspace_id])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "FeedbackCursor":
        """Raises `InvalidRequest` for anything that `encode` did not make."""
        try:
            created_us, key, workspace_id = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            workspace_id.encode("utf-8")
            if type(created_us) is not int or not 0 <= created_us <= 1000 * unix_ms(LAST_INSTANT):
                raise TypeError("not a cursor")
            return cls(created_us, UUID(key), workspace_id)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise not_ours() from error


def events_meta(query: RunQuery, freshness: Freshness, *, truncated: bool = False) -> dict[str, Any]:
    """The `meta` object."""
    return {
        "from": instant(query.time.start),
        "to": instant(query.time.end),
        "timezone": query.time.timezone,
        "data_as_of": instant(freshness.data_as_of),
        "freshness_seconds": freshness.seconds,
        "truncated": truncated,
    }


def feedback_answer(row: Row) -> dict[str, Any]:
    """One of `FeedbackPage.data`."""
    named = ("feedback_id", "workspace_id", "run_id", "agent_id", "agent_name", "agent_version", "user_id", "rating",
             "comment", "category", "sentiment")  # fmt: skip
    return {**{name: row[name] for name in named}, "created_at": instant(_of_us(row["created_us"]))}


def transition_answer(row: Row) -> dict[str, Any]:
    """One of `Transitions.transitions`."""
    named = ("from_state", "to_state", "transitions", "agents")
    return {**{name: row[name] for name in named}, "last_at": instant(_of_ms(row["last_ms"])), **_stays([row])}


def state_answers(transitions: list[Row], states: list[Row]) -> list[dict[str, Any]]:
    """The states that agents are in, those with the most first, then those that were only left."""
    now = {row["state"]: row for row in states}
    left = sorted({row["from_state"] for row in transitions} - {*now, ""})
    return [
        {
            "state": state,
            "agents": now[state]["agents"] if state in now else 0,
            "longest_since": instant(_of_ms(now[state]["longest_since_ms"])) if state in now else None,
            **_stays([row for row in transitions if row["from_state"] == state]),
        }
        for state in [*now, *left]
    ]


def _stays(rows: list[Row]) -> dict[str, Any]:
    known = sum(row["known_stays"] for row in rows)
    total = sum(row["stays_us"] for row in rows)
    longest = max((row["longest_us"] for row in rows if row["known_stays"]), default=None)
    return {
        "known_stays": known,
        "avg_stay_ms": total / known / 1000 if known else None,
        "longest_stay_ms": None if longest is None else longest / 1000,
    }


def _of_us(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def _of_ms(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)


EXAMPLE_META: Final[dict[str, Any]] = {
    "from": "2026-10-23T00:00:00Z", "to": "2026-11-22T00:00:00Z", "timezone": "UTC",
    "data_as_of": "2026-11-21T09:30:01.120Z", "freshness_seconds": 0.8, "truncated": False,
}  # fmt: skip
FEEDBACK_EXAMPLE: Final[dict[str, Any]] = {
    "data": [
        {
            "feedback_id": "fb-1", "workspace_id": "acme", "run_id": "run-1", "agent_id": "planner",
            "agent_name": "Planner", "agent_version": "2.0", "user_id": "user-1", "rating": 2,
            "comment": "It forgot the second invoice.", "category": "quality", "sentiment": "negative",
            "created_at": "2026-11-21T09:12:00Z",
        }
    ],
    "next_cursor": None,
    "has_more": False,
    "meta": EXAMPLE_META,
}  # fmt: skip
TRANSITIONS_EXAMPLE: Final[dict[str, Any]] = {
    "transitions": [
        {
            "from_state": "draft", "to_state": "active", "transitions": 3, "agents": 3,
            "last_at": "2026-11-20T15:00:00Z", "known_stays": 2, "avg_stay_ms": 86_400_000.0,
            "longest_stay_ms": 90_000_000.0,
        }
    ],
    "states": [
        {
            "state": "active", "agents": 3, "longest_since": "2026-11-02T10:00:00Z", "known_stays": 0,
            "avg_stay_ms": None, "longest_stay_ms": None,
        },
        {
            "state": "draft", "agents": 0, "longest_since": None, "known_stays": 2, "avg_stay_ms": 86_400_000.0,
            "longest_stay_ms": 90_000_000.0,
        },
    ],
    "meta": EXAMPLE_META,
}  # fmt: skip

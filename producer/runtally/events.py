"""The four messages of the contract as pydantic models: the reference for every other decoder.

A model takes what a sender may write and holds it normalised: times in UTC to the microsecond, money
rounded half-even to nine decimals, "" for an unknown label, None for an unknown number. What follows
from the record alone (the stored key, the duration from the times) is a property beside the fields.
"""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import ClassVar, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from runtally.fields import (
    FIRST_YEAR,
    LAST_YEAR,
    CostSource,
    Count,
    Flag,
    Identifier,
    Instant,
    Label,
    Message,
    Money,
    OptionalInstant,
    Rating,
    Score,
    Status,
    Tags,
    Tristate,
)
from runtally.identity import derive_uuid7, epoch_ms, is_uuid7, uuid7_ms, uuid7_started_at

FIRST_MS = epoch_ms(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC))
END_MS = epoch_ms(datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC))
ENDED_STATUSES = frozenset({"succeeded", "failed", "cancelled", "timed_out", "unknown"})


def format_instant(instant: datetime) -> str:
    """RFC 3339 in UTC with `Z`, to the microsecond where there is one."""
    return instant.isoformat().replace("+00:00", "Z")


def format_money(amount: Decimal) -> str:
    """Plain decimal text without an exponent and without trailing zeros."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _as_json(value: object) -> object:
    if isinstance(value, datetime):
        return format_instant(value)
    return format_money(value) if isinstance(value, Decimal) else value


class Event(BaseModel):
    """What the four messages share: frozen, unknown fields ignored, a canonical JSON form."""

    model_config = ConfigDict(frozen=True, extra="ignore", arbitrary_types_allowed=False)
    topic: ClassVar[str]

    @property
    def message_key(self) -> str:
        """The Kafka key: what keeps the order of messages that belong together."""
        raise TypeError(f"{type(self).__name__} has no message key")

    def message_value(self) -> bytes:
        """The canonical Kafka value: only fields that were given and are known, in the contract's order.

        Equal events give equal bytes, so a repeated publish is the same version of the same run.
        """
        known = {
            name: _as_json(getattr(self, name))
            for name, field in type(self).model_fields.items()
            if field.is_required() or getattr(self, name) != field.default
        }
        return json.dumps(known, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


class RunSnapshot(Event):
    """A full snapshot of one run as its producer knows it; a later one replaces it, it is never a patch."""

    topic: ClassVar[str] = "agent-runs.v1"

    run_id: Identifier
    workspace_id: Identifier
    agent_id: Identifier
    agent_name: Label = ""
    status: Status
    updated_at: Instant
    started_at: OptionalInstant = None
    finished_at: OptionalInstant = None
    handed_off_at: OptionalInstant = None
    duration_ms: Count = None
    queue_ms: Count = None
    provider: Label = ""
    model: Label = ""
    agent_version: Label = ""
    environment: Label = ""
    trigger: Label = ""
    user_id: Label = ""
    session_id: Label = ""
    trace_id: Label = ""
    parent_run_id: Label = ""
    input_tokens: Count = None
    output_tokens: Count = None
    cache_read_tokens: Count = None
    cache_write_tokens: Count = None
    reasoning_tokens: Count = None
    cost_usd: Money = None
    cost_source: CostSource = None
    price_version: Label = ""
    credits: Money = None
    llm_calls: Count = None
    tool_calls: Count = None
    files_modified: Count = None
    retries: Count = None
    error_type: Label = ""
    error_severity: Label = ""
    error_category: Label = ""
    error_message: Message = ""
    recovered: Tristate = None
    recovery_ms: Count = None
    tags: Tags = {}
    deleted: Flag = False

    @model_validator(mode="after")
    def _has_an_identity(self) -> Self:
        if is_uuid7(self.run_id):
            if not FIRST_MS <= uuid7_ms(UUID(self.run_id)) < END_MS:
                raise PydanticCustomError(
                    "run_id",
                    "is a UUIDv7 whose time lies outside the years {first} to {last}",
                    {"first": FIRST_YEAR, "last": LAST_YEAR},
                )
        elif self.started_at is None:
            raise PydanticCustomError("started_at", "is required, as run_id is not a UUIDv7")
        return self

    @property
    def message_key(self) -> str:
        return self.run_id

    @property
    def id(self) -> UUID:
        """The stored key: the given id when it is a UUIDv7, else the UUIDv7 derived from it."""
        if is_uuid7(self.run_id):
            return UUID(self.run_id)
        assert self.started_at is not None
        return derive_uuid7(self.workspace_id, self.run_id, self.started_at)

    @property
    def start(self) -> datetime:
        """The start that counts: the instant inside the stored key, to the millisecond."""
        return uuid7_started_at(self.id)

    @property
    def elapsed_ms(self) -> int | None:
        """The duration: as given, else finished - started, rounded to the millisecond, None when negative."""
        if self.duration_ms is not None or self.finished_at is None:
            return self.duration_ms
        elapsed = self.finished_at - (self.started_at or self.start)
        if elapsed < timedelta(0):
            return None
        return (elapsed + timedelta(microseconds=500)) // timedelta(milliseconds=1)

    @property
    def clock_skew(self) -> bool:
        """Whether the run says that it finished before it started, and gives no duration of its own."""
        return (
            self.duration_ms is None
            and self.finished_at is not None
            and self.finished_at < (self.started_at or self.start)
        )

    @property
    def known_cost_source(self) -> str:
        """Where the cost is from: as given, else `reported` with a cost and `unknown` without."""
        return self.cost_source or ("unknown" if self.cost_usd is None else "reported")


class RunFeedback(Event):
    """What a user thought of a run."""

    topic: ClassVar[str] = "agent-feedback.v1"

    feedback_id: Identifier
    run_id: Identifier
    workspace_id: Identifier
    agent_id: Identifier
    user_id: Label = ""
    rating: Rating
    comment: Message = ""
    category: Label = ""
    sentiment: Label = ""
    sentiment_score: Score = None
    created_at: Instant

    @property
    def message_key(self) -> str:
        return self.run_id


class AgentLifecycle(Event):
    """An agent that went from one state to another."""

    topic: ClassVar[str] = "agent-lifecycle.v1"

    event_id: Identifier
    workspace_id: Identifier
    agent_id: Identifier
    from_state: Label = ""
    to_state: Identifier
    reason: Label = ""
    actor: Label = ""
    at: Instant

    @property
    def message_key(self) -> str:
        return self.agent_id


class UserActivity(Event):
    """Something a user did, with or without an agent."""

    topic: ClassVar[str] = "user-activity.v1"

    event_id: Identifier
    workspace_id: Identifier
    user_id: Identifier
    session_id: Label = ""
    event_name: Identifier
    at: Instant
    revenue_usd: Money = None
    properties: Tags = {}

    @property
    def message_key(self) -> str:
        return self.user_id


EVENTS: tuple[type[Event], ...] = (RunSnapshot, RunFeedback, AgentLifecycle, UserActivity)

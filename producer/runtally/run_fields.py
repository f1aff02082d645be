"""The fields of the contract as keyword arguments, so that editors and type checkers know each name."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypedDict

EndedStatus = Literal["succeeded", "failed", "cancelled", "timed_out", "unknown"]
Amount = Decimal | float | str | None


class RunFields(TypedDict, total=False):
    """What may be said about a run at any time. A test compares it with `RunSnapshot`."""

    agent_name: str
    finished_at: datetime | None
    handed_off_at: datetime | None
    duration_ms: int | None
    queue_ms: int | None
    provider: str
    model: str
    agent_version: str
    environment: str
    trigger: str
    user_id: str
    session_id: str
    trace_id: str
    parent_run_id: str
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: Amount
    cost_source: Literal["reported", "inferred", "unknown"] | None
    price_version: str
    credits: Amount
    llm_calls: int | None
    tool_calls: int | None
    files_modified: int | None
    retries: int | None
    error_type: str
    error_severity: str
    error_category: str
    error_message: str
    recovered: bool | None
    recovery_ms: int | None
    tags: Mapping[str, str]
    deleted: bool


class NewRunFields(RunFields, total=False):
    """What may be said when a run begins; these make its identity and never change after."""

    run_id: str
    workspace_id: str
    started_at: datetime


class FeedbackFields(TypedDict, total=False):
    """What may be said in feedback beside the run and the rating."""

    feedback_id: str
    workspace_id: str
    agent_id: str
    user_id: str
    comment: str
    category: str
    sentiment: str
    sentiment_score: float | None
    created_at: datetime


class LifecycleFields(TypedDict, total=False):
    """What may be said about an agent's change of state beside the new state."""

    event_id: str
    workspace_id: str
    agent_id: str
    from_state: str
    reason: str
    actor: str
    at: datetime


class ActivityFields(TypedDict, total=False):
    """What may be said about a user's activity beside its name and the user."""

    event_id: str
    workspace_id: str
    session_id: str
    at: datetime
    revenue_usd: Amount
    properties: Mapping[str, str]

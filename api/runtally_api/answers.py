"""The shapes of the answers, as the OpenAPI document shows them (CONTRACT section 3)."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Money = Annotated[str | None, Field(description="Decimal text, null when no cost is known.", examples=["0.31"])]


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Coverage(Answer):
    """How many of the runs have a known duration, token count and cost."""

    runs: int
    cost: int
    duration: int
    tokens: int


class DataRange(Answer):
    first: str
    last: str


class Meta(Answer):
    """What the answer is about and what it holds."""

    from_: Annotated[str, Field(alias="from")]
    to: str
    timezone: str
    data_as_of: Annotated[str | None, Field(description="Last acknowledged insert that the answer holds.")]
    freshness_seconds: Annotated[float | None, Field(description="Age of data_as_of.")]
    truncated: Annotated[bool, Field(description="Whether agents were folded into `other`.")]
    hides_failures: Annotated[bool, Field(description="Whether the filters leave failed or timed_out runs out.")]
    coverage: Coverage
    data_range: Annotated[
        DataRange | None,
        Field(description="First and last start of the runs that match the filters, in any range."),
    ]


class StatusCounts(Answer):
    queued: int
    running: int
    stalled: int
    succeeded: int
    failed: int
    timed_out: int
    cancelled: int
    unknown: int


class KnownCounts(Answer):
    duration: int
    tokens: int
    cost: int


class Totals(Answer):
    runs: int
    root_runs: int
    status_counts: StatusCounts
    success_rate: float | None
    success_rate_all: float | None
    avg_duration_ms: float | None
    input_tokens: int | None
    output_tokens: int | None
    total_tokens: int | None
    cost_usd: Money
    coverage: KnownCounts


class AgentTotals(Totals):
    workspace_id: str | None
    agent_id: str | None
    agent_name: str | None
    other: bool | None = None


class AgentDay(Answer):
    date: str
    workspace_id: str | None
    agent_id: str | None
    other: bool | None = None
    runs: int
    succeeded: int
    failed: int
    cost_usd: Money


class AgentsAnalytics(Answer):
    runs_per_day: list[AgentDay]
    agents: list[AgentTotals]
    totals: Totals
    meta: Meta


class UsageDay(Answer):
    date: str
    messages: int
    tokens: int
    sessions: int


class Usage(Answer):
    total_messages: int
    total_tokens: int
    total_sessions: int
    avg_response_time_ms: float | None
    daily_usage: list[UsageDay]
    meta: Meta


class AgentUsage(Answer):
    name: str | None
    workspace_id: str | None
    other: bool | None = None
    usage_count: int
    total_tokens: int
    avg_response_time_ms: float | None
    error_count: int
    error_rate: float


class AgentsUsage(Answer):
    agents: list[AgentUsage]
    total_calls: int
    meta: Meta


class ModelUsage(Answer):
    model_id: str
    model_name: str
    usage_count: int
    total_tokens: int


class ModelsUsage(Answer):
    models: list[ModelUsage]
    total_usage: int
    meta: Meta


class Summary(Answer):
    total_messages: int
    active_sessions: int
    total_tokens: int
    avg_response_time_ms: float | None
    meta: Meta


class RunPage(Answer):
    data: list[dict[str, Any]]
    next_cursor: str | None
    has_more: bool
    meta: Meta


class AcceptedItem(Answer):
    index: int
    run_id: str | None = None
    id: str


class Warning_(Answer):
    index: int
    field: str
    message: str


class Accepted(Answer):
    """Every item is acknowledged by the broker."""

    accepted: int
    rejected: int
    runs: list[AcceptedItem]
    warnings: list[Warning_]
    queryable: bool | None = None

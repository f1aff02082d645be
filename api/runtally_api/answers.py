"""The shapes of the answers, as the OpenAPI document shows them (CONTRACT section 3)."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from runtally.fields import COST_SOURCES, STATUSES

Money = Annotated[
    str | None,
    Field(description="Decimal text, null when none is known.", examples=["0.31"], pattern=r"^[0-9]+(\.[0-9]*[1-9])?$"),
]
Instant = Annotated[str, Field(description="RFC 3339 in UTC.", json_schema_extra={"format": "date-time"}, pattern="Z$")]
Day = Annotated[str, Field(description="A day of `timezone`.", json_schema_extra={"format": "date"})]


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Coverage(Answer):
    """How many of the runs have a known duration, token count and cost."""

    runs: int
    cost: int
    duration: int
    tokens: int


class DataRange(Answer):
    first: Instant
    last: Instant


class Meta(Answer):
    """What the answer is about and what it holds."""

    from_: Annotated[Instant, Field(alias="from")]
    to: Instant
    timezone: str
    data_as_of: Annotated[Instant | None, Field(description="Last acknowledged insert that the answer holds.")]
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
    date: Day
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
    date: Day
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


class MeasureEntry(Answer):
    name: str
    meaning: str
    unit: str
    format: Annotated[
        str, Field(json_schema_extra={"enum": ["count", "money", "duration", "share", "number", "instant"]})
    ]
    kind: Annotated[
        str,
        Field(json_schema_extra={"enum": ["count", "sum", "average", "rate", "distinct", "percentile", "instant"]}),
    ]
    type: Annotated[
        str, Field(description="decimal is text in JSON", examples=["integer", "number", "decimal", "datetime"])
    ]
    approximate: Annotated[str | None, Field(description="How far off it may be; null where it is exact.")]


class DimensionEntry(Answer):
    name: str
    meaning: str
    type: str
    groups: Annotated[bool, Field(description="Whether one can group by it, not only filter.")]


class Catalogue(Answer):
    measures: list[MeasureEntry]
    dimensions: list[DimensionEntry]
    granularities: list[str]
    comparisons: list[str]


class QueryTotals(BaseModel):
    """The measures, by their names."""

    model_config = ConfigDict(extra="allow")

    compare: Annotated[dict[str, Any] | None, Field(description="The measures in the period compared with.")] = None
    change: Annotated[dict[str, float | None] | None, Field(description="(now - then) / then.")] = None


class QueryRow(QueryTotals):
    """`time` with a granularity, the dimensions and `other` with dimensions, and the measures, by their names."""

    time: Annotated[str | None, Field(description="When the step begins, by the zone's clocks.")] = None
    other: Annotated[bool, Field(description="Whether this is the rest of the groups, together.")] = False


class QueryColumn(Answer):
    name: str
    kind: Annotated[str, Field(json_schema_extra={"enum": ["time", "dimension", "group", "measure"]})]
    type: str
    unit: str | None


class MeasureCoverage(Answer):
    """Of how many of the runs the value is known."""

    known: int
    runs: int


class ComparedRange(Answer):
    from_: Annotated[Instant, Field(alias="from")]
    to: Instant


class QueryMeta(Answer):
    """`meta` as everywhere; `coverage` by measure."""

    from_: Annotated[Instant, Field(alias="from")]
    to: Instant
    timezone: str
    data_as_of: Instant | None
    freshness_seconds: float | None
    truncated: Annotated[bool, Field(description="Whether there were more groups than the limit.")]
    hides_failures: bool
    coverage: dict[str, MeasureCoverage]
    data_range: DataRange | None
    query_id: str
    rows: int
    granularity: str
    approximate: Annotated[dict[str, str], Field(description="The measures that are not exact.")]
    relation: Annotated[
        str,
        Field(
            description="Exact each: `run_facts` cells, `session_facts` those of users and sessions, `run_cells` runs, "
            "`merged_error_runs` those with errors."
        ),
    ]
    source: Annotated[
        str,
        Field(
            description="Whether cells came out of rollups, merged raw rows, or both; all exact.",
            json_schema_extra={"enum": ["rollup", "raw", "mixed"]},
        ),
    ]
    buckets: Annotated[
        dict[str, int],
        Field(
            description="What cells were read from: how many rolled-up buckets of each width (`day`, `hour`, "
            "`quarter_hour`), and how many quarter hours run by run (`raw`). Empty for single runs, and for "
            "callers bound to workspaces."
        ),
    ]
    compare: ComparedRange | None = None


class QueryAnswer(Answer):
    data: list[QueryRow]
    columns: list[QueryColumn]
    totals: Annotated[QueryTotals, Field(description="Over the whole range, of the groups beyond the limit, too.")]
    meta: QueryMeta


class Run(Answer):
    """A run as it was published (CONTRACT 1), empty strings and nulls where something is not known."""

    run_id: Annotated[str, Field(description="As given by its producer.")]
    id: Annotated[str, Field(description="The stored key, a UUIDv7.", json_schema_extra={"format": "uuid"})]
    workspace_id: str
    agent_id: str
    agent_name: str
    status: Annotated[str, Field(json_schema_extra={"enum": list(STATUSES)})]
    stalled: Annotated[bool, Field(description="Still running long after its start.")]
    started_at: Instant
    updated_at: Instant
    finished_at: Instant | None
    handed_off_at: Instant | None
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
    total_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: Money
    cost_source: Annotated[str, Field(json_schema_extra={"enum": list(COST_SOURCES)})]
    price_version: str
    credits: Money
    llm_calls: int | None
    tool_calls: int | None
    files_modified: int | None
    retries: int | None
    error_type: str
    error_severity: str
    error_category: str
    error_message: Annotated[str, Field(description="In lists its first hundred characters, and an ellipsis.")]
    recovered: bool | None
    recovery_ms: int | None
    tags: dict[str, str]
    clock_skew: Annotated[bool, Field(description="It says that it finished before it started.")]
    deleted: Literal[False]


class RunDetail(Run):
    meta: Meta


class RunPageMeta(Meta):
    drawn_from: Annotated[
        int | None, Field(description="With `sample`: how many runs match, of which these are drawn. Else null.")
    ] = None


class RunPage(Answer):
    data: list[Run]
    next_cursor: str | None
    has_more: bool
    meta: RunPageMeta


class AcceptedRun(Answer):
    index: Annotated[int, Field(description="Place of the item in the request.")]
    run_id: str
    id: Annotated[str, Field(description="The stored key, a UUIDv7.", json_schema_extra={"format": "uuid"})]


class AcceptedFeedbackItem(Answer):
    index: int
    feedback_id: str
    id: str


class AcceptedEvent(Answer):
    index: int
    event_id: str
    id: str


class Warning_(Answer):
    index: int
    field: str
    message: str


class Accepted(Answer):
    """Every item is acknowledged by the broker."""

    accepted: int
    rejected: int
    warnings: list[Warning_]
    queryable: Annotated[
        bool | None, Field(description="With `Prefer: wait`: whether the items can be queried already.")
    ] = None


class AcceptedRuns(Accepted):
    runs: list[AcceptedRun]


class AcceptedFeedback(Accepted):
    feedback: list[AcceptedFeedbackItem]


class AcceptedLifecycle(Accepted):
    lifecycle: list[AcceptedEvent]


class AcceptedActivity(Accepted):
    activity: list[AcceptedEvent]

"""The API's answers as the dashboard reads them: the fields it uses, others ignored."""

from datetime import date, datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """Frozen, and deaf to fields it does not know: answers only ever gain fields."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Coverage(Answer):
    """Of how many runs a figure is known. `runs` is absent in an agent's own coverage."""

    runs: int = 0
    cost: int = 0
    duration: int = 0
    tokens: int = 0


class StatusCounts(Answer):
    """Runs by what became of them."""

    queued: int = 0
    running: int = 0
    stalled: int = 0
    succeeded: int = 0
    failed: int = 0
    timed_out: int = 0
    cancelled: int = 0
    unknown: int = 0

    @property
    def errors(self) -> int:
        """What the contract calls an error: failed or timed out."""
        return self.failed + self.timed_out

    @property
    def ended(self) -> int:
        """The denominator of `success_rate`."""
        return self.succeeded + self.errors + self.cancelled


class Totals(Answer):
    """The figures of all runs that match, or of one agent's."""

    runs: int = 0
    root_runs: int = 0
    status_counts: StatusCounts = StatusCounts()
    success_rate: float | None = None
    avg_duration_ms: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cost_usd: Decimal | None = None
    coverage: Coverage = Coverage()


class Agent(Totals):
    """One agent of one workspace; the folded rest has no ids and says `other`."""

    workspace_id: str | None = None
    agent_id: str | None = None
    agent_name: str | None = None
    other: bool = False


class DailyRuns(Answer):
    """One agent on one day. `failed` includes timed out."""

    date: date
    workspace_id: str | None = None
    agent_id: str | None = None
    other: bool = False
    runs: int = 0
    succeeded: int = 0
    failed: int = 0
    cost_usd: Decimal | None = None


class DataRange(Answer):
    """First and last run that match the filters, whatever the range asked for."""

    first: datetime
    last: datetime


class Meta(Answer):
    """What the answer says about itself."""

    data_as_of: datetime | None = None
    truncated: bool = False
    hides_failures: bool = False
    coverage: Coverage = Coverage()
    data_range: DataRange | None = None


class Analytics(Answer):
    """`GET /api/agents/analytics`."""

    runs_per_day: list[DailyRuns] = Field(default_factory=list)
    agents: list[Agent] = Field(default_factory=list)
    totals: Totals = Totals()
    meta: Meta = Meta()


class Model(Answer):
    """One model by use."""

    model_id: str
    usage_count: int = 0


class Models(Answer):
    """`GET /api/v1/analytics/models`."""

    models: list[Model] = Field(default_factory=list)

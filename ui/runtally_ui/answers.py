"""The API's answers as the dashboard reads them: the fields it uses, others ignored."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """Frozen, and deaf to fields it does not know: answers only ever gain fields."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @property
    def as_of(self) -> datetime | None:
        """Up to when it holds everything, where it says so."""
        found: datetime | None = getattr(getattr(self, "meta", None), "data_as_of", None)
        return found


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


class Known(Answer):
    """Of how many runs a measure is known."""

    known: int = 0
    runs: int = 0


class QueryMeta(Answer):
    """What the answer to a query says about itself. `granularity` is what `auto` became."""

    data_as_of: datetime | None = None
    truncated: bool = False
    hides_failures: bool = False
    granularity: str = "none"
    approximate: dict[str, Any] = Field(default_factory=dict)
    coverage: dict[str, Any] = Field(default_factory=dict)
    data_range: DataRange | None = None

    def known(self, measure: str) -> Known | None:
        """Of how many runs the measure is known; None where the answer does not say, as it is of all."""
        found = self.coverage.get(measure)
        return Known.model_validate(found) if isinstance(found, dict) else None


@dataclass(frozen=True, slots=True)
class QueryRow:
    """One group at one step of time. `cells` holds dimensions and measures as the API wrote them."""

    cells: dict[str, Any]

    @property
    def time(self) -> datetime | None:
        """The start of the step in the question's zone."""
        found = self.cells.get("time")
        return datetime.fromisoformat(found) if found else None

    @property
    def other(self) -> bool:
        """Whether this is the folded rest."""
        return bool(self.cells.get("other"))

    def text(self, dimension: str) -> str:
        """The group's value; empty where runs have none."""
        found = self.cells.get(dimension)
        return "" if found is None else str(found)

    @property
    def before(self) -> "QueryRow":
        """The same of the period compared with; empty without one."""
        return QueryRow(cells=self.cells.get("compare") or {})

    def number(self, measure: str) -> float | None:
        return _number(self.cells.get(measure))

    def exact(self, measure: str) -> Decimal | None:
        """The measure to its last digit."""
        return _decimal(self.cells.get(measure))

    def earlier(self, measure: str) -> float | None:
        """The measure in the period compared with."""
        return self.before.number(measure)


def _number(value: Any) -> float | None:
    if type(value) in (int, float):  # nearly all are; money comes as text
        return float(value) if isfinite(value) else None
    found = _decimal(value)
    return None if found is None else float(found)


def _decimal(value: Any) -> Decimal | None:
    try:
        found = None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found is not None and found.is_finite() else None


class QueryAnswer(Answer):
    """`POST /api/v1/query`."""

    data: list[dict[str, Any]]
    totals: dict[str, Any] = Field(default_factory=dict)
    meta: QueryMeta = QueryMeta()

    @property
    def rows(self) -> list[QueryRow]:
        return [QueryRow(cells=cells) for cells in self.data]

    def only(self, *measures: str) -> "QueryAnswer":
        """An answer by time with these measures alone, of its own range: what one of several charts draws of it."""
        kept = ("time", *measures)
        data = [{name: row[name] for name in kept if name in row} for row in self.data]
        return self.model_copy(update={"data": data})

    @property
    def total(self) -> QueryRow:
        """All groups over the whole range; empty where there is nothing."""
        return QueryRow(cells=self.totals)


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


class RunPage(QueryAnswer):
    """`GET /api/v1/runs`: one row per run, every field of the contract."""

    next_cursor: str | None = None
    has_more: bool = False


class ErrorLists(Answer):
    """`GET /api/v1/errors`: what is said of runs with errors by type, category, severity, the most frequent first."""

    by_type: list[dict[str, Any]] = Field(default_factory=list)
    by_category: list[dict[str, Any]] = Field(default_factory=list)
    by_severity: list[dict[str, Any]] = Field(default_factory=list)
    meta: QueryMeta = QueryMeta()


class ErrorPatterns(Answer):
    """`GET /api/v1/errors/patterns`: groups of runs that hold more of the errors than of the runs."""

    by_hour: list[dict[str, Any]] = Field(default_factory=list)
    by_agent: list[dict[str, Any]] = Field(default_factory=list)
    by_model: list[dict[str, Any]] = Field(default_factory=list)
    by_version: list[dict[str, Any]] = Field(default_factory=list)
    meta: QueryMeta = QueryMeta()


class RunRecord(Answer):
    """`GET /api/v1/runs/{run_id}`, every field of it, those of later versions too."""

    model_config = ConfigDict(frozen=True, extra="allow")

    meta: QueryMeta = QueryMeta()

    @property
    def row(self) -> QueryRow:
        return QueryRow(cells=self.model_extra or {})

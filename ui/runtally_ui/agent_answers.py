"""The API's answers about agents: the list, one agent's parts, and how long runs took."""

from datetime import datetime
from typing import Any

from pydantic import Field

from runtally_ui import formats
from runtally_ui.answers import Answer, QueryAnswer, QueryMeta, QueryRow, RunPage
from runtally_ui.api_client import ApiError, Broken, Forbidden, Refused


class AgentList(RunPage):
    """`GET /api/v1/agents`: one row per agent, with the cursor of the next page."""


class FailedPart(Answer):
    """Why a part of an agent's analytics is null."""

    part: str
    status: int = 500
    detail: str = ""


class Comparison(Answer):
    """A measure of the agent beside its workspace and the period before."""

    measure: str
    value: Any = None
    workspace_average: Any = None
    first_is: str = "highest"
    rank: int | None = None
    ranked_agents: int = 0
    percentile: float | None = None
    previous: Any = None

    @property
    def row(self) -> QueryRow:
        """The three figures as numbers can be read from a row."""
        return QueryRow(
            cells={"value": self.value, "workspace_average": self.workspace_average, "previous": self.previous}
        )


class AgentAnalytics(Answer):
    """`GET /api/v1/agents/{id}/analytics`. A part is None when it failed; `failed_parts` says why."""

    workspace_id: str
    agent_id: str
    agent_name: str | None = None
    first_run_at: datetime | None = None
    last_run_at: datetime | None = None
    resources: dict[str, Any] | None = None
    errors: dict[str, Any] | None = None
    users: dict[str, Any] | None = None
    comparisons: list[Comparison] | None = None
    failed_parts: list[FailedPart] = Field(default_factory=list)
    meta: QueryMeta = QueryMeta()

    def part(self, name: str) -> QueryRow | ApiError:
        """The figures of a part, or why there are none."""
        found: dict[str, Any] | None = getattr(self, name)
        return self.failure(name) if found is None else QueryRow(cells=found)

    def rows(self, name: str, member: str) -> QueryAnswer | ApiError:
        """The rows within a part, such as the models of `resources`."""
        found: dict[str, Any] | None = getattr(self, name)
        return self.failure(name) if found is None else QueryAnswer(data=found.get(member) or [], meta=self.meta)

    def compared(self) -> QueryAnswer | ApiError:
        """The comparisons as rows, for a table and its downloads."""
        if self.comparisons is None:
            return self.failure("comparisons")
        return QueryAnswer(data=[entry.model_dump() for entry in self.comparisons], meta=self.meta)

    def failure(self, name: str) -> ApiError:
        """Why the part of that name is null, as the API would say it of a whole answer."""
        why = next((entry for entry in self.failed_parts if entry.part == name), FailedPart(part=name))
        kind: type[ApiError] = Broken if why.status >= 500 else Refused
        kind = Forbidden if why.status in (401, 403) else kind
        return kind("This part could not be computed", why.detail or "The API does not say why; the others stand.")


class Bar(Answer):
    """The runs that took at least `from_ms` and less than `to_ms`."""

    from_ms: int
    to_ms: int
    runs: int = 0

    def words(self) -> str:
        """`1.2 s to 1.4 s`."""
        return f"{formats.duration(self.from_ms)} to {formats.duration(self.to_ms)}"


class Durations(Answer):
    """Percentiles and the histogram of one kind of time; percentiles are None where nothing is known."""

    known_runs: int = 0
    avg_duration_ms: float | None = None
    p50_duration_ms: float | None = None
    p90_duration_ms: float | None = None
    p95_duration_ms: float | None = None
    p99_duration_ms: float | None = None
    histogram: list[Bar] = Field(default_factory=list)


class Latency(Answer):
    """`GET /api/v1/latency`."""

    runs: int = 0
    duration: Durations = Durations()
    meta: QueryMeta = QueryMeta()

    def bars(self) -> QueryAnswer:
        """The histogram as rows, for its downloads."""
        return QueryAnswer(data=[bar.model_dump() for bar in self.duration.histogram])

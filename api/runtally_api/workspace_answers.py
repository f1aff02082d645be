"""What `/workspaces`, a workspace's summary and its health hold: measures and shapes."""

from typing import Annotated, Final, Literal

from pydantic import Field
from runtally_clickhouse.measures.definitions import STATUSES

from runtally_api.answers import Answer
from runtally_api.measured_answers import NamedMeta, compared, measured, shape
from runtally_api.workspace_health import HEALTH_MEASURES

WORKSPACE_MEASURES: Final = (
    *("runs", "root_runs", *STATUSES, "errors", "success_rate", "success_rate_all", "failure_rate"),
    *("avg_duration_ms", "p95_duration_ms", "total_tokens", "cost_usd", "cost_coverage"),
    *("active_agents", "active_users", "sessions", "first_run_at", "last_run_at"),
)
BY_GROUP: Final = ("runs", "errors", "success_rate", "avg_duration_ms", "total_tokens", "cost_usd")
BY_DAY: Final = ("runs", "succeeded", "errors", "total_tokens", "cost_usd")

WORKSPACE_LIST: Final = shape(
    "WorkspaceList",
    data=list[measured("ListedWorkspace", WORKSPACE_MEASURES, workspace_id=str)],  # type: ignore[misc]
    totals=measured("ListedWorkspacesTotals", WORKSPACE_MEASURES, "Over all workspaces, those of other pages too."),
    next_cursor=str | None,
    has_more=bool,
    meta=NamedMeta,
)
WORKSPACE_SUMMARY: Final = measured(
    "WorkspaceSummary",
    WORKSPACE_MEASURES,
    "A workspace beside the period before it, its days, and its busiest agents and models.",
    workspace_id=str,
    **compared("WorkspaceSummary", WORKSPACE_MEASURES),
    series=list[measured("WorkspaceDay", BY_DAY, time=str)],  # type: ignore[misc]
    agents=list[measured("WorkspaceAgent", BY_GROUP, agent_id=str | None, other=bool)],  # type: ignore[misc]
    models=list[measured("WorkspaceModel", BY_GROUP, model=str | None, other=bool)],  # type: ignore[misc]
    meta=NamedMeta,
)
_Score = Annotated[float | None, Field(ge=0, le=100)]


class HealthPart(Answer):
    """A part that is null leaves its weight to the others."""

    name: str
    score: _Score
    weight: int
    meaning: str


WORKSPACE_HEALTH: Final = shape(
    "WorkspaceHealth",
    "0 to 100; null without runs.",
    workspace_id=str,
    score=_Score,
    status=Literal["healthy", "degraded", "unhealthy"] | None,
    parts=list[HealthPart],
    values=measured("HealthValues", HEALTH_MEASURES),
    previous=measured("HealthValuesBefore", HEALTH_MEASURES),
    meta=NamedMeta,
)

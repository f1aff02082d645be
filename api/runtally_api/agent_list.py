"""What `/agents` and an agent's analytics hold: measures, shapes, names and times of agents. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any, Final, Literal

from runtally_clickhouse.client import Row
from runtally_clickhouse.measures.asking import AnswerRow, Key
from runtally_clickhouse.measures.definitions import STATUSES

from runtally_api import agent_parts as parts
from runtally_api.answers import Instant
from runtally_api.formats import instant
from runtally_api.measured_answers import NamedMeta, measured, shape
from runtally_api.saved_questions import shown

AGENT_MEASURES: Final = (
    *("runs", "root_runs", *STATUSES, "errors", "success_rate", "success_rate_all", "failure_rate"),
    *("avg_duration_ms", "p50_duration_ms", "p95_duration_ms", "p99_duration_ms"),
    *("input_tokens", "output_tokens", "total_tokens", "cost_usd", "cost_per_run_usd", "cost_coverage"),
)
_AGENT: Final[Mapping[str, Any]] = {
    "workspace_id": str,
    "agent_id": str,
    "agent_name": str,
    "first_run_at": Instant | None,
    "last_run_at": Instant | None,
}
AGENT_LIST: Final = shape(
    "AgentList",
    data=list[measured("ListedAgent", AGENT_MEASURES, **_AGENT)],  # type: ignore[misc] # a model made here
    totals=measured("ListedAgentsTotals", AGENT_MEASURES, "Over all agents, those of other pages too."),
    next_cursor=str | None,
    has_more=bool,
    meta=NamedMeta,
)
_Value = int | float | str | None
_COMPARISON: Final = shape(
    "AgentComparison",
    "A measure of the agent beside its workspace and the period before.",
    measure=str,
    value=_Value,
    workspace_average=_Value,
    first_is=Literal["highest", "lowest"],
    rank=int | None,
    ranked_agents=int,
    percentile=float | None,
    previous=_Value,
    change=float | None,
)
_FAILED_PART: Final = shape("FailedPart", "Why a part is null.", part=str, type=str, status=int, detail=str)


def _rows(name: str, measures: tuple[str, ...], **fields: Any) -> Any:
    return list[measured(name, measures, **fields)]  # type: ignore[misc] # a model made here


AGENT_ANALYTICS: Final = shape(
    "AgentAnalytics",
    **_AGENT,
    performance=measured("AgentPerformance", parts.PERFORMANCE, series=_rows("AgentSeriesRow", parts.SERIES, time=str))
    | None,
    resources=measured(
        "AgentResources", parts.RESOURCES, models=_rows("AgentModel", parts.BY_MODEL, model=str | None, other=bool)
    )
    | None,
    errors=measured(
        "AgentErrors",
        parts.ERRORS,
        types=_rows("AgentErrorType", parts.BY_ERROR, error_type=str | None, other=bool, share=float | None),
    )
    | None,
    users=measured("AgentUsers", parts.USERS, users=_rows("AgentUser", parts.BY_USER, user_id=str | None, other=bool))
    | None,
    comparisons=list[_COMPARISON] | None,  # type: ignore[valid-type] # a model made here
    failed_parts=list[_FAILED_PART],  # type: ignore[valid-type] # a model made here
    meta=NamedMeta,
)


def agent_fields(row: Row) -> dict[str, Any]:
    """Who an agent is, and when its first and last run began."""
    return {
        "workspace_id": row["workspace_id"],
        "agent_id": row["agent_id"],
        "agent_name": row["agent_name"],
        "first_run_at": instant(row["first"].replace(tzinfo=UTC)),
        "last_run_at": instant(row["last"].replace(tzinfo=UTC)),
    }


def listed_agents(groups: Iterable[AnswerRow], seen: Iterable[Row]) -> list[dict[str, Any]]:
    """The agents of a page. One that came in after `seen` was read has no name and times yet."""
    names: dict[Key, dict[str, Any]] = {(row["workspace_id"], row["agent_id"]): agent_fields(row) for row in seen}
    return [
        {**names.get(row.group.key or (), _unseen(row.group.key or ())), **shown(row.values, AGENT_MEASURES)}
        for row in groups
    ]


def _unseen(key: Key) -> dict[str, Any]:
    workspace_id, agent_id = key
    return {
        **dict.fromkeys(_AGENT),
        "workspace_id": workspace_id,
        "agent_id": agent_id,
        "agent_name": "",
    }

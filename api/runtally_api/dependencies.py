"""What endpoints ask for: the parts made at start, and the question that a request's parameters mean."""

from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import Depends, Query, Request
from runtally.fields import STATUSES
from runtally_clickhouse import row_bounds
from runtally_clickhouse.catalogue import RunFilters, RunScope
from runtally_clickhouse.client import BoundStore, Reader, Store, Unmerged
from runtally_clickhouse.measures.group_counts import GroupCounts
from runtally_clickhouse.measures.kept_state import KeptState
from runtally_clickhouse.measures.state_first import StateFirst

from runtally_api.answer_cache import AnswerCache, AnsweringReader
from runtally_api.consumer_lag import LagSource, NoLag
from runtally_api.fairness.pacing import PacedReader
from runtally_api.identity.access_parts import AccessParts
from runtally_api.identity.authentication import Authenticator
from runtally_api.identity.caller import Caller
from runtally_api.identity.permissions import Permission
from runtally_api.problems import FieldError, Forbidden, InvalidRequest, Unauthorized
from runtally_api.publishing import Publisher
from runtally_api.ranges import TimeRange, resolve_open_range, resolve_range
from runtally_api.settings import ApiSettings
from runtally_api.timing import RequestTimes, TimedReader

RECENT = timedelta(minutes=5)
FILTERABLE_STATUSES = (*STATUSES, "stalled")


@dataclass(frozen=True, slots=True)
class ApiParts:
    """What the composition root made, and for a request what it asks with."""

    settings: ApiSettings
    store: Store
    publisher: Publisher
    readiness: tuple[Callable[[], str | None], ...]
    now: Callable[[], datetime]
    cache: AnswerCache | None = None
    pool: Executor | None = None
    asking: Reader | None = None
    bound: Unmerged | None = None
    times: RequestTimes | None = None
    _: KW_ONLY
    authenticator: Authenticator
    access: AccessParts | None = None
    lag: LagSource = field(default_factory=NoLag)
    group_counts: GroupCounts = field(default_factory=GroupCounts)
    kept_state: KeptState = field(default_factory=KeptState)

    @property
    def reader(self) -> Reader:
        """What questions are asked with."""
        return self.asking or self.store

    @property
    def unmerged(self) -> Unmerged:
        """What rows are looked at with as they lie there."""
        return self.bound or self.store


async def caller_of_request(request: Request) -> Caller:
    """Who asks, as `identity.access.Authenticated` found out before the request was read."""
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None:
        raise Unauthorized
    return caller


RequestCaller = Annotated[Caller, Depends(caller_of_request)]


def requires(permission: Permission) -> Callable[[Caller], Coroutine[None, None, None]]:
    """A dependency that answers 403 to a caller without the permission."""

    async def check(caller: RequestCaller) -> None:
        if not caller.may(permission):
            raise Forbidden(permission)

    return check


async def visible_workspaces(caller: RequestCaller) -> frozenset[str] | None:
    """The workspaces that the caller may see. None is all."""
    return caller.workspaces


def _parts(request: Request, caller: RequestCaller) -> ApiParts:
    """The parts as this request asks with them.

    What the caller sees binds its questions twice: by the store, here, and in their own text, by `visible_workspaces`.
    """
    parts: ApiParts = request.app.state.parts
    times: RequestTimes = request.state.times
    bound = parts.store.bound_to(caller.workspaces)
    paced = bound if parts.authenticator.is_open else _paced(request, bound, caller)
    timed = TimedReader(paced, times)
    reader = StateFirst(timed, parts.settings.max_query_seconds, kept=parts.kept_state)
    if parts.cache is None:
        return replace(parts, bound=bound, asking=reader, times=times)
    asker = row_bounds.written(caller.workspaces)
    answers = AnsweringReader(reader, parts.cache, asker, beneath=timed, forget=reader.forget)
    request.state.answers = answers
    return replace(parts, bound=bound, asking=answers, times=times)


def _paced(request: Request, bound: BoundStore, caller: Caller) -> PacedReader:
    """Statements that know whether another tenant has taken more of late."""
    parts: ApiParts = request.app.state.parts
    return PacedReader(bound, request.app.state.fairness.turns, caller.workspaces, parts.settings.tenant_threads)


Parts = Annotated[ApiParts, Depends(_parts)]
VisibleWorkspaces = Annotated[frozenset[str] | None, Depends(visible_workspaces)]
Names = Annotated[list[str], Query()]


def _filters(
    workspace_id: Names = [],  # noqa: B006 - FastAPI copies the default for each request
    agent_id: Names = [],  # noqa: B006
    model: Names = [],  # noqa: B006
    status: Annotated[list[str], Query(description=f"Any of {', '.join(FILTERABLE_STATUSES)}")] = [],  # noqa: B006
    user_id: Names = [],  # noqa: B006
    environment: Names = [],  # noqa: B006
    root_only: Annotated[bool, Query(description="Leave out the runs that another run started.")] = False,
) -> RunFilters:
    for name in status:
        if name not in FILTERABLE_STATUSES:
            remedy = f"send one of {', '.join(FILTERABLE_STATUSES)}"
            raise InvalidRequest(FieldError("status", f"unknown status '{name[:60]}'", remedy))
    return RunFilters(
        workspace_id=tuple(workspace_id),
        agent_id=tuple(agent_id),
        model=tuple(model),
        status=tuple(status),
        user_id=tuple(user_id),
        environment=tuple(environment),
        root_only=root_only,
    )


Filters = Annotated[RunFilters, Depends(_filters)]


@dataclass(frozen=True, slots=True)
class RunQuery:
    """A question about runs: which ones, when, and at which moment it was asked."""

    scope: RunScope
    time: TimeRange
    now: datetime


def _bound_query(
    parts: ApiParts, workspaces: frozenset[str] | None, filters: RunFilters, time: TimeRange, now: datetime
) -> RunQuery:
    scope = RunScope(
        workspaces=workspaces,
        stalled_before=now - parts.settings.stalled_after,
        start=time.start,
        end=time.end,
        filters=filters,
    )
    return RunQuery(scope, time, now)


From = Annotated[str | None, Query(alias="from", description="Instant, local date, or -24h, -7d, -30d.")]
To = Annotated[str | None, Query(description="As `from`; an instant is exclusive, a date includes its day.")]
Timezone = Annotated[str | None, Query(description="IANA name of the zone whose days are meant.")]


def _ranged(
    parts: Parts,
    workspaces: VisibleWorkspaces,
    filters: Filters,
    from_: From = None,
    to: To = None,
    timezone: Timezone = None,
) -> RunQuery:
    now = parts.now()
    time = resolve_range(from_, to, timezone, now, parts.settings.max_range)
    return _bound_query(parts, workspaces, filters, time, now)


def _ranged_with_aliases(
    parts: Parts,
    workspaces: VisibleWorkspaces,
    filters: Filters,
    from_: From = None,
    to: To = None,
    timezone: Timezone = None,
    start_date: Annotated[str | None, Query(description="Alias of `from`.")] = None,
    end_date: Annotated[str | None, Query(description="Alias of `to`.")] = None,
) -> RunQuery:
    return _ranged(parts, workspaces, filters, from_ or start_date, to or end_date, timezone)


def _unranged(
    parts: Parts,
    workspaces: VisibleWorkspaces,
    filters: Filters,
    from_: From = None,
    to: To = None,
    timezone: Timezone = None,
) -> RunQuery:
    now = parts.now()
    time = resolve_open_range(from_, to, timezone, now, parts.settings.max_range)
    return _bound_query(parts, workspaces, filters, time, now)


def _momentary(parts: Parts, workspaces: VisibleWorkspaces, filters: Filters) -> RunQuery:
    now = parts.now()
    return _bound_query(parts, workspaces, filters, TimeRange(now - RECENT, now, ZoneInfo("UTC")), now)


RangedQuery = Annotated[RunQuery, Depends(_ranged)]
RangedQueryWithAliases = Annotated[RunQuery, Depends(_ranged_with_aliases)]
OpenQuery = Annotated[RunQuery, Depends(_unranged)]
RecentQuery = Annotated[RunQuery, Depends(_momentary)]
Steps = Annotated[
    Literal["auto", "minute", "quarter_hour", "hour", "day", "week", "month"],
    Query(alias="granularity", description="The steps of the series; auto fits the range."),
]
Compare = Annotated[
    Literal["previous_period", "previous_week", "previous_year"],
    Query(description="The range that the totals are compared with."),
]
AgentLimit = Annotated[int, Query(ge=1, le=1000, description="Agents listed; the others are folded into one row.")]

"""`/api/v1/erasures`: erasing a user or a workspace, as a job that the consumers do."""

from hashlib import sha256
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from fastapi import Body as RequestBody
from pydantic import BaseModel, ConfigDict, Field
from runtally_clickhouse.audit_log import Act
from runtally_clickhouse.erasing import ErasureJob, ErasurePlan, erasure_jobs, plan_erasure, request_erasure
from runtally_clickhouse.withdrawals import user_hash

from runtally_api import examples_erasures
from runtally_api.answers import Answer, Instant
from runtally_api.dependencies import Parts, RequestCaller
from runtally_api.documentation import documented
from runtally_api.formats import instant
from runtally_api.identity.access import needs
from runtally_api.identity.access_parts import Access
from runtally_api.identity.audit import origin_of
from runtally_api.identity.caller import Caller
from runtally_api.identity.permissions import Permission
from runtally_api.problems import FieldError, InvalidRequest, NotFound

router = APIRouter(prefix="/api/v1/erasures", tags=["access"], dependencies=[needs(Permission.ERASE_DATA)])
Name = Annotated[str | None, Field(min_length=1, max_length=256)]


class ErasureBody(BaseModel):
    """What to erase: a user, in one workspace or in all that the caller may see, or a workspace with all in it."""

    model_config = ConfigDict(extra="forbid")

    workspace_id: Name = None
    user_id: Name = None


class Erasure(Answer):
    """A job. Counts are stored rows by table, every version of them."""

    id: str
    state: str = Field(description="`requested`, `running`, `done`, or `failed` while rows are still there.")
    workspaces: list[str] | None = Field(description="Where; null is all workspaces.")
    whole_workspaces: bool = Field(description="Whether everything in them goes, or what names one user.")
    before: Instant = Field(description="What began before goes, whenever it is published.")
    requested_at: Instant
    requested_by: str
    updated_at: Instant
    rows_before: dict[str, int]
    rows_after: dict[str, int] | None = Field(description="Null until they are counted.")
    reason: str = Field(description="Why it failed; it is tried again.")


class Erasures(Answer):
    """Jobs, the newest first."""

    data: list[Erasure]
    has_more: bool


GivenErasure = Annotated[ErasureBody, RequestBody(openapi_examples={"user": {"value": examples_erasures.BODY}})]


@router.post(
    "",
    status_code=202,
    response_model=Erasure,
    responses=documented(
        examples_erasures.ERASURE, 404, 422, 503, status=202, problems={404: examples_erasures.NO_WORKSPACE}
    ),
)
def request_an_erasure(
    request: Request, parts: Parts, access: Access, caller: RequestCaller, body: GivenErasure
) -> dict[str, Any]:
    """Erase a user or a workspace for good; the job's state and counts are at its id."""
    if body.workspace_id is None and body.user_id is None:
        remedy = "send user_id, workspace_id, or both for a user of one workspace"
        raise InvalidRequest(FieldError("user_id", "neither a user nor a workspace is named", remedy))
    workspaces = _asked(caller, body.workspace_id)
    now = parts.now()
    plan = plan_erasure(parts.unmerged, workspaces, user_hash(body.user_id) if body.user_id else "", now)
    about = frozenset(workspaces) if workspaces else None
    id = _id_of(plan, caller)
    with access.audit.around(caller, Act.ERASE, origin_of(request), workspaces=about, target=f"erasure:{id}"):
        job = request_erasure(access.store, id, plan, caller.subject, now)
    return _shown(job)


@router.get("", response_model=Erasures, responses=documented(examples_erasures.ERASURES, 422, 503))
def list_erasures(
    access: Access, caller: RequestCaller, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> dict[str, Any]:
    """Erasures of the caller's workspaces, the newest first."""
    jobs = [job for job in erasure_jobs(access.store) if _may_see(caller, job)]
    return {"data": [_shown(job) for job in jobs[:limit]], "has_more": len(jobs) > limit}


@router.get(
    "/{erasure_id}",
    response_model=Erasure,
    responses=documented(examples_erasures.ERASURE, 404, 422, 503, problems={404: examples_erasures.NO_ERASURE}),
)
def one_erasure(access: Access, caller: RequestCaller, erasure_id: Annotated[str, Path()]) -> dict[str, Any]:
    """One erasure: how far it is, and what was counted before and after."""
    try:
        found = erasure_jobs(access.store, [UUID(erasure_id)])
    except ValueError:
        found = []
    if not found or not _may_see(caller, found[0]):
        raise NotFound("no such erasure")
    return _shown(found[0])


def _asked(caller: Caller, workspace_id: str | None) -> list[str]:
    """The workspaces that are meant; none is all. Raises `NotFound` for one that the caller may not see."""
    if caller.workspaces is None:
        return [] if workspace_id is None else [workspace_id]
    wanted = sorted(caller.workspaces) if workspace_id is None else [workspace_id]
    if not wanted or not caller.workspaces.issuperset(wanted):
        raise NotFound("no such workspace")
    return wanted


def _may_see(caller: Caller, job: ErasureJob) -> bool:
    named = job.subject.workspaces
    return caller.workspaces is None or (bool(named) and caller.workspaces.issuperset(named))


def _id_of(plan: ErasurePlan, caller: Caller) -> UUID:
    """The same for whoever asks for the same once more at the same instant."""
    return UUID(bytes=sha256(repr((plan.subject, caller.subject)).encode()).digest()[:16], version=4)


def _shown(job: ErasureJob) -> dict[str, Any]:
    return {
        "id": str(job.id),
        "state": job.state,
        "workspaces": list(job.subject.workspaces) or None,
        "whole_workspaces": not job.subject.user_hash,
        "before": instant(job.subject.before),
        "requested_at": instant(job.requested_at),
        "requested_by": job.requested_by,
        "updated_at": instant(job.updated_at),
        "rows_before": dict(job.counts_before),
        "rows_after": dict(job.counts_after) or None,
        "reason": job.reason,
    }

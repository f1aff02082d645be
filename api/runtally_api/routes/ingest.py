"""`POST /api/v1/runs | feedback | lifecycle | activity` (CONTRACT 3.3): validated, then published to Kafka."""

import asyncio
import re
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from runtally.events import AgentLifecycle, Event, RunFeedback, RunSnapshot, UserActivity
from runtally_clickhouse.catalogue import all_ingested
from runtally_clickhouse.errors import StoreError
from starlette.requests import ClientDisconnect

from runtally_api import answers, examples
from runtally_api.dependencies import ApiParts, Parts, RequestCaller
from runtally_api.documentation import body_of, documented
from runtally_api.identity.access import needs
from runtally_api.identity.caller import Caller
from runtally_api.identity.permissions import Permission
from runtally_api.ingestion import MAX_BODY_BYTES, AcceptedEvent, Intake, id_field, read_items, take_in
from runtally_api.problems import Problem, Unavailable
from runtally_api.publishing import Published, PublishFailed

INLINE_BYTES = 64 * 1024  # a larger body is validated in a thread, so that it holds up no other request
DRAINED_BYTES = 4 * MAX_BODY_BYTES  # how much of a body that is too large is read, so that its sender sees the answer
LONGEST_WAIT_SECONDS = 60
POLL_SECONDS = 0.05
_WAIT = re.compile(r"""(?:^|[,;])\s*wait\s*=\s*"?(\d{1,6})"?\s*(?=$|[,;])""", re.ASCII | re.IGNORECASE)
_PROBLEMS = (400, 413, 415, 422, 503)
router = APIRouter(prefix="/api/v1", tags=["ingestion"], dependencies=[needs(Permission.INGEST_RUNS)])


@router.post(
    "/runs",
    status_code=202,
    response_model=answers.AcceptedRuns,
    responses=documented(examples.ACCEPTED_RUNS, *_PROBLEMS, status=202, problems=examples.REJECTED_RUNS),
    openapi_extra=body_of(RunSnapshot),
)
async def post_runs(request: Request, parts: Parts, caller: RequestCaller) -> JSONResponse:
    """Snapshots of runs. 202 once Kafka has acknowledged all of them; posting one again changes nothing.

    `Prefer: wait=10` answers once they can be queried, or after ten seconds with `"queryable": false`.
    """
    return await _take(request, parts, caller, RunSnapshot, "runs")


@router.post(
    "/feedback",
    status_code=202,
    response_model=answers.AcceptedFeedback,
    responses=documented(examples.ACCEPTED_FEEDBACK, *_PROBLEMS, status=202),
    openapi_extra=body_of(RunFeedback),
)
async def post_feedback(request: Request, parts: Parts, caller: RequestCaller) -> JSONResponse:
    """What users thought of runs."""
    return await _take(request, parts, caller, RunFeedback, "feedback")


@router.post(
    "/lifecycle",
    status_code=202,
    response_model=answers.AcceptedLifecycle,
    responses=documented(examples.ACCEPTED_LIFECYCLE, *_PROBLEMS, status=202),
    openapi_extra=body_of(AgentLifecycle),
)
async def post_lifecycle(request: Request, parts: Parts, caller: RequestCaller) -> JSONResponse:
    """Agents that went from one state to another."""
    return await _take(request, parts, caller, AgentLifecycle, "lifecycle")


@router.post(
    "/activity",
    status_code=202,
    response_model=answers.AcceptedActivity,
    responses=documented(examples.ACCEPTED_ACTIVITY, *_PROBLEMS, status=202),
    openapi_extra=body_of(UserActivity),
)
async def post_activity(request: Request, parts: Parts, caller: RequestCaller) -> JSONResponse:
    """What users did."""
    return await _take(request, parts, caller, UserActivity, "activity")


async def _take(request: Request, parts: ApiParts, caller: Caller, model: type[Event], noun: str) -> JSONResponse:
    body = await _read_body(request)
    content_type = request.headers.get("content-type", "")

    def parse() -> Intake:
        return take_in(model, read_items(body, content_type), parts.now(), len(body), caller.workspaces)

    intake = parse() if len(body) <= INLINE_BYTES else await asyncio.to_thread(parse)
    published = await _publish(parts, intake)
    outcome: dict[str, Any] = {
        "accepted": len(intake.accepted),
        "rejected": intake.rejected,
        noun: [_receipt(model, accepted) for accepted in intake.accepted],
        "warnings": intake.warnings,
    }
    wait = _preferred_wait(request)
    if wait is not None:
        outcome["queryable"] = not intake.accepted or await _queryable_within(parts, published, wait)
    applied = {} if wait is None else {"Preference-Applied": f"wait={wait}"}
    if intake.rejected:
        detail = f"{intake.rejected} of {len(intake.accepted) + intake.rejected} {noun} rejected"
        more = {**outcome, "errors": intake.errors}
        raise Problem(422, f"invalid-{noun}", f"Some {noun} were rejected", detail, more=more, headers=applied)
    return JSONResponse(outcome, 202, applied)


async def _publish(parts: ApiParts, intake: Intake) -> Published | None:
    if not intake.accepted:
        return None
    try:
        return await parts.publisher.publish([accepted.event for accepted in intake.accepted])
    except PublishFailed as error:
        raise Unavailable(f"not acknowledged by Kafka, safe to send again: {error}") from error


def _preferred_wait(request: Request) -> int | None:
    """The seconds of `Prefer: wait=10` (RFC 7240), bounded; a preference that can't be read is no error."""
    match = _WAIT.search(",".join(request.headers.getlist("prefer")))
    return min(int(match.group(1)), LONGEST_WAIT_SECONDS) if match else None


async def _queryable_within(parts: ApiParts, published: Published | None, seconds: int) -> bool:
    """Whether the store acknowledges all of it within the time: from then on every answer holds it."""
    if published is None:
        return False

    def ingested() -> bool:
        try:
            return all_ingested(parts.store, published.stream, published.topic, published.offsets)
        except StoreError:
            return False

    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not await asyncio.to_thread(ingested):
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(POLL_SECONDS)
    return True


async def _read_body(request: Request) -> bytes:
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        detail = f"Content-Encoding {encoding[:40]} is not supported: send the body as it is"
        accepted = {"Accept-Encoding": "identity"}
        raise Problem(415, "unsupported-media-type", "Unsupported media type", detail, headers=accepted)
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > DRAINED_BYTES:
                break
            if size <= MAX_BODY_BYTES:
                chunks.append(chunk)
    except ClientDisconnect as error:
        raise Problem(400, "incomplete", "Incomplete", "the body ended before its end") from error
    if size > MAX_BODY_BYTES:
        detail = f"the body is larger than {MAX_BODY_BYTES} bytes: send several requests"
        raise Problem(413, "too-large", "Too large", detail)
    return b"".join(chunks)


def _receipt(model: type[Event], accepted: AcceptedEvent) -> dict[str, Any]:
    name = id_field(model)
    given = getattr(accepted.event, name)
    stored = str(accepted.event.id) if isinstance(accepted.event, RunSnapshot) else given
    return {"index": accepted.index, name: given, "id": stored}

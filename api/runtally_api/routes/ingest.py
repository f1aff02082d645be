"""`POST /api/v1/runs | feedback | lifecycle | activity` (CONTRACT 3.3): validated, then published to Kafka."""

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from runtally.events import AgentLifecycle, Event, RunFeedback, RunSnapshot, UserActivity

from runtally_api.answers import Accepted
from runtally_api.dependencies import ApiParts, Parts
from runtally_api.ingestion import MAX_BODY_BYTES, AcceptedEvent, Intake, id_field, read_items, take_in
from runtally_api.problems import Problem, Unavailable
from runtally_api.publishing import PublishFailed

INLINE_BYTES = 64 * 1024  # a larger body is validated in a thread, so that it holds up no other request
router = APIRouter(prefix="/api/v1", tags=["ingestion"])


def _body_of(model: type[Event]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    either = {"oneOf": [schema, {"type": "array", "items": schema}]}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": either},
                "application/x-ndjson": {"schema": {"type": "string"}},
            },
        }
    }


@router.post("/runs", status_code=202, response_model=Accepted, openapi_extra=_body_of(RunSnapshot))
async def post_runs(request: Request, parts: Parts) -> JSONResponse:
    """Snapshots of runs. 202 once Kafka has acknowledged all of them; posting one again changes nothing."""
    return await _take(request, parts, RunSnapshot, "runs")


@router.post("/feedback", status_code=202, response_model=Accepted, openapi_extra=_body_of(RunFeedback))
async def post_feedback(request: Request, parts: Parts) -> JSONResponse:
    """What users thought of runs."""
    return await _take(request, parts, RunFeedback, "feedback")


@router.post("/lifecycle", status_code=202, response_model=Accepted, openapi_extra=_body_of(AgentLifecycle))
async def post_lifecycle(request: Request, parts: Parts) -> JSONResponse:
    """Agents that went from one state to another."""
    return await _take(request, parts, AgentLifecycle, "lifecycle")


@router.post("/activity", status_code=202, response_model=Accepted, openapi_extra=_body_of(UserActivity))
async def post_activity(request: Request, parts: Parts) -> JSONResponse:
    """What users did."""
    return await _take(request, parts, UserActivity, "activity")


async def _take(request: Request, parts: ApiParts, model: type[Event], noun: str) -> JSONResponse:
    body = await _read_body(request)
    content_type = request.headers.get("content-type", "")

    def parse() -> Intake:
        return take_in(model, read_items(body, content_type), parts.now(), len(body))

    intake = parse() if len(body) <= INLINE_BYTES else await asyncio.to_thread(parse)
    try:
        await parts.publisher.publish([accepted.event for accepted in intake.accepted])
    except PublishFailed as error:
        raise Unavailable(f"not acknowledged by Kafka, safe to send again: {error}") from error
    outcome: dict[str, Any] = {
        "accepted": len(intake.accepted),
        "rejected": intake.rejected,
        noun: [_receipt(model, accepted) for accepted in intake.accepted],
        "warnings": intake.warnings,
    }
    if intake.rejected:
        detail = f"{intake.rejected} of {len(intake.accepted) + intake.rejected} {noun} rejected"
        more = {**outcome, "errors": intake.errors}
        raise Problem(422, f"invalid-{noun}", f"Some {noun} were rejected", detail, more=more)
    return JSONResponse(outcome, 202)


async def _read_body(request: Request) -> bytes:
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity":
        detail = f"Content-Encoding {encoding[:40]} is not supported: send the body as it is"
        raise Problem(415, "unsupported-media-type", "Unsupported media type", detail)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            detail = f"the body is larger than {MAX_BODY_BYTES} bytes: send several requests"
            raise Problem(413, "too-large", "Too large", detail)
        chunks.append(chunk)
    return b"".join(chunks)


def _receipt(model: type[Event], accepted: AcceptedEvent) -> dict[str, Any]:
    name = id_field(model)
    return {
        "index": accepted.index,
        name: getattr(accepted.event, name),
        "id": str(_stored_id(accepted.event)),
    }


def _stored_id(event: Event) -> UUID | str:
    return event.id if isinstance(event, RunSnapshot) else str(getattr(event, id_field(type(event))))

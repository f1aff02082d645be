"""`/live`, `/ready`, `/metrics`."""

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from runtally_clickhouse.errors import StoreError
from runtally_clickhouse.migrations import require_schema

from runtally_api.dependencies import ApiParts
from runtally_api.documentation import documented
from runtally_api.identity.access import needs_nobody
from runtally_api.problems import Unavailable

router = APIRouter(tags=["health"], dependencies=[needs_nobody()])


@router.get("/live", responses={200: {"content": {"application/json": {"example": {"status": "live"}}}}})
def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@router.get("/ready", responses=documented({"status": "ready"}, 503))
async def ready(request: Request) -> dict[str, str]:
    """Runs can go in and questions can be answered; the reasons are in the body when not."""
    parts: ApiParts = request.app.state.parts
    # On the event loop, as what these look at lives there; the store blocks, and so has a thread.
    reasons = [reason for check in parts.readiness if (reason := check())]
    if parts.settings.api_routes != "ingest":  # what is taken in goes to Kafka, whether the store is there or not
        try:
            await asyncio.to_thread(require_schema, parts.store)
        except StoreError as error:
            reasons.append(f"store: {error}"[:300])
    if reasons:
        raise Unavailable(f"not ready: {'; '.join(reasons)}", {"reasons": reasons})
    return {"status": "ready"}


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: Request) -> Response:
    """Prometheus metrics."""
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST)

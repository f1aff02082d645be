"""`/live`, `/ready`, `/metrics`."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from runtally_clickhouse.errors import StoreError
from runtally_clickhouse.migrations import require_schema

from runtally_api.dependencies import Parts

router = APIRouter(tags=["health"])


@router.get("/live")
def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@router.get("/ready", responses={503: {"description": "Not ready; the reasons are in the body."}})
def ready(parts: Parts) -> JSONResponse:
    """Runs can go in and questions can be answered; the reasons are in the body when not."""
    reasons = [reason for check in parts.readiness if (reason := check())]
    try:
        require_schema(parts.store)
    except StoreError as error:
        reasons.append(f"store: {error}"[:300])
    if reasons:
        return JSONResponse({"status": "not ready", "reasons": reasons}, 503)
    return JSONResponse({"status": "ready"})


@router.get("/metrics", response_class=Response)
def metrics(request: Request) -> Response:
    """Prometheus metrics."""
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST)

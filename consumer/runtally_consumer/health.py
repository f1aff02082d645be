"""The consumer's own HTTP port: /live, /ready, /metrics."""

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runtally_consumer.metrics import ConsumerMetrics
from runtally_consumer.service import Consumer


def health_app(consumer: Consumer, metrics: ConsumerMetrics) -> Starlette:
    """Live: the engine turns and partitions move. Ready: records flow. The reason is in the body when not."""

    async def live(request: Request) -> Response:
        reason = consumer.stuck_reason()
        body = {"status": "live"} if reason is None else {"status": "stuck", "reason": reason}
        return JSONResponse(body, 200 if reason is None else 503)

    async def ready(request: Request) -> Response:
        reason = consumer.not_ready_reason()
        body = {"status": "ready"} if reason is None else {"status": "not ready", "reason": reason}
        return JSONResponse(body, 200 if reason is None else 503)

    async def show_metrics(request: Request) -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[Route("/live", live), Route("/ready", ready), Route("/metrics", show_metrics)],
    )

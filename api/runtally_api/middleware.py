"""Around every request: an id, the time it took, a count of it, and an answer whatever happens."""

import hashlib
import re
import time
import traceback
from collections.abc import Callable
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtally_api.metrics import ApiMetrics
from runtally_api.problems import InternalError, ProblemResponse
from runtally_api.timing import RequestTimes

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
log = structlog.get_logger(__name__)


class Observed:
    """Gives each request an id (the caller's `X-Request-ID` when it is plain), and tells where the time went.

    An error that nothing else answers becomes a problem of status 500: its cause goes to the log, never to the caller.
    """

    def __init__(self, app: ASGIApp, metrics: ApiMetrics, monotonic: Callable[[], float] = time.perf_counter) -> None:
        self._app = app
        self._metrics = metrics
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        times = RequestTimes(self._monotonic)
        scope.setdefault("state", {}).update(request_id=request_id, times=times)
        started = self._monotonic()
        status: int | None = None

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers["Server-Timing"] = times.header()
            await send(message)

        try:
            await self._app(scope, receive, observe)
        except Exception:
            cause = traceback.format_exc()  # as text: no log format may add the values of variables to it
            log.error("unhandled error", request_id=request_id, method=scope["method"], path=scope["path"], cause=cause)
            if status is not None:
                raise
            await ProblemResponse(InternalError(), request_id)(scope, receive, observe)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.requests.labels(method, route, status or 500).inc()
            self._metrics.request_seconds.labels(method, route).observe(self._monotonic() - started)


class Validated:
    """Gives each answer to a GET the validator of what was read for it, and 304 to whoever has that answer already.

    The validator is weak: the age of the data (`freshness_seconds`) goes on, and is not what is compared.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope)
        is_known = False

        async def validate(message: Message) -> None:
            nonlocal is_known
            if message["type"] == "http.response.start" and message["status"] == 200:
                answers = scope.get("state", {}).get("answers")
                validator = answers.validator if answers is not None else None
                if validator is not None:
                    headers = MutableHeaders(scope=message)
                    headers["ETag"] = tag = _entity_tag(scope, given, validator)
                    headers["Cache-Control"] = "private, no-cache"
                    is_known = tag in _tags(given.get("if-none-match", ""))
                    if is_known:
                        message = {**message, "status": 304}
                        for name in ("content-length", "content-type"):
                            del headers[name]
            elif is_known and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app(scope, receive, validate)


def _entity_tag(scope: Scope, headers: Headers, validator: str) -> str:
    """What was read, and how it is shown: two answers of the same statements may differ in what they fold."""
    shown = "\n".join([scope["path"], scope["query_string"].decode("latin-1"), headers.get("accept", ""), validator])
    return f'W/"{hashlib.sha256(shown.encode()).hexdigest()[:32]}"'


def _tags(header: str) -> set[str]:
    return {tag.strip() for tag in header.split(",")}


class HeadAsGet:
    """Answers HEAD as it would GET, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, send_head)

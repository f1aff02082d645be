"""What each route asks of its caller. A route that says nothing is refused when the application is made."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import anyio
from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from runtally_clickhouse.audit_log import Act
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from runtally_api.dependencies import requires
from runtally_api.identity.access_parts import AccessParts
from runtally_api.identity.api_keys import shown_prefix
from runtally_api.identity.audit import origin_of
from runtally_api.identity.permissions import Permission
from runtally_api.identity.refusals import Refusal
from runtally_api.problems import Problem, ProblemResponse, Unauthorized

# Paths that a request needs no caller for: what probes and signing in need, and what documents the API.
PUBLIC_PATHS: Final = frozenset(
    {
        "/live",
        "/ready",
        "/metrics",
        "/docs",
        "/docs/oauth2-redirect",
        "/openapi.json",
        "/api/v1/auth",
        "/api/v1/auth/login",
        "/api/v1/auth/refresh",
        "/api/v1/auth/logout",
    }
)
OPEN: Final = "open"
SIGNED_IN: Final = "signed in"
# Refusals that wait for the store must not take the threads that answers need.
_MOST_RECORDING: Final = 2


def needs(permission: Permission) -> Any:
    """The dependency of a route or router whose callers must have the permission."""
    check = requires(permission)
    check.access = permission.value  # type: ignore[attr-defined] # what `declared_access` reads
    return Depends(check)


def _declares(access: str) -> Any:
    async def said() -> None:
        """Nothing more is asked."""

    said.access = access  # type: ignore[attr-defined] # as above
    return Depends(said)


def needs_nobody() -> Any:
    """The dependency of a route that answers everybody; its path must be public too."""
    return _declares(OPEN)


def needs_a_caller() -> Any:
    """The dependency of a route that any known caller may ask."""
    return _declares(SIGNED_IN)


def declared_access(route: APIRoute) -> frozenset[str]:
    """What a route says that it asks of its callers."""
    return frozenset(_walk(route.dependant))


def _walk(dependant: Dependant) -> Iterator[str]:
    for part in dependant.dependencies:
        access = getattr(part.call, "access", None)
        if access is not None:
            yield access
        yield from _walk(part)


def require_declared(routers: Iterable[APIRouter]) -> None:
    """Raise when a route does not say what it asks of its callers, or says it is open where the door is not."""
    for router in routers:
        for route in router.routes:
            if not isinstance(route, APIRoute):
                continue
            access = declared_access(route)
            if not access:
                raise RuntimeError(f"{route.path}: say what it asks of its callers, by needs(Permission...)")
            if (OPEN in access) != (route.path in PUBLIC_PATHS):
                raise RuntimeError(f"{route.path}: a route is open when its path is in PUBLIC_PATHS, and only then")


class Authenticated:
    """Finds out who asks before anything of the request is read; without a caller only public paths are answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._recording = anyio.CapacityLimiter(_MOST_RECORDING)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in PUBLIC_PATHS:
            try:
                shown = Headers(scope=scope).getlist("authorization")
                # Of two a proxy may have looked at the other one: that is as good as none.
                authorization = shown[0] if len(shown) == 1 else None
                caller = await scope["app"].state.parts.authenticator.caller(authorization)
            except Problem as problem:
                if isinstance(problem, Unauthorized) and authorization:
                    await self._record(scope, authorization, problem)
                await ProblemResponse(problem, scope["state"]["request_id"])(scope, receive, send)
                return
            scope["state"]["caller"] = caller
        await self._app(scope, receive, send)

    async def _record(self, scope: Scope, authorization: str, problem: Unauthorized) -> None:
        """In the audit log, now and then: who shows nothing is not recorded, as that is how everybody begins."""
        access: AccessParts | None = scope["app"].state.parts.access
        if access is None:
            return
        refusal = Refusal(Act.TOKEN_REFUSED, origin_of(Request(scope)), shown_prefix(authorization), problem.reason)
        if counted := access.refusals.counted(refusal):
            await to_thread.run_sync(access.refusals.write, counted, limiter=self._recording)

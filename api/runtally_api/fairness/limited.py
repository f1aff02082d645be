"""Around each request of a known caller: its rate, a question also its turn."""

import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtally_api.fairness.admission import QueueFull, Turns
from runtally_api.fairness.rates import IN_MEMORY, Rate, RateCounters
from runtally_api.identity.caller import ANYBODY, Caller
from runtally_api.problems import Problem, ProblemResponse
from runtally_api.settings import ApiSettings

READ, WRITE, STRANGER = "read", "write", "stranger"
_UNKNOWN_ROUTE: Final = "unmatched"


class TooManyRequests(Problem):
    """The caller asks too often, or too much at once; `Retry-After` says when to come back."""

    def __init__(self, detail: str, headers: dict[str, str]) -> None:
        super().__init__(429, "too-many-requests", "Too many requests", detail, headers=headers)


@dataclass(frozen=True, slots=True)
class _Route:
    methods: frozenset[str]
    pattern: re.Pattern[str]
    path: str
    policy: str


class Fairness:
    """What all requests of a process share: counters, turns, and which path is which route."""

    def __init__(self, settings: ApiSettings, reading: Sequence[APIRouter], writing: Sequence[APIRouter]) -> None:
        storage = settings.rate_storage_url
        self.counters = RateCounters(storage.get_secret_value() if storage else IN_MEMORY)
        self.turns = Turns(settings.questions_at_once, settings.tenant_questions_at_once, settings.tenant_queue)
        self.quotas = {
            READ: settings.reads_per_minute,
            WRITE: settings.writes_per_minute,
            STRANGER: settings.refused_per_minute,
        }
        self._routes = [*_routes(reading, READ), *_routes(writing, WRITE)]

    def route(self, scope: Scope) -> tuple[str, str]:
        """The route's template and its policy."""
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        for route in self._routes:
            if method in route.methods and route.pattern.match(scope["path"]):
                return route.path, route.policy
        return _UNKNOWN_ROUTE, READ


def paths_of(routers: Sequence[APIRouter]) -> list[str]:
    """The templates of their paths."""
    return [route.path for route in _routes(routers, READ)]


def _routes(routers: Sequence[APIRouter], policy: str) -> Iterator[_Route]:
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute):
                yield _Route(frozenset(route.methods or ()), route.path_regex, route.path_format, policy)


def tenant_of(caller: Caller) -> Hashable:
    """Whose turn it is that a caller takes: all who see the same workspaces are one tenant."""
    return caller.workspaces


class Limited:
    """Counts requests of known callers, and has questions wait for their tenant's turn.

    In open mode callers are told apart by their addresses.
    """

    def __init__(self, app: ASGIApp, fairness: Fairness) -> None:
        self._app = app
        self._fairness = fairness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller: Caller | None = scope.get("state", {}).get("caller")
        if scope["type"] != "http" or caller is None:
            await self._app(scope, receive, send)
            return
        route, policy = self._fairness.route(scope)
        who = f"address {address_of(scope)}" if caller is ANYBODY else f"caller {caller.subject}"
        rate = await self._fairness.counters.hit(policy, self._fairness.quotas[policy], who, route)
        sending = with_rate(send, rate)
        if rate is not None and rate.is_exceeded:
            detail = f"more than {rate.quota} requests a minute to this endpoint: see Retry-After"
            await refuse(TooManyRequests(detail, {}), scope, receive, sending)
        elif policy == WRITE or route == _UNKNOWN_ROUTE:
            await self._app(scope, receive, sending)
        else:
            await self._in_turn(caller, scope, receive, sending)

    async def _in_turn(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with self._fairness.turns.turn(tenant_of(caller)):
                await self._app(scope, receive, send)
        except QueueFull:
            detail = "too many questions of the same workspaces wait already: ask fewer at once"
            await refuse(TooManyRequests(detail, {"Retry-After": "1"}), scope, receive, send)


def address_of(scope: Scope) -> str:
    """Where a request comes from, as far as that is believed."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def with_rate(send: Send, rate: Rate | None) -> Send:
    """Sends the answer with what it says of the rate."""
    if rate is None:
        return send

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(rate.headers())
        await send(message)

    return told


async def refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    """The problem as the answer."""
    await ProblemResponse(problem, scope["state"]["request_id"])(scope, receive, send)

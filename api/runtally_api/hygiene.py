"""What HTTP asks of an API that strangers reach: who is behind a proxy, bodies with an end, headers for browsers."""

import asyncio
import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtally_api.problems import Problem, ProblemResponse

MAX_QUESTION_BYTES: Final = 1024 * 1024
MAX_HEADER_BYTES: Final = 64 * 1024
# The pages of the documentation load their scripts from elsewhere.
_PAGES: Final = ("/docs", "/redoc")
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class InvalidNetworks(RuntimeError):
    """RUNTALLY_TRUSTED_PROXIES cannot be read. `str()` names what is wrong and the remedy."""


def networks(text: str) -> tuple[Network, ...]:
    """The networks of a list with commas between. Raises `InvalidNetworks`."""
    try:
        return tuple(ipaddress.ip_network(entry.strip()) for entry in text.split(",") if entry.strip())
    except ValueError as error:
        raise InvalidNetworks(f"RUNTALLY_TRUSTED_PROXIES: {error}; set networks such as 10.0.0.0/8") from error


class ClientAddress:
    """Puts the address of whoever asks into the scope: behind trusted proxies the one that they tell.

    `X-Forwarded-For` is read from its end for as long as trusted proxies wrote it; nobody else's word counts.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[Network] = ()) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._trusted and scope.get("client"):
            told = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
            found = self._walked(scope["client"][0], [entry.strip() for entry in told.split(",") if entry.strip()])
            scope = {**scope, "client": (found, 0)}
        await self._app(scope, receive, send)

    def _walked(self, peer: str, forwarded: list[str]) -> str:
        address = peer
        while forwarded and self._is_trusted(address):
            following = forwarded.pop()
            if _parsed(following) is None:
                return address
            address = following
        return address

    def _is_trusted(self, text: str) -> bool:
        address = _parsed(text)
        return address is not None and any(address in network for network in self._trusted)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


class BrowserSafe:
    """Answers that no browser guesses at, frames, or keeps where nothing says that it may."""

    def __init__(self, app: ASGIApp, hsts_seconds: int = 0) -> None:
        self._app = app
        self._more = {"Strict-Transport-Security": f"max-age={hsts_seconds}"} if hsts_seconds else {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        policy = "frame-ancestors 'none'"
        if not scope["path"].startswith(_PAGES):
            policy = f"default-src 'none'; {policy}"

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update({**_HEADERS, **self._more, "Content-Security-Policy": policy})
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, told)


class BoundedHeaders:
    """Headers end, in bytes: the server's own bound is only for what comes in pieces. And they tell one length of the
    body: of two, a proxy in front may believe the other, and let a request through that it never saw.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = scope["headers"] if scope["type"] == "http" else []
        refusal: Problem | None = None
        if sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
            refusal = _headers_too_large()
        elif {name for name, _ in headers} >= {b"content-length", b"transfer-encoding"}:
            refusal = _two_lengths()
        answer = self._app if refusal is None else ProblemResponse(refusal, scope["state"]["request_id"])
        await answer(scope, receive, send)


class _Refused(Exception):
    """What reading a body ends with that has no end."""


class BoundedBodies:
    """A body ends: in bytes, but for the routes that bound their own, and in time."""

    def __init__(self, app: ASGIApp, own_bounds: Iterable[str] = (), seconds: float = 60.0) -> None:
        self._app = app
        self._own_bounds = frozenset(own_bounds)
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._seconds
        most = None if scope["path"] in self._own_bounds else MAX_QUESTION_BYTES
        read, is_read = 0, False
        refusal: Problem | None = None

        async def bounded() -> Message:
            nonlocal read, is_read, refusal
            if is_read:
                return await receive()  # waits for the client to go
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                refusal = _too_slow()
                raise _Refused from None
            read += len(message.get("body", b""))
            is_read = not message.get("more_body", False)
            if most is not None and read > most:
                refusal = _too_large()
                raise _Refused
            return message

        async def told(message: Message) -> None:
            if refusal is None:  # else whatever the application makes of a body that broke off is not the reason
                await send(message)

        try:
            await self._app(scope, bounded, told)
        except Exception:
            if refusal is None:
                raise
        if refusal is not None:
            await ProblemResponse(refusal, scope["state"]["request_id"])(scope, receive, send)


def _headers_too_large() -> Problem:
    detail = f"the headers of a request have at most {MAX_HEADER_BYTES} bytes"
    return Problem(431, "headers-too-large", "Headers too large", detail, headers={"Connection": "close"})


def _two_lengths() -> Problem:
    detail = "a request has Content-Length or Transfer-Encoding, not both"
    return Problem(400, "two-lengths", "Two lengths", detail, headers={"Connection": "close"})


def _too_large() -> Problem:
    return Problem(413, "too-large", "Too large", f"a question has at most {MAX_QUESTION_BYTES} bytes")


def _too_slow() -> Problem:
    detail = "the body did not come in time: send it again"
    return Problem(408, "too-slow", "Too slow", detail, headers={"Connection": "close"})

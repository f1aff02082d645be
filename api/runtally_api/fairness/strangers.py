"""Before the door: who guesses at tokens, keys and passwords is stopped, and nobody else at the same address.

An address is shared by all who are behind one dashboard or one NAT. So a token that was accepted before is let through
to be looked at again whatever others show, and one that is refused again and again, as when a provider's token has
expired in an open tab, is one guess: shown once more it counts with others of its kind, and stops none but these.
"""

import hashlib
from collections import OrderedDict
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtally_api.fairness.limited import STRANGER, Fairness, TooManyRequests, address_of, refuse, with_rate

# What is guessed at, each with a count of its own: whoever tries passwords stops nobody there who has signed in.
_GUESSED_AT: Final = {"/api/v1/auth/login": "password", "/api/v1/auth/refresh": "refresh token"}
_TOKEN: Final = "token"
_AGAIN: Final = "again"
_MOST_REMEMBERED: Final = 10_000
Digest = bytes


class ShownTokens:
    """Which tokens were accepted, and which refused, when they were last shown: by digest, the newest ones."""

    def __init__(self, most: int = _MOST_REMEMBERED) -> None:
        self._most = most
        self._accepted: OrderedDict[Digest, bool] = OrderedDict()

    def was_accepted(self, digest: Digest) -> bool:
        return self._accepted.get(digest, False)

    def was_refused(self, digest: Digest) -> bool:
        return not self._accepted.get(digest, True)

    def remember(self, digest: Digest, *, accepted: bool) -> None:
        self._accepted[digest] = accepted
        self._accepted.move_to_end(digest)
        if len(self._accepted) > self._most:
            self._accepted.popitem(last=False)


class StrangersLimited:
    """Answers 429 to an address that showed too many tokens, or passwords, that were refused (401) within a minute,
    before anything is looked at; tokens that were refused before have a count of their own.

    Who shows nothing guesses nothing, and is not counted: a dashboard asks so for each visitor who has yet to sign in.
    """

    def __init__(self, app: ASGIApp, fairness: Fairness) -> None:
        self._app = app
        self._counters = fairness.counters
        self._quota = fairness.quotas[STRANGER]
        self._shown = ShownTokens()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        guessed = _guessed(scope) if scope["type"] == "http" else None
        if guessed is None:
            await self._app(scope, receive, send)
            return
        digest = _digest(scope) if guessed == _TOKEN else b""

        def key() -> tuple[str, ...]:
            return guessed, address_of(scope), *([_AGAIN] if self._shown.was_refused(digest) else [])

        rate = None if self._shown.was_accepted(digest) else await self._counters.look(STRANGER, self._quota, *key())
        if rate is not None and rate.is_exceeded:
            detail = "too many sign-ins from this address were refused: see Retry-After"
            await refuse(TooManyRequests(detail, {}), scope, receive, with_rate(send, rate))
            return

        async def count(message: Message) -> None:
            if message["type"] == "http.response.start":
                if message["status"] == 401:  # by now it may have been shown by another request of the same page
                    await self._counters.hit(STRANGER, self._quota, *key())
                if digest and (message["status"] == 401 or _is_somebody(scope)):
                    self._shown.remember(digest, accepted=message["status"] != 401)
            await send(message)

        await self._app(scope, receive, count)


def _guessed(scope: Scope) -> str | None:
    """What a request may be a guess at; None when it shows nothing."""
    if found := _GUESSED_AT.get(scope["path"]):
        return found
    return _TOKEN if any(name == b"authorization" for name, _ in scope["headers"]) else None


def _digest(scope: Scope) -> Digest:
    shown = b"\n".join(value for name, value in scope["headers"] if name == b"authorization")
    return hashlib.sha256(shown).digest()


def _is_somebody(scope: Scope) -> bool:
    """Whether the token was looked at, and whose it is: /live answers whoever shows whatever."""
    return scope.get("state", {}).get("caller") is not None

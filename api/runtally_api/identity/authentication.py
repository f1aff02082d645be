"""Who asks: from the `Authorization` header of a request to its caller."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

import anyio
from anyio import to_thread
from runtally_clickhouse.errors import StoreError
from starlette.concurrency import run_in_threadpool

from runtally_api.identity.api_keys import KEY_MARK, KeyReader
from runtally_api.identity.caller import ANYBODY, Caller
from runtally_api.identity.claims import ClaimNames
from runtally_api.identity.live_sessions import LiveSessions, SessionOver
from runtally_api.identity.settings import IdentitySettings
from runtally_api.identity.signing_keys import KeysUnavailable, SigningKeys, http_fetch
from runtally_api.identity.tokens import InvalidToken, TokenRules, TokenVerifier
from runtally_api.problems import Unauthorized, Unavailable

# Tokens that wait for the identity provider must not take the threads that answers need.
_MOST_WAITING: Final = 4


class UnknownKey(Exception):
    """No API key, or one that has expired or was revoked."""


class Authenticator(Protocol):
    """Tells callers apart. Raises `Unauthorized`, or `Unavailable` when nobody can tell at the moment."""

    @property
    def is_open(self) -> bool: ...

    async def caller(self, authorization: str | None) -> Caller: ...


@dataclass(frozen=True, slots=True)
class OpenDoor:
    """Whoever gets through to the port may do everything; what they say of themselves is not looked at."""

    is_open: bool = True

    async def caller(self, authorization: str | None) -> Caller:
        return ANYBODY


class BearerTokens:
    """Every request shows a token or an API key, in the `Authorization` header and nowhere else."""

    is_open = False

    def __init__(self, tokens: TokenVerifier, keys: KeyReader, sessions: LiveSessions) -> None:
        self._tokens = tokens
        self._keys = keys
        self._sessions = sessions
        self._waiting = anyio.CapacityLimiter(_MOST_WAITING)

    async def caller(self, authorization: str | None) -> Caller:
        token = _bearer(authorization)
        try:
            if token.startswith(KEY_MARK):
                found = await run_in_threadpool(self._keys.caller, token)
                if found is None:
                    raise UnknownKey
                return found
            if self._tokens.may_block(token):
                caller = await to_thread.run_sync(self._tokens.caller, token, limiter=self._waiting)
            else:
                caller = self._tokens.caller(token)
            return await self._as_now(caller) if caller.session else caller
        except (InvalidToken, UnknownKey, SessionOver) as error:
            raise Unauthorized(_reason(error)) from error
        except StoreError as error:
            raise Unavailable("the store does not answer") from error
        except KeysUnavailable as error:
            raise Unavailable("the identity provider's keys cannot be had at the moment") from error

    async def _as_now(self, caller: Caller) -> Caller:
        """Who signed in here, as they are by now. Raises `SessionOver`."""
        found = self._sessions.kept(caller.session)
        if found is None:
            found = await run_in_threadpool(self._sessions.standing, caller.session)
        if found.caller is None:
            raise SessionOver
        return found.caller


def token_rules(settings: IdentitySettings) -> TokenRules:
    """What the settings demand of a token."""
    leeway = timedelta(seconds=settings.auth_leeway_seconds)
    return TokenRules(settings.issuer, settings.auth_audience, leeway, ClaimNames.of(settings))


def make_authenticator(settings: IdentitySettings, keys: KeyReader, sessions: LiveSessions) -> Authenticator:
    """What the settings ask for. Raises `InvalidIdentity` when they cannot be met."""
    settings.require_keys()
    if settings.is_open:
        return OpenDoor()
    provider = None
    if settings.auth_jwks_url is not None:
        fetch = http_fetch(settings.auth_jwks_url, settings.auth_jwks_fetch_seconds)
        provider = SigningKeys(fetch, settings.algorithms, settings.auth_jwks_cache_seconds)
    return BearerTokens(TokenVerifier(token_rules(settings), settings.secret, provider), keys, sessions)


def _reason(error: BaseException) -> str:
    """What was wrong, by the name of what it broke on: nothing of the token itself."""
    while error.__cause__ is not None:
        error = error.__cause__
    return type(error).__name__


def _bearer(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("NoBearerToken")
    return token.strip()

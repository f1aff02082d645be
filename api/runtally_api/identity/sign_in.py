"""Signing in where there is no identity provider: by email and password, then by refresh tokens.

A refresh token is good for one use. Who uses one a second time has a copy of it, or is its owner whose copy was used:
so the whole family of tokens ends there, and whoever it is signs in again. The use is written first and read back
then, so of two uses at the same moment at most one gets new tokens, and the family ends all the same.
"""

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from runtally_clickhouse.local_users import (
    RefreshEvent,
    StoredUser,
    add_refresh_event,
    attempts_since,
    find_users,
    refresh_events,
    tell_attempt,
)
from runtally_clickhouse.row_columns import listed

from runtally_api.identity.api_keys import KeyStore
from runtally_api.identity.live_sessions import LiveSessions
from runtally_api.identity.passwords import is_password
from runtally_api.identity.tokens import TokenSigner

ATTEMPTS_WINDOW: Final = timedelta(minutes=15)
MOST_ATTEMPTS: Final = 10
_REFRESH: Final = re.compile(r"rtr_([a-f0-9]{32})_([A-Za-z0-9_-]{43})", re.ASCII)


class SignInRefused(Exception):
    """Not signed in. `email` and `workspaces` are of the user whom it is about, where there is one."""

    def __init__(self, user: StoredUser | None = None, *, is_reuse: bool = False) -> None:
        super().__init__("refused")
        self.user = user
        self.is_reuse = is_reuse


class TooManyAttempts(Exception):
    """The account is not looked at for a while."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(f"for {retry_after}")
        self.retry_after_seconds = max(1, int(retry_after.total_seconds()))


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long tokens are good for."""

    access: timedelta
    refresh: timedelta


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who signed in, and the tokens to go on with."""

    user: StoredUser
    access_token: str
    refresh_token: str


def account_name(email: str) -> str:
    """The one way that an email is written."""
    return email.strip().lower()


class LocalSignIn:
    """Signs local users in and out. Every method blocks, and raises `StoreError` when the store is away."""

    def __init__(
        self,
        store: KeyStore,
        signer: TokenSigner,
        lifetimes: Lifetimes,
        now: Callable[[], datetime],
        sessions: LiveSessions,
    ) -> None:
        self._store = store
        self._signer = signer
        self._lifetimes = lifetimes
        self._sessions = sessions
        self._now = now

    def sign_in(self, email: str, password: str) -> SignedIn:
        """Raises `SignInRefused`, or `TooManyAttempts`, for accounts that there are and that there are not alike."""
        account = account_name(email)
        digest, nonce = _digest(account), secrets.randbits(63)
        self._require_few_attempts(digest, MOST_ATTEMPTS - 1)
        began = self._now()
        tell_attempt(self._store, digest, began, nonce, succeeded=False)
        self._require_few_attempts(digest, MOST_ATTEMPTS)
        user = next(iter(find_users(self._store, account)), None)
        if not is_password(password, user.password_hash if user else None) or user is None:
            raise SignInRefused(user)
        tell_attempt(self._store, digest, self._now(), nonce, succeeded=True)
        return self._issue(user, secrets.token_hex(16), began)

    def refresh(self, token: str) -> SignedIn:
        """New tokens for one that was not used yet. Raises `SignInRefused`."""
        issued, events = self._issued(token)
        if issued is None or issued.expires_at <= self._now() or _has_ended(events):
            raise SignInRefused
        if _uses(events, issued):
            raise self._ended(issued)
        used = replace(issued, event="used", nonce=secrets.randbits(63))
        add_refresh_event(self._store, used, self._now())
        events = refresh_events(self._store, issued.family)
        if _uses(events, issued) != {used.nonce} or _has_ended(events):
            raise self._ended(issued)
        user = next(iter(find_users(self._store, issued.email)), None)
        if user is None or user.signed_in_since is None or user.signed_in_since > issued.began_at:
            raise SignInRefused(user)
        return self._issue(user, issued.family, issued.began_at)

    def sign_out(self, token: str) -> StoredUser | None:
        """End the token's family; returns whose it was. A token that is unknown ends nothing."""
        issued, events = self._issued(token)
        if issued is None or _has_ended(events):
            return None
        self._end(issued)
        return next(iter(find_users(self._store, issued.email)), None)

    def _require_few_attempts(self, digest: str, most: int) -> None:
        now = self._now()
        attempts = attempts_since(self._store, digest, now - ATTEMPTS_WINDOW)
        if attempts.count > most:
            raise TooManyAttempts((attempts.first_at or now) + ATTEMPTS_WINDOW - now)

    def _issued(self, token: str) -> tuple[RefreshEvent | None, list[RefreshEvent]]:
        match = _REFRESH.fullmatch(token)
        if match is None:
            return None, []
        events, digest = refresh_events(self._store, match[1]), _digest(match[2])
        found = (event for event in events if event.event == "issued" and event.token_sha256 == digest)
        return next(found, None), events

    def _issue(self, user: StoredUser, family: str, began: datetime) -> SignedIn:
        now, secret = self._now(), secrets.token_urlsafe(32)
        expires_at = now + self._lifetimes.refresh
        issued = RefreshEvent(family, "issued", _digest(secret), 0, user.email, began, expires_at)
        add_refresh_event(self._store, issued, now)
        said = {
            "subject": user.email,
            "email": user.email,
            "workspaces": listed(user.workspaces),
            "role": user.role,
            "session": family,
        }
        return SignedIn(user, self._signer.sign(said, now, self._lifetimes.access), f"rtr_{family}_{secret}")

    def _ended(self, issued: RefreshEvent) -> SignInRefused:
        self._end(issued)
        return SignInRefused(next(iter(find_users(self._store, issued.email)), None), is_reuse=True)

    def _end(self, issued: RefreshEvent) -> None:
        add_refresh_event(self._store, replace(issued, event="ended", token_sha256="", nonce=0), self._now())
        self._sessions.forget(issued.family)


def _uses(events: list[RefreshEvent], issued: RefreshEvent) -> set[int]:
    return {event.nonce for event in events if event.event == "used" and event.token_sha256 == issued.token_sha256}


def _has_ended(events: list[RefreshEvent]) -> bool:
    return any(event.event == "ended" for event in events)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

"""What the endpoints about keys, signing in and the audit log work with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from runtally_api.identity.api_keys import KeyStore
from runtally_api.identity.audit import AuditTrail
from runtally_api.identity.authentication import token_rules
from runtally_api.identity.live_sessions import LiveSessions
from runtally_api.identity.refusals import Refusals
from runtally_api.identity.settings import IdentitySettings
from runtally_api.identity.sign_in import Lifetimes, LocalSignIn
from runtally_api.identity.sign_in_queue import SignInQueue
from runtally_api.identity.tokens import TokenSigner
from runtally_api.problems import Unavailable


@dataclass(frozen=True, slots=True)
class AccessParts:
    """`store` takes writes, unlike that of the questions. `sign_in` is None where an identity provider does it."""

    settings: IdentitySettings
    store: KeyStore
    audit: AuditTrail
    refusals: Refusals
    sign_in: LocalSignIn | None
    sign_ins: SignInQueue = field(default_factory=SignInQueue)


def make_access(
    settings: IdentitySettings, store: KeyStore, now: Callable[[], datetime], sessions: LiveSessions | None = None
) -> AccessParts:
    """The parts that the settings mean. `sessions` forgets those that are signed out here."""
    sign_in = None
    if settings.has_local_users and settings.secret is not None:
        lifetimes = Lifetimes(settings.access_lifetime, settings.refresh_lifetime)
        signer = TokenSigner(token_rules(settings), settings.secret)
        sign_in = LocalSignIn(store, signer, lifetimes, now, sessions or LiveSessions(store))
    audit = AuditTrail(store, now)
    return AccessParts(settings, store, audit, Refusals(audit, now), sign_in)


def required(access: AccessParts | None) -> AccessParts:
    """The parts, where there are some. Raises `Unavailable`."""
    if access is None:
        raise Unavailable("there is no store for keys, users and the audit log")
    return access


def _access(request: Request) -> AccessParts:
    return required(request.app.state.parts.access)


Access = Annotated[AccessParts, Depends(_access)]

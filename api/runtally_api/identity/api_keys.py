"""API keys of services and emitters: `rtk_`, an id that may be seen, and a secret that is shown once.

The secret is 256 random bits, so its SHA-256 is as good to store as a slow hash of it. Each request asks the store for
its key: there is no cache that could go on serving one that was revoked.
"""

import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog
from runtally_clickhouse.api_keys import StoredKey, find_secret, tell_use
from runtally_clickhouse.client import Reader, Writer
from runtally_clickhouse.errors import StoreError

from runtally_api.identity.caller import Caller
from runtally_api.identity.permissions import Permission

KEY_MARK: Final = "rtk_"
KEY_SUBJECT: Final = "key:"
USE_TOLD_EVERY: Final = timedelta(minutes=1)
_KEY: Final = re.compile(r"rtk_([a-z0-9]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
_ID_CHARACTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
log = structlog.get_logger(__name__)


class KeyReader(Protocol):
    """Finds the caller that an API key stands for; None when it is unknown, expired or revoked. Blocks."""

    def caller(self, key: str) -> Caller | None: ...


class NoKeys:
    """There are no keys."""

    def caller(self, key: str) -> Caller | None:
        return None


class KeyStore(Reader, Writer, Protocol):
    """Where keys are."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is made: `text` is shown once and kept nowhere."""

    text: str
    secret_sha256: str
    stored: StoredKey


def new_key(
    name: str,
    permissions: frozenset[Permission],
    workspaces: frozenset[str] | None,
    created_by: str,
    now: datetime,
    lifetime: timedelta | None,
) -> NewKey:
    """A fresh key; nothing of it is stored yet."""
    key_id = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(12))
    secret = secrets.token_urlsafe(32)
    expires_at = None if lifetime is None else now + lifetime
    granted = frozenset(permission.value for permission in permissions)
    stored = StoredKey(key_id, name, granted, workspaces, created_by, now, expires_at)
    return NewKey(f"{KEY_MARK}{key_id}_{secret}", _digest(secret), stored)


def shown_prefix(text: str) -> str:
    """What may be told of a key that stands in the text; nothing where none does."""
    match = _KEY.search(text)
    return f"{KEY_MARK}{match[1]}" if match else ""


class StoredKeys:
    """The keys of the store, asked anew for each request."""

    def __init__(self, store: KeyStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._told: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def caller(self, key: str) -> Caller | None:
        """Blocks; raises `StoreError` when nobody can tell."""
        match = _KEY.fullmatch(key)
        if match is None:
            return None
        key_id, secret = match.groups()
        known = find_secret(self._store, key_id)
        if known is None or not hmac.compare_digest(known.secret_sha256, _digest(secret)):
            return None
        now = self._now()
        if known.is_revoked or (known.expires_at is not None and known.expires_at <= now):
            return None
        self._tell_use(key_id, now)
        permissions = frozenset(permission for permission in Permission if permission in known.permissions)
        return Caller(f"{KEY_SUBJECT}{KEY_MARK}{key_id}", "", permissions, known.workspaces, ends_at=known.expires_at)

    def _tell_use(self, key_id: str, now: datetime) -> None:
        """Now and then; a key is worth no less when this cannot be written."""
        with self._lock:
            last = self._told.get(key_id)
            if last is not None and now - last < USE_TOLD_EVERY:
                return
            self._told[key_id] = now
        try:
            tell_use(self._store, key_id, now)
        except StoreError as error:
            log.warning("the last use of an API key could not be written", key_id=key_id, cause=str(error)[:300])


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

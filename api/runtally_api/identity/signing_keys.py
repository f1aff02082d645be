"""The identity provider's public keys (JWKS): kept, fetched again when they are old or a new one is named.

An unknown key leads to one fetch, and to no other for a while, however many tokens name unknown keys. While the
provider is away, or takes its time, the keys that are known go on; one that is not cannot be judged: `KeysUnavailable`.
"""

import json
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final

import structlog
from jwt import PyJWK
from jwt.exceptions import PyJWTError

FETCH_PAUSE_SECONDS: Final = 10.0
LONGEST_WAIT_SECONDS: Final = 5.0  # for somebody else's fetch
MOST_BYTES: Final = 1024 * 1024
_PIECE_BYTES: Final = 64 * 1024
# What a key may verify, by its `kty` and, for curves, its `crv`.
_ALGORITHMS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("RSA", ""): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
LEAST_RSA_BITS: Final = 2048
log = structlog.get_logger(__name__)


class KeysUnavailable(Exception):
    """The provider's keys cannot be had, so a token can neither be trusted nor refused."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key, and the algorithms that it may verify: its type's, or the one that it names."""

    key: Any
    algorithms: tuple[str, ...]


class SigningKeys:
    """The keys at one address. For any number of threads."""

    def __init__(
        self,
        fetch: Callable[[], bytes],
        allowed: tuple[str, ...],
        cache_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._allowed = allowed
        self._cache_seconds = cache_seconds
        self._monotonic = monotonic
        self._fetching = threading.Lock()
        self._keys: dict[str, SigningKey] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._failed = False

    def fresh(self, key_id: str) -> SigningKey | None:
        """The key, if asking for it needs no fetch of its own. Never blocks."""
        is_old = self._monotonic() - self._fetched_at > self._cache_seconds
        if is_old and not self._tried_lately() and not self._fetching.locked():
            return None
        return self._keys.get(key_id)

    def get(self, key_id: str) -> SigningKey | None:
        """The key, None when the provider has none of that name. Blocks for a fetch. Raises `KeysUnavailable`."""
        if found := self.fresh(key_id):
            return found
        if not self._fetching.acquire(timeout=LONGEST_WAIT_SECONDS):
            raise KeysUnavailable
        try:
            if not self._tried_lately():
                self._refresh()
            found = self._keys.get(key_id)
        finally:
            self._fetching.release()
        if found is None and self._failed:
            raise KeysUnavailable
        return found

    def _tried_lately(self) -> bool:
        return self._monotonic() - self._tried_at < FETCH_PAUSE_SECONDS

    def _refresh(self) -> None:
        self._tried_at = self._monotonic()
        try:
            keys = _read(self._fetch(), self._allowed)
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            self._failed = True
            log.warning("the identity provider's keys cannot be had", cause=f"{type(error).__name__}: {error}"[:300])
            return
        self._failed, self._keys, self._fetched_at = False, keys, self._monotonic()


def _read(document: bytes, allowed: tuple[str, ...]) -> dict[str, SigningKey]:
    """The keys of a JWKS document that may verify a signature; those that are none of ours are passed over."""
    content = json.loads(document)
    listed = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise ValueError("no JWKS document: it has no list `keys`")
    found = {}
    for item in listed:
        key = _signing_key(item, allowed) if isinstance(item, dict) else None
        if key is not None:
            found[str(item.get("kid") or "")] = key
    if len(found) == 1:  # then tokens need not name it (OpenID Connect Core, 10.1)
        found.setdefault("", *found.values())
    return found


def _signing_key(item: dict[str, Any], allowed: tuple[str, ...]) -> SigningKey | None:
    """A shared secret (`oct`) is never among them: what is published is no secret."""
    if item.get("use", "sig") != "sig":
        return None
    fitting = _ALGORITHMS.get((str(item.get("kty")), str(item.get("crv", ""))), ())
    algorithms = tuple(name for name in fitting if name in allowed and item.get("alg", name) == name)
    if not algorithms:
        return None
    try:
        key = PyJWK(item, algorithms[0]).key
    except (PyJWTError, ValueError, TypeError, AttributeError):  # also what the numbers of the key are no key for
        return None
    if item.get("kty") == "RSA" and getattr(key, "key_size", 0) < LEAST_RSA_BITS:
        return None
    return SigningKey(key, algorithms)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Keys come from where the settings say, not from where that address points."""

    def redirect_request(self, *given: Any, **more: Any) -> None:
        return None


def http_fetch(url: str, timeout_seconds: float) -> Callable[[], bytes]:
    """Reads the document at `url`. What it returns raises `OSError`, `HTTPException` or `ValueError`."""
    opener = urllib.request.build_opener(_NoRedirect())

    def fetch() -> bytes:
        request = urllib.request.Request(url, headers={"Accept": "application/json", "User-Agent": "runtally"})
        ends_at = time.monotonic() + timeout_seconds  # the socket's own timeout begins anew with each byte
        document = b""
        with opener.open(request, timeout=timeout_seconds) as response:
            while piece := response.read1(_PIECE_BYTES):
                document += piece
                if len(document) > MOST_BYTES:
                    raise ValueError(f"more than {MOST_BYTES} bytes")
                if time.monotonic() > ends_at:
                    raise TimeoutError(f"not all of it came within {timeout_seconds:g} s")
        return document

    return fetch

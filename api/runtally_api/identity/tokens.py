"""Bearer tokens (JWT): whether to believe one, and signing those of local users.

The algorithm is never the token's own choice: HS256 goes with the secret and nothing else does, and a provider's key
verifies what its type can and the settings allow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

import jwt
from jwt.exceptions import PyJWTError

from runtally_api.identity.caller import Caller
from runtally_api.identity.claims import ClaimNames, InvalidClaims, caller_of
from runtally_api.identity.signing_keys import SigningKey, SigningKeys

LONGEST_TOKEN: Final = 8 * 1024
SHARED: Final = "HS256"
REQUIRED: Final = ("exp", "iss", "aud")


class InvalidToken(Exception):
    """Not to be believed. Says no more: why is nobody's business."""


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What every token must say, besides being signed."""

    issuer: str
    audience: str
    leeway: timedelta
    names: ClaimNames = field(default_factory=ClaimNames)


class TokenVerifier:
    """From a token to the caller that it names."""

    def __init__(self, rules: TokenRules, secret: bytes | None, provider: SigningKeys | None) -> None:
        self._rules = rules
        self._shared = None if secret is None else SigningKey(secret, (SHARED,))
        self._provider = provider

    def may_block(self, token: str) -> bool:
        """Whether judging it may ask the identity provider first."""
        header = _header(token)
        return header["alg"] != SHARED and self._provider is not None and not self._provider.fresh(_key_id(header))

    def caller(self, token: str) -> Caller:
        """Who it is. May block for a fetch of keys. Raises `InvalidToken`, or `KeysUnavailable`."""
        header = _header(token)
        key = self._key(header)
        if key is None or header["alg"] not in key.algorithms:
            raise InvalidToken
        try:
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[header["alg"]],
                audience=self._rules.audience,
                issuer=self._rules.issuer,
                leeway=self._rules.leeway,
                options={"require": list(REQUIRED), "verify_sub": False},
            )
            if not isinstance(claims["exp"], int | float):  # the library reads numbers out of texts, too
                raise InvalidToken
            caller = caller_of(claims, self._rules.names)
        except (PyJWTError, InvalidClaims, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise InvalidToken from error
        # A provider's tokens may say whatever its users wrote there.
        session = claims.get(self._rules.names.session, "") if header["alg"] == SHARED else ""
        if not isinstance(session, str):
            raise InvalidToken
        return replace(caller, session=session)

    def _key(self, header: Mapping[str, Any]) -> SigningKey | None:
        if header["alg"] == SHARED:
            return self._shared
        return None if self._provider is None else self._provider.get(_key_id(header))


def _header(token: str) -> Mapping[str, Any]:
    if len(token) > LONGEST_TOKEN:
        raise InvalidToken
    try:
        header = jwt.get_unverified_header(token)
    except (PyJWTError, ValueError, RecursionError) as error:
        raise InvalidToken from error
    # Extensions that must be understood are not; `none` and whatever is no name match no key.
    if "crit" in header or not isinstance(header.get("alg"), str):
        raise InvalidToken
    return header


def _key_id(header: Mapping[str, Any]) -> str:
    return str(header.get("kid") or "")


@dataclass(frozen=True, slots=True)
class TokenSigner:
    """Signs tokens by the secret, with what the rules demand."""

    rules: TokenRules
    secret: bytes

    def sign(self, claims: Mapping[str, Any], now: datetime, lifetime: timedelta) -> str:
        """`claims` by the plain names of `ClaimNames`."""
        names = self.rules.names
        said = {getattr(names, name): value for name, value in claims.items()}
        times = {"iat": int(now.timestamp()), "exp": int((now + lifetime).timestamp())}
        return jwt.encode(
            {**said, **times, "iss": self.rules.issuer, "aud": self.rules.audience}, self.secret, algorithm=SHARED
        )

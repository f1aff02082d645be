"""How callers are known, read from `RUNTALLY_AUTH*` variables at the composition root and passed down."""

import ipaddress
from datetime import timedelta
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

LEAST_SECRET_BYTES: Final = 32
ASYMMETRIC: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
DEFAULT_ISSUER: Final = "runtally"


class InvalidIdentity(RuntimeError):
    """Settings that leave open who may ask. `str()` names the setting and the remedy, never a secret."""


class IdentitySettings(BaseSettings):
    """Who may ask, and by whose tokens."""

    model_config = SettingsConfigDict(env_prefix="RUNTALLY_", frozen=True, extra="ignore", env_ignore_empty=True)

    auth: Literal["local", "open", "token"] = Field("local", description="Who may ask: see docs/access.md.")
    auth_secret: SecretStr | None = Field(None, description="Signs tokens by HS256; at least 32 bytes.")
    auth_jwks_url: str | None = Field(None, description="The identity provider's keys.")
    auth_issuer: str | None = Field(None, description="`iss` of every token.")
    auth_audience: str = Field("runtally", min_length=1, description="`aud` of every token.")
    auth_algorithms: str = Field("RS256,ES256", description="Algorithms of the provider's tokens.")
    auth_leeway_seconds: int = Field(30, ge=0, le=300, description="How far clocks may differ.")
    auth_jwks_cache_seconds: float = Field(600.0, ge=1, description="How long the provider's keys are kept.")
    auth_jwks_fetch_seconds: float = Field(3.0, gt=0, le=30, description="How long a fetch of them may take.")
    auth_access_minutes: int = Field(15, ge=1, le=1440, description="How long an access token of a local user lives.")
    auth_refresh_days: int = Field(14, ge=1, le=365, description="How long a local user stays signed in.")
    auth_claim_subject: str = Field("sub", min_length=1, description="Claim: who it is.")
    auth_claim_email: str = Field("email", min_length=1, description="Claim: their address.")
    auth_claim_workspace: str = Field("workspaceId", min_length=1, description="Claim: one workspace.")
    auth_claim_workspaces: str = Field("workspaces", min_length=1, description="Claim: several workspaces.")
    auth_claim_role: str = Field("role", min_length=1, description="Claim: the role or roles.")
    auth_claim_permissions: str = Field("permissions", min_length=1, description="Claim: permissions.")

    @property
    def has_keys(self) -> bool:
        """Whether a token could be verified."""
        return self.auth_secret is not None or self.auth_jwks_url is not None

    @property
    def is_open(self) -> bool:
        """Whether everybody who gets through to the port may do everything."""
        return self.auth == "open" or (self.auth == "local" and not self.has_keys)

    @property
    def has_local_users(self) -> bool:
        """Whether people sign in here: with a secret to sign their tokens with, and no identity provider."""
        return not self.is_open and self.auth_secret is not None and self.auth_jwks_url is None

    @property
    def issuer(self) -> str:
        return self.auth_issuer or DEFAULT_ISSUER

    @property
    def algorithms(self) -> tuple[str, ...]:
        """What the provider's tokens may be signed with."""
        return tuple(name.strip() for name in self.auth_algorithms.split(",") if name.strip())

    @property
    def secret(self) -> bytes | None:
        return None if self.auth_secret is None else self.auth_secret.get_secret_value().encode()

    @property
    def access_lifetime(self) -> timedelta:
        return timedelta(minutes=self.auth_access_minutes)

    @property
    def refresh_lifetime(self) -> timedelta:
        return timedelta(days=self.auth_refresh_days)

    def require_listening(self, host: str) -> None:
        """Raise `InvalidIdentity` when something that listens on `host` would be open to other machines unasked."""
        if self.auth == "local" and not self.has_keys and not is_loopback(host):
            raise InvalidIdentity(
                f"RUNTALLY_HOST is {host}, which other machines may reach, and nobody would have to sign in: set "
                "RUNTALLY_AUTH=token with RUNTALLY_AUTH_JWKS_URL or RUNTALLY_AUTH_SECRET (docs/access.md), "
                "or RUNTALLY_AUTH=open to let everybody do everything"
            )

    def idle_settings(self) -> str | None:
        """What is set and has no effect, with the remedy; None when nothing is."""
        if self.auth != "open":
            return None
        given = {"SECRET": self.auth_secret, "JWKS_URL": self.auth_jwks_url, "ISSUER": self.auth_issuer}
        names = [f"RUNTALLY_AUTH_{name}" for name, value in given.items() if value is not None]
        if not names:
            return None
        return f"{' and '.join(names)}: no effect, as RUNTALLY_AUTH is open and no token is looked at; set it to token"

    def require_keys(self) -> None:
        """Raise `InvalidIdentity` when tokens are demanded that could not be verified well."""
        if self.auth == "local" and not self.has_keys and self.auth_issuer:
            raise InvalidIdentity(
                "RUNTALLY_AUTH_ISSUER is set, and nothing says how its tokens are verified, so the API would be open: "
                "set RUNTALLY_AUTH_JWKS_URL or RUNTALLY_AUTH_SECRET, or unset RUNTALLY_AUTH_ISSUER"
            )
        if self.is_open:
            return
        if not self.has_keys:
            raise InvalidIdentity("RUNTALLY_AUTH is token: set RUNTALLY_AUTH_JWKS_URL or RUNTALLY_AUTH_SECRET too")
        if self.secret is not None and len(self.secret) < LEAST_SECRET_BYTES:
            raise InvalidIdentity(
                f"RUNTALLY_AUTH_SECRET has {len(self.secret)} bytes: set {LEAST_SECRET_BYTES} or more "
                "(openssl rand -base64 48)"
            )
        if self.auth_jwks_url is not None:
            self._require_provider(self.auth_jwks_url)

    def _require_provider(self, url: str) -> None:
        parts = urlsplit(url)
        if not parts.hostname or not (
            parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
        ):
            raise InvalidIdentity("RUNTALLY_AUTH_JWKS_URL must begin with https:// (http:// on this machine only)")
        if not self.auth_issuer:
            raise InvalidIdentity("RUNTALLY_AUTH_JWKS_URL is set: set RUNTALLY_AUTH_ISSUER to the provider's `iss`")
        unknown = [name for name in self.algorithms if name not in ASYMMETRIC]
        if unknown or not self.algorithms:
            raise InvalidIdentity(f"RUNTALLY_AUTH_ALGORITHMS is '{self.auth_algorithms}': set any of {ASYMMETRIC}")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False

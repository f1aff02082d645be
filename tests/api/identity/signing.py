"""Tokens of every kind for tests, good and bad, and an identity provider that answers HTTP."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

SECRET = "correct horse battery staple, and sixty-four bytes or more of it in all"
ISSUER, AUDIENCE = "runtally", "runtally"


def claims(**changed: Any) -> dict[str, Any]:
    """A token's claims, those with None left out."""
    now = datetime.now(UTC)
    said = {
        "sub": "ann",
        "email": "ann@example.com",
        "workspaces": ["acme"],
        "role": "owner",
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + timedelta(minutes=5),
        **changed,
    }
    return {name: value for name, value in said.items() if value is not None}


def shared(
    secret: str = SECRET, algorithm: str = "HS256", headers: dict[str, Any] | None = None, **changed: Any
) -> str:
    """A token signed by a secret."""
    return jwt.encode(claims(**changed), secret, algorithm=algorithm, headers=headers)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """A key for each name, made once."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def signed(key_id: str, key: PrivateKeyTypes, algorithm: str = "RS256", **changed: Any) -> str:
    """A token of an identity provider."""
    return jwt.encode(claims(**changed), key, algorithm=algorithm, headers={"kid": key_id})  # type: ignore[arg-type]


def unsigned(header: dict[str, Any], **changed: Any) -> str:
    """A token with whatever header, and no signature."""
    said = {
        name: value.timestamp() if isinstance(value, datetime) else value for name, value in claims(**changed).items()
    }
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, said)]
    return ".".join([*parts, ""])


def public(key_id: str, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, **more: Any) -> dict[str, Any]:
    """The public half as JWKS has it."""
    if isinstance(key, rsa.RSAPrivateKey):
        said = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        said = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**said, "kid": key_id, "use": "sig", **more}


@dataclass
class Provider:
    """What the identity provider's address answers, and how often it was asked."""

    url: str = ""
    keys: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    asked: int = 0


@contextmanager
def provider() -> Iterator[Provider]:
    """An identity provider on a port of this machine."""
    known = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known.asked += 1
            body = json.dumps({"keys": known.keys}).encode()
            self.send_response(known.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    known.url = f"http://127.0.0.1:{server.server_port}/jwks"
    try:
        yield known
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

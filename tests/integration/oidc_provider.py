"""An identity provider that signs whoever comes in without a question: the code flow of OpenID Connect, and no more."""

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from api.identity.signing import public, rsa_key, signed

KEY_ID = "of-the-provider"


@dataclass
class OpenIdProvider:
    """Who its next visitor is, by the claims; `signed_in` counts them."""

    issuer: str
    client_id: str
    claims: dict[str, Any]
    signed_in: int = 0
    _nonces: dict[str, str] = field(default_factory=dict)

    def token(self, **more: Any) -> str:
        """The claims, signed for the client."""
        return signed(KEY_ID, rsa_key(KEY_ID), iss=self.issuer, aud=self.client_id, **self.claims, **more)

    def document(self, path: str) -> dict[str, Any]:
        """What it says of itself."""
        if path == "/jwks":
            return {"keys": [public(KEY_ID, rsa_key(KEY_ID))]}
        return {
            "issuer": self.issuer,
            **{f"{name}_endpoint": f"{self.issuer}/{name}" for name in ("authorization", "token")},
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def way_back(self, asked: dict[str, list[str]]) -> str:
        """Where somebody who wants to sign in is sent: back, with a code."""
        code = secrets.token_hex(8)
        self._nonces[code] = asked["nonce"][0]
        return f"{asked['redirect_uri'][0]}?{urlencode({'code': code, 'state': asked['state'][0]})}"

    def redeem(self, code: str) -> dict[str, Any]:
        """The tokens for a code, which is good for one use."""
        self.signed_in += 1
        token = self.token(nonce=self._nonces.pop(code))
        return {"access_token": secrets.token_hex(8), "token_type": "Bearer", "expires_in": 300, "id_token": token}


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if asked.path == "/authorization":
            self.send_response(302)
            self.send_header("Location", self.server.provider.way_back(parse_qs(asked.query)))
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._tell(self.server.provider.document(asked.path))

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self._tell(self.server.provider.redeem(form["code"][0]))

    def _tell(self, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    provider: OpenIdProvider


@contextmanager
def openid_provider(client_id: str, claims: dict[str, Any]) -> Iterator[OpenIdProvider]:
    """It, on a port of this machine, until the block ends."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.provider = OpenIdProvider(f"http://127.0.0.1:{server.server_port}", client_id, claims)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

"""Every route by every role, and every token that must not be believed, through the whole application."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from api.door import Door, assert_problem, open_door
from api.identity.signing import (
    ISSUER,
    SECRET,
    Provider,
    bearer,
    ec_key,
    provider,
    public,
    rsa_key,
    shared,
    signed,
    unsigned,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from pydantic import SecretStr
from runtally_api import routes
from runtally_api.app import make_app
from runtally_api.identity.access import OPEN, PUBLIC_PATHS, SIGNED_IN, declared_access, require_declared
from runtally_api.identity.api_keys import NoKeys
from runtally_api.identity.authentication import make_authenticator
from runtally_api.identity.live_sessions import LiveSessions
from runtally_api.identity.permissions import GRANTED, Permission, Role
from runtally_api.identity.settings import IdentitySettings
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation

SOON, LATER = timedelta(minutes=5), timedelta(hours=1)
FOREIGN_ISSUER = "https://elsewhere.example.com"


@pytest.fixture(scope="module")
def known() -> Iterator[Provider]:
    with provider() as one:
        one.keys = [public("rsa", rsa_key("good")), public("ec", ec_key("good"))]
        yield one


@pytest.fixture(scope="module")
def tokens_only(known: Provider) -> Iterator[Door]:
    """The application that believes a secret and a provider, over a store that is away."""
    settings = IdentitySettings(
        auth="token", auth_secret=SecretStr(SECRET), auth_jwks_url=known.url, auth_issuer=ISSUER
    )
    store = Store(StoreLocation.server("http://127.0.0.1:1"))
    with open_door(store, make_authenticator(settings, NoKeys(), LiveSessions(store))) as door:
        yield door


def _operations(app: FastAPI) -> list[tuple[str, str, list[str]]]:
    """Method, path with its parameters filled, and what each operation of the document says it needs."""
    return [
        (method.upper(), path.replace("{", "").replace("}", ""), operation.get("x-permissions", []))
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
    ]


def _ask(client: httpx.Client, method: str, path: str, token: str | None) -> httpx.Response:
    return client.request(method, path, headers=bearer(token) if token else {}, json=None)


def test_every_route_by_every_role(tokens_only: Door) -> None:
    asked = 0
    for method, path, permissions in _operations(tokens_only.app):
        for role in Role:
            response = _ask(tokens_only.client, method, path, shared(role=role.value))
            allowed = all(Permission(name) in GRANTED[role] for name in permissions if name != SIGNED_IN)
            assert response.status_code != 401, (role, method, path)
            if permissions and not allowed:
                problem = assert_problem(response, 403)
                assert problem["detail"].rsplit(" ", 1)[-1] in permissions
            else:
                assert response.status_code != 403, (role, method, path, response.text)
            asked += 1
    assert asked >= 4 * 30


def test_without_a_token_only_public_paths_answer(tokens_only: Door) -> None:
    for method, path, permissions in _operations(tokens_only.app):
        response = _ask(tokens_only.client, method, path, None)
        assert (response.status_code == 401) == bool(permissions), (method, path)
        assert bool(permissions) == (path not in PUBLIC_PATHS)
    for path in ("/api/v1/nothing", "/", "/api/v1/query/"):
        assert_problem(tokens_only.client.get(path), 401)


def test_the_body_of_nobody_is_not_looked_at(tokens_only: Door) -> None:
    response = tokens_only.client.post("/api/v1/query", content=b"{", headers={"Content-Type": "application/json"})
    assert_problem(response, 401)


def test_a_route_that_asks_nothing_is_refused() -> None:
    careless = APIRouter()
    careless.add_api_route("/api/v1/new", lambda: {}, methods=["GET"])
    with pytest.raises(RuntimeError, match="/api/v1/new: say what it asks"):
        require_declared([careless])


def test_every_route_of_the_application_is_one_that_was_looked_at() -> None:
    """None comes in beside the routers whose routes must declare what they ask."""
    app = make_app(None)  # type: ignore[arg-type] # it is not started
    declared = {
        route.path: declared_access(route)
        for name in dir(routes)
        for route in getattr(getattr(routes, name), "router", APIRouter()).routes
        if isinstance(route, APIRoute)
    }
    assert set(app.openapi()["paths"]) == {path.replace(":given_id", "") for path in declared}
    assert {path for path, access in declared.items() if OPEN in access} <= PUBLIC_PATHS
    assert all(access - {OPEN, SIGNED_IN} <= set(Permission) for access in declared.values())


def _tampered(token: str, part: int) -> str:
    parts = token.split(".")
    parts[part] = parts[part][:-2] + ("AA" if parts[part][-2:] != "AA" else "BB")
    return ".".join(parts)


def _believed_public_half(algorithm: str) -> str:
    """Signed by HMAC with the provider's public key as the secret, which a careless verifier takes."""
    key = rsa_key("good").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    body = unsigned({"alg": algorithm, "typ": "JWT", "kid": "rsa"}).rstrip(".")
    assert json.loads(base64.urlsafe_b64decode(body.split(".")[0] + "=="))["alg"] == algorithm
    digest = hmac.new(key, body.encode(), hashlib.sha256).digest()
    return f"{body}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _of_texts(**changed: Any) -> str:
    """Signed by the secret, with claims that the library would not write."""
    head, body, _ = unsigned({"alg": "HS256", "typ": "JWT"}, **changed).split(".")
    digest = hmac.digest(SECRET.encode(), f"{head}.{body}".encode(), hashlib.sha256)
    return f"{head}.{body}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _bad_tokens() -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "not signed": unsigned({"alg": "none", "typ": "JWT"}),
        "not signed, in capitals": unsigned({"alg": "NONE"}),
        "no algorithm": unsigned({"typ": "JWT"}),
        "an algorithm that is no name": unsigned({"alg": ["HS256"]}),
        "public key as secret": _believed_public_half("HS256"),
        "another secret": shared(secret=SECRET + "!"),
        "another algorithm of the secret": shared(secret=SECRET * 2, algorithm="HS512"),
        "the secret by HS512": shared(algorithm="HS512"),
        "an extension that must be understood": shared(headers={"crit": ["b64"], "b64": True}),
        "another issuer": shared(iss=FOREIGN_ISSUER),
        "no issuer": shared(iss=None),
        "another audience": shared(aud="another"),
        "no audience": shared(aud=None),
        "expired": shared(exp=now - SOON),
        "no expiry": shared(exp=None),
        "valid later": shared(nbf=now + SOON),
        "issued later": shared(iat=now + LATER),
        "an expiry that is no time": shared(exp="tomorrow"),
        "an expiry that is a text": shared(exp=str(int((now + SOON).timestamp()))),
        "an expiry that is a list": shared(exp=[int((now + SOON).timestamp())]),
        "an expiry that is true": shared(exp=True),
        "an expiry without end": shared(exp=float("inf")),
        "an instant of issue that is a list": shared(iat=[1]),
        "a beginning that is an object": shared(nbf={}),
        "an audience of lists": shared(aud=[["runtally"]]),
        "an issuer that is a list": _of_texts(iss=["runtally"]),
        "an issuer with a slash more": shared(iss=ISSUER + "/"),
        "half a character as a subject": shared(sub="\ud800"),
        "half a character as a workspace": shared(workspaces=["acme", "\udc00"]),
        "no subject": shared(sub=None),
        "a subject that is no name": shared(sub=7),
        "a subject that passes for a key": shared(sub="key:rtk_abc"),
        "workspaces that are no names": shared(workspaces=[{"id": "acme"}]),
        "tampered claims": _tampered(shared(), 1),
        "tampered signature": _tampered(shared(), 2),
        "no signature": shared().rsplit(".", 1)[0] + ".",
        "unknown kid": signed("other", rsa_key("good")),
        "no kid": jwt.encode({"sub": "ann"}, rsa_key("good"), algorithm="RS256"),
        "kid of another key": signed("rsa", rsa_key("bad")),
        "kid of a key of another type": signed("ec", rsa_key("good")),
        "RSA by an algorithm that is not allowed": signed("rsa", rsa_key("good"), "RS512"),
        "provider's, expired": signed("rsa", rsa_key("good"), exp=now - SOON),
        "provider's, another issuer": signed("rsa", rsa_key("good"), iss=FOREIGN_ISSUER),
        "too long": shared(padding="x" * 10_000),
        "an API key that nobody has": "rtk_abcdefghijkl_" + "x" * 43,
        "no token": "token",
        "dots": "..",
        "of other characters": "eyJhbGciOiJIUzI1NiJ9.\u00e9.x",
    }


@pytest.mark.parametrize("what", sorted(_bad_tokens()))
def test_a_bad_token_is_answered_as_no_token_is(tokens_only: Door, what: str) -> None:
    def answer(headers: dict[bytes, bytes]) -> tuple[dict[str, Any], dict[str, str]]:
        response = tokens_only.client.get("/api/v1/meta", headers=list(headers.items()))
        problem = assert_problem(response, 401)
        assert response.headers["www-authenticate"] == "Bearer"
        del problem["request_id"]
        kept = {
            name: value for name, value in response.headers.items() if name not in ("x-request-id", "server-timing")
        }
        return problem, kept

    assert answer({b"authorization": b"Bearer " + _bad_tokens()[what].encode()}) == answer({})


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "{}", "Token {}", "Bearer,{}"])
def test_a_good_token_in_a_bad_header_is_none(tokens_only: Door, header: str) -> None:
    response = tokens_only.client.get("/api/v1/meta", headers={"Authorization": header.format(shared())})
    assert_problem(response, 401)


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_headers_neither_is_believed(tokens_only: Door, order: int) -> None:
    """A proxy in front may have looked at the other one."""
    headers = [("Authorization", f"Bearer {shared()}"), ("Authorization", "Bearer another")][::order]
    assert_problem(tokens_only.client.get("/api/v1/meta", headers=headers), 401)


@pytest.mark.parametrize(
    "path", ["/docs/..", "//docs", "/docs/", "/live/../api/v1/meta", "/api/v1/auth/", "/LIVE", "/live%00"]
)
def test_what_looks_like_a_public_path_is_none(tokens_only: Door, path: str) -> None:
    assert_problem(tokens_only.client.request("GET", httpx.URL("http://api").copy_with(raw_path=path.encode())), 401)


@pytest.mark.parametrize("name", ["token", "access_token", "authorization", "api_key"])
def test_tokens_in_addresses_are_not_taken(tokens_only: Door, name: str) -> None:
    assert_problem(tokens_only.client.get("/api/v1/meta", params={name: shared()}), 401)


def test_good_tokens_are_believed(tokens_only: Door) -> None:
    for token in (
        shared(),
        shared(aud=["other", "runtally"]),
        shared(exp=datetime.now(UTC) - timedelta(seconds=5)),
        signed("rsa", rsa_key("good")),
        signed("ec", ec_key("good"), "ES256"),
    ):
        assert tokens_only.client.get("/api/v1/meta", headers=bearer(token)).status_code == 200
        assert tokens_only.client.get("/api/v1/meta", headers={"authorization": f"bearer {token}"}).status_code == 200


def test_a_provider_that_is_away_is_no_reason_to_refuse_for_good(known: Provider) -> None:
    settings = IdentitySettings(auth="token", auth_jwks_url="http://127.0.0.1:1/jwks", auth_issuer=ISSUER)
    store = Store(StoreLocation.server("http://127.0.0.1:1"))
    with open_door(store, make_authenticator(settings, NoKeys(), LiveSessions(store))) as door:
        response = door.client.get("/api/v1/meta", headers=bearer(signed("rsa", rsa_key("good"))))
        assert_problem(response, 503)
        assert response.headers["retry-after"]
        assert_problem(door.client.get("/api/v1/meta", headers=bearer(shared())), 401)


def test_tables_need_the_right_to_export(tokens_only: Door) -> None:
    def ask(role: str, accept: str) -> httpx.Response:
        headers = {**bearer(shared(role=role)), "Accept": accept}
        return tokens_only.client.post("/api/v1/query", json={"measures": ["runs"]}, headers=headers)

    assert "export_analytics" in assert_problem(ask("viewer", "text/csv"), 403)["detail"]
    assert ask("viewer", "application/json").status_code == 503
    assert ask("member", "text/csv").status_code == 503

"""What HTTP asks of the API: origins, headers for browsers, bodies with an end, trusted proxies, no secrets told."""

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import structlog
from api.asgi_client import running
from api.door import StoringPublisher, assert_problem, build_app, run
from api.identity.signing import SECRET, bearer, shared
from pydantic import SecretStr
from runtally.connection import KafkaConnection
from runtally_api.app import create_app
from runtally_api.hygiene import BoundedBodies, ClientAddress, InvalidNetworks, networks
from runtally_api.identity.api_keys import NoKeys
from runtally_api.identity.authentication import make_authenticator
from runtally_api.identity.live_sessions import LiveSessions
from runtally_api.identity.settings import IdentitySettings
from runtally_api.settings import ApiSettings
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation
from starlette.types import Message, Receive, Scope, Send

CATALOGUE, QUERY = "/api/v1/meta", "/api/v1/query"


@contextmanager
def served(*, guarded: bool = False, **settings: Any) -> Iterator[httpx.Client]:
    """The application over a store that is away."""
    store = Store(StoreLocation.server("http://127.0.0.1:1"))
    identity = IdentitySettings(auth="token", auth_secret=SecretStr(SECRET))
    authenticator = make_authenticator(identity, NoKeys(), LiveSessions(store)) if guarded else None
    app = build_app(store, StoringPublisher(store, late=True), [], authenticator, settings=ApiSettings(**settings))
    with running(app) as client:
        yield client


@pytest.mark.parametrize("path", [CATALOGUE, "/live", "/metrics", "/nowhere", "/api/v1/runs", "/docs"])
def test_browsers_guess_frame_and_keep_nothing(path: str) -> None:
    with served() as client:
        headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in headers


def test_tls_is_demanded_only_where_it_is_said() -> None:
    with served(hsts_seconds=600) as client:
        assert client.get("/live").headers["strict-transport-security"] == "max-age=600"


def test_no_origin_is_allowed_unless_it_is_listed() -> None:
    asked = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET"}
    with served(guarded=True) as client:
        assert "access-control-allow-origin" not in client.options(CATALOGUE, headers=asked).headers
        assert "access-control-allow-origin" not in client.get(CATALOGUE, headers=asked).headers
    with served(guarded=True, cors_origins="https://app.example.com/, https://b.example.com") as client:
        allowed = client.options(CATALOGUE, headers={**asked, "Access-Control-Request-Headers": "authorization"})
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://app.example.com"
        assert "access-control-allow-credentials" not in allowed.headers
        assert client.options(CATALOGUE, headers={**asked, "Origin": "https://evil.example.com"}).status_code == 400
        answer = client.get(CATALOGUE, headers={"Origin": "https://evil.example.com", **bearer(shared())})
        assert "access-control-allow-origin" not in answer.headers


def test_a_question_has_an_end() -> None:
    with served() as client:
        large = json.dumps({"measures": ["runs"], "dimensions": ["x" * 2_000_000]})
        answer = client.post(QUERY, content=large, headers={"Content-Type": "application/json"})
        assert "at most 1048576 bytes" in assert_problem(answer, 413)["detail"]
        small = json.dumps({"measures": ["runs"], "dimensions": ["x" * 900_000]})
        assert client.post(QUERY, content=small, headers={"Content-Type": "application/json"}).status_code == 422
        # What is taken in has a bound of its own, which is larger.
        events = client.post(
            "/api/v1/runs", json=[run(f"r-{number}", error_message="x" * 3000) for number in range(400)]
        )
        assert events.status_code == 202


def test_headers_have_an_end_and_tell_one_length() -> None:
    """Each answer ends the connection: what follows on it may be no request of that caller."""
    with served() as client:
        large = client.get(CATALOGUE, headers={"X-Much": "x" * 66_000})
        assert "at most 65536 bytes" in assert_problem(large, 431)["detail"]
        assert client.get(CATALOGUE, headers={"X-Much": "x" * 60_000}).status_code == 200
        of_two = client.post(QUERY, content=b"{}", headers={"Transfer-Encoding": "chunked"})
        assert assert_problem(of_two, 400)["type"] == "/problems/two-lengths"
        assert large.headers["connection"] == of_two.headers["connection"] == "close"


def test_a_body_that_does_not_come_is_answered() -> None:
    async def story() -> list[Message]:
        async def reading(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            raise AssertionError("it came")

        async def never() -> Message:
            await asyncio.Event().wait()
            raise AssertionError("it came")

        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "path": QUERY, "state": {"request_id": "r"}, "headers": []}
        await BoundedBodies(reading, seconds=0.01)(scope, never, send)
        return sent

    start, body = asyncio.run(story())
    assert start["status"] == 408
    assert json.loads(body["body"])["type"] == "/problems/too-slow"


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "found"),
    [
        ("", "203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.0.0.0/8", "203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.0.0.0/8", "10.1.2.3", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.0/8", "10.1.2.3", ["1.1.1.1, 198.51.100.1, 10.9.9.9"], "198.51.100.1"),
        ("10.0.0.0/8", "10.1.2.3", ["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.0/8", "10.1.2.3", ["not an address"], "10.1.2.3"),
        ("10.0.0.0/8", "10.1.2.3", [], "10.1.2.3"),
        ("10.0.0.0/8", "10.1.2.3", ["10.7.7.7"], "10.7.7.7"),
        ("fd00::/8", "fd00::1", ["2001:db8::5"], "2001:db8::5"),
    ],
)
def test_only_trusted_proxies_are_believed(trusted: str, peer: str, forwarded: list[str], found: str) -> None:
    async def story() -> object:
        seen: list[Scope] = []

        async def inner(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope)

        async def nothing(*_: object) -> Any:
            raise AssertionError("nobody reads or writes")

        headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
        scope = {"type": "http", "client": (peer, 4711), "headers": headers}
        await ClientAddress(inner, networks(trusted))(scope, nothing, nothing)
        return seen[0]["client"][0]

    assert asyncio.run(story()) == found


def test_a_network_that_cannot_be_read_is_told() -> None:
    assert len(networks("10.0.0.0/8, ::1/128,")) == 2
    with pytest.raises(InvalidNetworks, match=r"RUNTALLY_TRUSTED_PROXIES: .*10\.0\.0\.1/8.*set networks such as"):
        networks("10.0.0.1/8")


def test_secrets_are_in_no_line_and_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    secret, key, inside = shared(sub="zq-secret"), "rtk_zqsecretkey", "zqsecretinside"
    caplog.set_level(logging.DEBUG)
    logging.getLogger("hpack").setLevel(logging.INFO)
    told: list[str] = []
    with structlog.testing.capture_logs() as lines, served(guarded=True) as client:
        for authorization in (f"Bearer {secret}x", f"Bearer {key}", f"Basic {inside}", f"Bearer {secret}"):
            for path in (CATALOGUE, "/api/v1/runs", "/nowhere", f"/api/v1/runs?access_token={inside}"):
                answer = client.get(path, headers={"Authorization": authorization, "X-API-Key": key, "Cookie": inside})
                told.append(f"{answer.headers} {answer.text}")
    logged = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    everything = "\n".join([*told, *map(str, lines), *logged])
    assert told
    for hidden in (secret, key, inside, SECRET):
        assert hidden not in everything
    assert SECRET not in repr(IdentitySettings(auth="token", auth_secret=SecretStr(SECRET)))
    storage = ApiSettings(rate_storage_url=SecretStr("redis://:zqsecret@h:6379"))
    assert "zqsecret" not in repr(storage)


@pytest.mark.parametrize(
    ("routes", "there", "away"),
    [
        ("all", ["/api/v1/agents", "/api/v1/activity"], []),
        ("read", ["/api/v1/agents", "/api/v1/query"], ["/api/v1/activity"]),
        ("ingest", ["/api/v1/activity", "/api/v1/runs"], ["/api/v1/agents", "/api/v1/query", "/api/v1/meta"]),
    ],
)
def test_a_process_has_only_the_routes_that_it_is_for(routes: str, there: list[str], away: list[str]) -> None:
    store = Store(StoreLocation.server("http://127.0.0.1:1"))
    app = build_app(store, StoringPublisher(store), [], settings=ApiSettings(api_routes=routes))
    paths = app.openapi()["paths"]
    assert [path for path in there if path not in paths] == []
    assert [path for path in away if path in paths] == []
    assert {"/live", "/ready", "/metrics"} <= set(paths)
    assert ("get" in paths.get("/api/v1/runs", {})) == (routes != "ingest")
    assert ("post" in paths.get("/api/v1/runs", {})) == (routes != "read")


@pytest.mark.parametrize(("routes", "reasons"), [("read", ["store"]), ("ingest", ["no Kafka broker"])])
def test_a_process_is_ready_without_what_it_does_not_need(routes: str, reasons: list[str]) -> None:
    store = Store(StoreLocation.server("http://127.0.0.1:1"))
    settings = ApiSettings(api_routes=routes)
    app = create_app(settings, KafkaConnection(bootstrap="127.0.0.1:1"), store)
    with running(app) as client:
        found = client.get("/ready").json()["reasons"]
    assert [reason.startswith(wanted) for reason, wanted in zip(found, reasons, strict=True)] == [True]

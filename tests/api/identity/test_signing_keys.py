"""The identity provider's keys over HTTP: kept, rotated, asked for seldom, and the provider away."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from api.identity.signing import Provider, ec_key, provider, public, rsa_key
from runtally_api.identity.signing_keys import FETCH_PAUSE_SECONDS, KeysUnavailable, SigningKeys, http_fetch

ALLOWED = ("RS256", "ES256")
CACHE_SECONDS = 600.0


class Clock:
    """A clock that the test turns."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def known() -> Iterator[Provider]:
    with provider() as one:
        one.keys = [public("first", rsa_key("first"))]
        yield one


def _keys(known: Provider, clock: Clock) -> SigningKeys:
    return SigningKeys(http_fetch(known.url, 5), ALLOWED, CACHE_SECONDS, clock)


def test_keys_are_fetched_once(known: Provider) -> None:
    keys = _keys(known, Clock())
    assert keys.fresh("first") is None
    for _ in range(3):
        found = keys.get("first")
        assert found is not None
        assert found.algorithms == ("RS256",)
    assert keys.fresh("first") is not None
    assert known.asked == 1


def test_a_new_key_is_found_and_an_old_one_is_forgotten(known: Provider) -> None:
    clock = Clock()
    keys = _keys(known, clock)
    assert keys.get("first")
    known.keys = [public("second", ec_key("second"))]
    clock.now += FETCH_PAUSE_SECONDS + 1
    found = keys.get("second")
    assert found is not None
    assert found.algorithms == ("ES256",)
    assert keys.get("first") is None
    assert known.asked == 2


def test_unknown_keys_lead_to_one_fetch_and_no_other_for_a_while(known: Provider) -> None:
    clock = Clock()
    keys = _keys(known, clock)
    for number in range(20):
        assert keys.get(f"unknown-{number}") is None
    assert known.asked == 1
    clock.now += FETCH_PAUSE_SECONDS + 1
    assert keys.get("unknown") is None
    assert known.asked == 2
    assert keys.get("first") is not None


def test_known_keys_go_on_while_the_provider_is_away(known: Provider) -> None:
    clock = Clock()
    keys = _keys(known, clock)
    assert keys.get("first")
    known.status = 500
    clock.now += CACHE_SECONDS + 1
    assert keys.get("first") is not None
    with pytest.raises(KeysUnavailable):
        keys.get("second")
    assert known.asked == 2
    known.status = 200
    clock.now += FETCH_PAUSE_SECONDS + 1
    assert keys.get("second") is None


def test_a_key_that_was_withdrawn_is_gone_once_the_cache_is_old(known: Provider) -> None:
    clock = Clock()
    keys = _keys(known, clock)
    assert keys.get("first")
    known.keys = []
    clock.now += CACHE_SECONDS + 1
    assert keys.get("first") is None


def test_nobody_there_is_no_answer() -> None:
    with pytest.raises(KeysUnavailable):
        SigningKeys(http_fetch("http://127.0.0.1:1/jwks", 1), ALLOWED, CACHE_SECONDS).get("first")


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "oct", "kid": "first", "k": "c2VjcmV0", "alg": "HS256"},
        public("first", rsa_key("first"), use="enc"),
        public("first", rsa_key("first"), alg="RS512"),
        public("first", rsa_key("first"), alg="none"),
        {"kty": "RSA", "kid": "first", "n": "!", "e": "AQAB"},
        {"kty": "RSA", "kid": "first", "n": 7, "e": 3},
        {**public("first", rsa_key("first")), "e": "Ag"},
        {**public("first", ec_key("first")), "x": public("other", ec_key("other"))["x"]},
        {"kid": "first"},
    ],
)
def test_what_cannot_verify_is_passed_over(known: Provider, key: dict[str, str]) -> None:
    known.keys = [key, public("second", rsa_key("second"))]
    keys = _keys(known, Clock())
    assert keys.get("first") is None
    assert keys.get("second") is not None


def test_a_token_need_not_name_the_only_key_that_there_is(known: Provider) -> None:
    clock = Clock()
    keys = _keys(known, clock)
    assert keys.get("") is keys.get("first") is not None
    known.keys.append(public("second", rsa_key("second")))
    clock.now += CACHE_SECONDS + 1
    assert keys.get("") is None


def test_known_keys_go_on_while_somebody_else_waits_for_the_provider() -> None:
    """A provider that never ends its answer holds up one fetch, and nobody whose key is known."""
    asked, goes_on = threading.Event(), threading.Event()
    clock, documents = Clock(), [json.dumps({"keys": [public("first", rsa_key("first"))]}).encode()]

    def fetch() -> bytes:
        if documents:
            return documents.pop()
        asked.set()
        goes_on.wait()
        raise TimeoutError

    keys = SigningKeys(fetch, ALLOWED, CACHE_SECONDS, clock)
    assert keys.get("first")
    clock.now += CACHE_SECONDS + 1
    waiting = threading.Thread(target=keys.get, args=("first",))
    waiting.start()
    try:
        assert asked.wait(30)
        clock.now += FETCH_PAUSE_SECONDS + 1
        assert keys.fresh("first") is not None
        assert keys.get("first") is not None
    finally:
        goes_on.set()
        waiting.join()


def test_an_answer_that_comes_byte_by_byte_has_an_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while True:
                    connection.sendall(b" ")

        dripping = threading.Thread(target=drip)
        dripping.start()
        with pytest.raises(OSError, match=r"not all of it came|timed out"):
            http_fetch(f"http://127.0.0.1:{server.getsockname()[1]}/jwks", 0.2)()
        dripping.join()


def test_documents_that_are_none_count_as_away() -> None:
    for document in (b"", b"[]", b"{}", b"\xff", b'{"keys": 1}', b"[" * 100_000):
        with pytest.raises(KeysUnavailable):
            SigningKeys(lambda given=document: given, ALLOWED, CACHE_SECONDS).get("first")  # type: ignore[misc]

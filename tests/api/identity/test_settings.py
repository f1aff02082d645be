"""What refuses to start, and what it says then."""

import pytest
from api.identity.signing import SECRET
from pydantic import SecretStr
from runtally.connection import KafkaConnection
from runtally_api.app import create_app
from runtally_api.identity.settings import IdentitySettings, InvalidIdentity, is_loopback
from runtally_api.settings import ApiSettings
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation

PROVIDER = "https://login.example.com/jwks"


def _create(host: str, identity: IdentitySettings) -> None:
    store = Store(StoreLocation.server("http://127.0.0.1:1"))
    create_app(ApiSettings(host=host), KafkaConnection(), store, identity=identity)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "api.example.com", ""])
def test_nothing_listens_wider_without_authentication(host: str) -> None:
    with pytest.raises(InvalidIdentity, match=r"RUNTALLY_AUTH=token .*RUNTALLY_AUTH=open"):
        _create(host, IdentitySettings())


@pytest.mark.parametrize(
    ("host", "identity"),
    [
        ("127.0.0.1", IdentitySettings()),
        ("::1", IdentitySettings()),
        ("localhost", IdentitySettings()),
        ("0.0.0.0", IdentitySettings(auth="open")),
        ("0.0.0.0", IdentitySettings(auth="token", auth_secret=SecretStr(SECRET))),
        ("0.0.0.0", IdentitySettings(auth_secret=SecretStr(SECRET))),
        ("0.0.0.0", IdentitySettings(auth="token", auth_jwks_url=PROVIDER, auth_issuer="https://login.example.com")),
    ],
)
def test_what_may_listen_starts(host: str, identity: IdentitySettings) -> None:
    _create(host, identity)
    assert identity.is_open == (identity.auth == "open" or not identity.has_keys)


@pytest.mark.parametrize(
    ("identity", "message"),
    [
        (IdentitySettings(auth="token"), "set RUNTALLY_AUTH_JWKS_URL or RUNTALLY_AUTH_SECRET"),
        (IdentitySettings(auth_issuer="https://login.example.com"), "RUNTALLY_AUTH_ISSUER is set.*JWKS_URL"),
        (IdentitySettings(auth_secret=SecretStr("x" * 31)), "has 31 bytes: set 32"),
        (IdentitySettings(auth_jwks_url=PROVIDER), "RUNTALLY_AUTH_ISSUER"),
        (IdentitySettings(auth_jwks_url="http://login.example.com/jwks", auth_issuer="x"), "must begin with https"),
        (IdentitySettings(auth_jwks_url="ftp://127.0.0.1/jwks", auth_issuer="x"), "must begin with https"),
        (
            IdentitySettings(auth_jwks_url=PROVIDER, auth_issuer="x", auth_algorithms="HS256"),
            "RUNTALLY_AUTH_ALGORITHMS",
        ),
        (IdentitySettings(auth_jwks_url=PROVIDER, auth_issuer="x", auth_algorithms="none"), "RUNTALLY_AUTH_ALGORITHMS"),
        (IdentitySettings(auth_jwks_url=PROVIDER, auth_issuer="x", auth_algorithms=","), "RUNTALLY_AUTH_ALGORITHMS"),
    ],
)
def test_weak_settings_are_refused_by_name(identity: IdentitySettings, message: str) -> None:
    with pytest.raises(InvalidIdentity, match=message) as refused:
        _create("127.0.0.1", identity)
    assert "xxx" not in str(refused.value), "a secret is never told"


def test_the_secret_is_not_shown() -> None:
    assert SECRET not in repr(IdentitySettings(auth_secret=SecretStr(SECRET)))


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTALLY_AUTH_SECRET", "")
    monkeypatch.setenv("RUNTALLY_AUTH", "")
    assert IdentitySettings().auth_secret is None
    assert IdentitySettings().is_open


def test_addresses_of_this_machine_alone() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.0.1", "::1", "[::1]", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "localhost.example.com", "")))


def test_what_an_open_api_does_not_look_at_is_named() -> None:
    idle = IdentitySettings(auth="open", auth_secret=SecretStr(SECRET), auth_issuer="x").idle_settings()
    assert idle is not None
    assert "RUNTALLY_AUTH_SECRET and RUNTALLY_AUTH_ISSUER: no effect" in idle
    assert SECRET not in idle
    assert IdentitySettings(auth="open").idle_settings() is None
    assert IdentitySettings(auth="token", auth_secret=SecretStr(SECRET)).idle_settings() is None

"""Keys, users and tokens from the command line, on an embedded store that this command opens itself."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from api.identity.signing import SECRET
from backends.clickhouse_backend import ClickHouseBackend
from clickhouse.stores import empty, migrated_store
from runtally_api.identity.api_keys import StoredKeys
from runtally_api.identity.authentication import token_rules
from runtally_api.identity.passwords import is_password
from runtally_api.identity.permissions import GRANTED, Permission, Role
from runtally_api.identity.settings import IdentitySettings
from runtally_api.identity.tokens import TokenVerifier
from runtally_cli.access import command
from runtally_cli.local.admin import OPERATIONS
from runtally_cli.main import app
from runtally_clickhouse.audit_log import AuditPage, newest_entries
from runtally_clickhouse.client import Store
from runtally_clickhouse.local_users import find_users
from typer.testing import CliRunner, Result

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def shared_store(clickhouse: ClickHouseBackend, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with migrated_store("embedded", clickhouse, tmp_path_factory.getbasetemp()) as store:
        yield store


@pytest.fixture
def store(shared_store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store; the commands' operations run on it, as in the process that holds one."""

    def ask(operation: str, **parameters: Any) -> Any:
        given = json.loads(json.dumps({**parameters, "by": "tester"}))
        return json.loads(json.dumps(OPERATIONS[operation](shared_store, given)))

    monkeypatch.setattr(command, "ask", ask)
    return empty(shared_store)


def _run(*arguments: str, answer: str | None = None, code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(arguments), input=answer)
    assert result.exit_code == code, result.output
    return result


def _create(*more: str) -> str:
    arguments = ("--permission", "ingest_runs", "--workspace", "acme", *more)
    return _run("keys", "create", "emitter", *arguments).stdout.strip()


def test_a_key_is_made_used_listed_and_revoked(store: Store) -> None:
    assert _run("keys", "list").stdout == "no API keys\n"
    key = _create("--permission", "view_analytics")
    keys = StoredKeys(store, lambda: datetime.now(UTC))
    caller = keys.caller(key)
    assert caller is not None
    assert caller.permissions == {Permission.INGEST_RUNS, Permission.VIEW_ANALYTICS}
    assert caller.workspaces == frozenset({"acme"})
    listed = _run("keys", "list").stdout
    assert "active" in listed
    assert "made by command:tester" in listed
    assert key not in listed
    (told,) = json.loads(_run("keys", "list", "--json").stdout)
    assert told["prefix"] == key.rsplit("_", 1)[0] or key.startswith(told["prefix"])
    for _ in range(2):
        assert _run("keys", "revoke", told["prefix"]).stdout == f"{told['prefix']} is revoked\n"
    assert keys.caller(key) is None
    assert "revoked" in _run("keys", "list").stdout
    acts = [(entry.act, entry.actor) for entry in newest_entries(store, AuditPage(None, 9))]
    assert acts == [("key_revoke", "command:tester"), ("key_create", "command:tester")]


def test_a_key_ends_after_its_days_or_never(store: Store) -> None:
    soon, never = _create("--days", "1"), _create("--days", "0")
    keys = StoredKeys(store, lambda: datetime.now(UTC) + timedelta(days=2))
    assert keys.caller(soon) is None
    assert keys.caller(never) is not None


def test_keys_that_cannot_be_are_explained(store: Store) -> None:
    assert "no API key rtk_nothing" in _run("keys", "revoke", "nothing", code=1).stderr
    _run("keys", "create", "x", "--permission", "fly", "--workspace", "acme", code=2)
    _run("keys", "create", "x", "--permission", "ingest_runs", code=2)


def test_a_user_is_added_changed_and_removed(store: Store) -> None:
    add = ("users", "add", "Ann@Example.com", "--role", "admin", "--workspace", "acme")
    assert _run("users", "list").stdout == "no users\n"
    assert _run(*add, answer=f"{PASSWORD}\n{PASSWORD}\n").stdout.endswith("ann@example.com  admin of acme\n")
    (user,) = find_users(store)
    assert is_password(PASSWORD, user.password_hash)
    assert "there is a user ann@example.com" in _run(*add, "--password-stdin", answer=f"{PASSWORD}\n", code=1).stderr
    _run("users", "password", "ann@example.com", "--password-stdin", answer=f"{PASSWORD}!\n")
    (changed,) = find_users(store)
    assert is_password(f"{PASSWORD}!", changed.password_hash)
    assert changed.signed_in_since is not None
    assert user.signed_in_since is not None
    assert changed.signed_in_since > user.signed_in_since
    assert json.loads(_run("users", "list", "--json").stdout) == [
        {"email": "ann@example.com", "role": "admin", "workspaces": ["acme"]}
    ]
    _run("users", "remove", "ann@example.com")
    assert find_users(store) == []
    assert "no user ann@example.com" in _run("users", "remove", "ann@example.com", code=1).stderr
    changes = [entry.details["change"] for entry in newest_entries(store, AuditPage(None, 9))]
    assert changes == ["removed", "password", "added"]


@pytest.mark.parametrize(
    ("email", "password", "said"), [("ann", PASSWORD, "is no email"), ("a@b", "short", "12 to 1024")]
)
def test_users_that_cannot_be_are_explained(store: Store, email: str, password: str, said: str) -> None:
    result = _run(
        "users",
        "add",
        email,
        "--role",
        "viewer",
        "--workspace",
        "*",
        "--password-stdin",
        answer=f"{password}\n",
        code=1,
    )
    assert said in result.stderr
    assert find_users(store) == []


def test_a_dev_token_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTALLY_AUTH_SECRET", SECRET)
    settings = IdentitySettings()
    verifier = TokenVerifier(token_rules(settings), settings.secret, None)
    everything = verifier.caller(_run("dev-token").stdout.strip())
    assert (everything.subject, everything.workspaces) == ("dev", None)
    assert everything.permissions == GRANTED[Role.OWNER]
    narrow = verifier.caller(_run("dev-token", "--role", "viewer", "--workspace", "acme").stdout.strip())
    assert (narrow.permissions, narrow.workspaces) == (GRANTED[Role.VIEWER], frozenset({"acme"}))


def test_a_dev_token_needs_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNTALLY_AUTH_SECRET", raising=False)
    assert "RUNTALLY_AUTH_SECRET is not set" in _run("dev-token", code=1).stderr
    monkeypatch.setenv("RUNTALLY_AUTH_SECRET", "short")
    assert "set 32 or more" in _run("dev-token", code=1).stderr

"""Refused tokens and sign-ins of nobody known are in the audit log, and flood it by no means."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from api.asgi_client import running
from api.door import assert_problem, build_app
from api.identity.conftest import Guarded
from api.identity.signing import shared
from api.identity.test_sign_in import EMAIL, LOGIN, REFRESH, USER
from runtally_api.identity import refusals
from runtally_api.identity.api_keys import new_key
from runtally_api.identity.audit import AuditTrail, Origin
from runtally_api.identity.permissions import Permission
from runtally_api.identity.refusals import OTHERS, WINDOW, Refusal, Refusals
from runtally_api.settings import ApiSettings
from runtally_clickhouse.audit_log import Act, AuditPage, newest_entries
from runtally_clickhouse.errors import StoreUnavailable
from runtally_clickhouse.local_users import put_user

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def _entries(guarded: Guarded, **asked: str) -> list[dict[str, Any]]:
    answer = guarded.ask("GET", "/api/v1/audit", shared(workspaces="*"), params=asked).json()
    return list(reversed(answer["data"]))


def _told(entry: dict[str, Any]) -> tuple[str, str, str, str, str]:
    details = entry["details"]
    return entry["act"], entry["outcome"], entry["target"], details["reason"], details["times"]


def test_a_refused_token_is_recorded_with_what_was_wrong_and_never_with_itself(guarded: Guarded) -> None:
    key = new_key("k", frozenset({Permission.VIEW_ANALYTICS}), None, "ann", guarded.now(), None)
    for token in (shared(exp=NOW - timedelta(days=400)), key.text):
        assert_problem(guarded.ask("GET", "/api/v1/runs", token), 401)
    found = _entries(guarded, act="token_refused")
    prefix = "_".join(key.text.split("_")[:2])
    assert sorted(map(_told, found)) == [
        ("token_refused", "refused", "", "ExpiredSignatureError", "1"),
        ("token_refused", "refused", prefix, "UnknownKey", "1"),
    ]
    assert {(entry["actor"], entry["source_address"] != "", entry["workspaces"] == []) for entry in found} == {
        ("unknown", True, True)
    }
    assert key.text not in str(found)
    assert guarded.ask("GET", "/api/v1/audit", shared(), params={"act": "token_refused"}).json()["data"] == []


def test_who_shows_nothing_is_not_recorded(guarded: Guarded) -> None:
    assert_problem(guarded.door.client.get("/api/v1/runs"), 401)
    assert _entries(guarded) == []


def test_a_thousand_refusals_are_a_few_entries(guarded: Guarded) -> None:
    for _ in range(101):
        assert_problem(guarded.ask("GET", "/api/v1/runs", "x.y.z"), 401)
    assert [entry["details"]["times"] for entry in _entries(guarded)] == ["1", "10", "100"]


def test_sign_ins_and_refreshes_of_nobody_known_are_counted_as_well(guarded: Guarded) -> None:
    for number in range(11):
        body = {"email": f"nobody-{number}@example.com", "password": "my password in the wrong field"}
        assert_problem(guarded.door.client.post(LOGIN, json=body), 401)
        assert_problem(guarded.door.client.post(REFRESH, json={"refresh_token": "x"}), 401)
    assert [_told(entry) for entry in _entries(guarded, act="sign_in")] == [
        ("sign_in", "refused", "", "NobodyKnown", "1"),
        ("sign_in", "refused", "", "NobodyKnown", "10"),
    ]
    assert [entry["details"]["times"] for entry in _entries(guarded, act="token_refresh")] == ["1", "10"]
    assert "nobody-" not in str(_entries(guarded))


def test_tries_at_an_account_that_rests_are_recorded(guarded: Guarded) -> None:
    put_user(guarded.store, USER, guarded.now())
    for _ in range(12):
        guarded.door.client.post(LOGIN, json={"email": EMAIL, "password": "wrong"})
    found = [(entry["actor"], entry["details"].get("reason")) for entry in _entries(guarded, act="sign_in")]
    assert found == [*[(EMAIL, None)] * 10, ("unknown", "TooManyAttempts")]


def test_a_refusal_stays_one_while_the_log_cannot_be_written(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(table: str, rows: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(guarded.door.app.state.parts.access.refusals._audit._writer, "insert", lost)
    assert_problem(guarded.ask("GET", "/api/v1/runs", "x.y.z"), 401)


def test_addresses_beyond_the_first_are_counted_together(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "MOST_KEPT", 3)
    now = [NOW]
    counting = Refusals(AuditTrail(guarded.store, lambda: now[0]), lambda: now[0])
    for number in range(100):
        counting.tell(Refusal(Act.TOKEN_REFUSED, Origin(f"192.0.2.{number}", "r")))
    entries = newest_entries(guarded.store, AuditPage(None, 1000))
    told = sorted((dict(entry.details).get("of", ""), dict(entry.details)["times"]) for entry in entries)
    assert told == [("", "1"), ("", "1"), ("", "1"), (OTHERS, "1"), (OTHERS, "10")]
    now[0] += WINDOW
    assert counting.counted(Refusal(Act.TOKEN_REFUSED, Origin("192.0.2.99", "r"))) is not None, "a window of its own"


@pytest.mark.parametrize(("trusted", "told"), [("", "127.0.0.1"), ("127.0.0.0/8", "203.0.113.9")])
def test_where_it_came_from_is_said_by_trusted_proxies_alone(guarded: Guarded, trusted: str, told: str) -> None:
    parts = guarded.door.app.state.parts
    settings = ApiSettings(trusted_proxies=trusted)
    app = build_app(guarded.store, guarded.door.publisher, [], parts.authenticator, parts.access, settings)
    with running(app) as client:
        headers = {"Authorization": "Bearer x.y.z", "X-Forwarded-For": "198.51.100.1, 203.0.113.9"}
        assert_problem(client.get("/api/v1/runs", headers=headers), 401)
    assert [entry["source_address"] for entry in _entries(guarded)] == [told]

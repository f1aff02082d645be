"""API keys through the API: made, shown once, used, listed, revoked, and never more than their maker has."""

from datetime import timedelta
from typing import Any

import pytest
from api.door import assert_problem, run
from api.identity.conftest import Guarded
from api.identity.signing import shared
from runtally_clickhouse.api_keys import StoredKey, add_key

EMITTER = {"name": "emitter", "permissions": ["ingest_runs"], "workspaces": ["acme"]}


def _create(guarded: Guarded, token: str | None = None, **changed: Any) -> dict[str, Any]:
    response = guarded.ask("POST", "/api/v1/keys", token, json={**EMITTER, **changed})
    assert response.status_code == 201, response.text
    assert response.headers["cache-control"] == "no-store"
    created: dict[str, Any] = response.json()
    return created


def test_a_key_writes_runs_of_its_workspaces_alone(guarded: Guarded) -> None:
    key = _create(guarded)["key"]
    response = guarded.ask("POST", "/api/v1/runs", key, json=[run("a"), run("b", workspace_id="beta"), run("c")])
    problem = response.json()
    assert response.status_code == 422
    assert (problem["accepted"], problem["rejected"]) == (2, 1)
    (error,) = problem["errors"]
    assert (error["index"], error["run_id"], error["field"]) == (1, "b", "workspace_id")
    assert error["message"] == "is none of the workspaces that the caller may write"
    assert {event.run_id for event in guarded.door.publisher.published} == {"a", "c"}  # type: ignore[attr-defined]
    for path, field in (("feedback", "feedback_id"), ("lifecycle", "event_id"), ("activity", "event_id")):
        foreign = guarded.ask("POST", f"/api/v1/{path}", key, json={field: "x", "workspace_id": "beta"})
        assert foreign.json()["accepted"] == 0
    assert_problem(guarded.ask("GET", "/api/v1/meta", key), 403)


def test_a_key_is_shown_once_and_stored_as_a_digest(guarded: Guarded) -> None:
    created = _create(guarded)
    text, secret = created["key"], created["key"].rsplit("_", 1)[-1]
    assert text.startswith(created["prefix"] + "_")
    listed = guarded.ask("GET", "/api/v1/keys")
    assert [one["key_id"] for one in listed.json()["data"]] == [created["key_id"]]
    assert "key" not in listed.json()["data"][0]
    audit = guarded.ask("GET", "/api/v1/audit").text
    tables = ("api_keys", "api_key_revocations", "api_key_uses", "audit_log")
    stored = [str(guarded.store.unmerged(f"SELECT * FROM {table}")) for table in tables]
    assert not [text for text in (*stored, audit, listed.text) if secret in text]


def test_a_revoked_key_is_refused_at_once(guarded: Guarded) -> None:
    created = _create(guarded, permissions=["view_analytics"])
    assert guarded.ask("GET", "/api/v1/meta", created["key"]).status_code == 200
    used = guarded.ask("GET", "/api/v1/keys").json()["data"][0]
    assert used["last_used_at"] is not None
    for _ in range(2):
        assert guarded.ask("DELETE", f"/api/v1/keys/{created['prefix']}").status_code == 204
    assert_problem(guarded.ask("GET", "/api/v1/meta", created["key"]), 401)
    assert guarded.ask("GET", "/api/v1/keys").json()["data"][0]["revoked_at"] is not None
    acts = [(entry["act"], entry["target"]) for entry in guarded.ask("GET", "/api/v1/audit").json()["data"]]
    assert acts == [("key_revoke", created["prefix"]), ("key_create", created["prefix"])]


def test_a_key_expires(guarded: Guarded) -> None:
    key = _create(guarded, permissions=["view_analytics"], expires_in_days=1)["key"]
    forever = _create(guarded, permissions=["view_analytics"], expires_in_days=None)["key"]
    guarded.ahead = timedelta(days=1, seconds=1)
    assert_problem(guarded.ask("GET", "/api/v1/meta", key), 401)
    assert guarded.ask("GET", "/api/v1/meta", forever).status_code == 200


@pytest.mark.parametrize("change", [-1, 5, 20])
def test_a_key_of_which_one_character_is_another_is_none(guarded: Guarded, change: int) -> None:
    key = _create(guarded, permissions=["view_analytics"])["key"]
    other = list(key)
    other[change] = "a" if other[change] != "a" else "b"
    assert_problem(guarded.ask("GET", "/api/v1/meta", "".join(other)), 401)


@pytest.mark.parametrize(
    ("claims", "asked", "field"),
    [
        ({"role": "admin"}, {}, "permissions"),
        ({"role": "admin"}, {"permissions": ["view_analytics", "erase_data"]}, "permissions"),
        ({}, {"workspaces": ["acme", "beta"]}, "workspaces"),
        ({}, {"workspaces": ["*"]}, "workspaces"),
        ({"workspaces": []}, {}, "workspaces"),
    ],
)
def test_nobody_gives_more_than_they_have(
    guarded: Guarded, claims: dict[str, Any], asked: dict[str, Any], field: str
) -> None:
    response = guarded.ask("POST", "/api/v1/keys", shared(**claims), json={**EMITTER, **asked})
    assert assert_problem(response, 403)["errors"][0]["field"] == field
    assert guarded.ask("GET", "/api/v1/keys").json()["data"] == []


def test_a_key_makes_none_that_outlives_it(guarded: Guarded) -> None:
    both = ["manage_keys", "view_analytics"]
    short = _create(guarded, permissions=both, expires_in_days=7)["key"]
    for days in (None, 8):
        asked = {**EMITTER, "permissions": both, "expires_in_days": days}
        response = guarded.ask("POST", "/api/v1/keys", short, json=asked)
        assert assert_problem(response, 403)["errors"][0]["field"] == "expires_in_days"
    assert _create(guarded, short, permissions=both, expires_in_days=6)["created_by"].startswith("key:rtk_")
    forever = _create(guarded, permissions=both, expires_in_days=None)["key"]
    assert _create(guarded, forever, permissions=both, expires_in_days=None)["expires_at"] is None


def test_an_owner_of_everything_gives_everything(guarded: Guarded) -> None:
    key = _create(guarded, shared(workspaces="*"), workspaces=["*"])["key"]
    assert guarded.ask("POST", "/api/v1/runs", key, json=run(workspace_id="anything")).status_code == 202


def test_keys_of_others_are_neither_seen_nor_revoked(guarded: Guarded) -> None:
    theirs = _create(guarded, shared(workspaces=["acme", "beta"]), workspaces=["acme", "beta"])
    assert guarded.ask("GET", "/api/v1/keys").json()["data"] == []
    assert_problem(guarded.ask("DELETE", f"/api/v1/keys/{theirs['key_id']}"), 404)
    assert_problem(guarded.ask("DELETE", "/api/v1/keys/nothing"), 404)


@pytest.mark.parametrize(
    "changed",
    [
        {"permissions": []},
        {"permissions": ["fly"]},
        {"workspaces": []},
        {"workspaces": [""]},
        {"name": ""},
        {"expires_in_days": 0},
        {"secret": "mine"},
    ],
)
def test_a_key_that_cannot_be_is_explained(guarded: Guarded, changed: dict[str, Any]) -> None:
    assert_problem(guarded.ask("POST", "/api/v1/keys", json={**EMITTER, **changed}), 422)


def test_stored_permissions_that_are_none_of_ours_grant_nothing(guarded: Guarded) -> None:
    created = _create(guarded, permissions=["view_analytics"])
    known = StoredKey(created["key_id"], "", frozenset({"fly"}), None, "", guarded.now(), None)
    guarded.store.command("TRUNCATE TABLE api_keys")
    import hashlib

    digest = hashlib.sha256(created["key"][-43:].encode()).hexdigest()
    add_key(guarded.store, known, digest)
    assert_problem(guarded.ask("GET", "/api/v1/meta", created["key"]), 403)

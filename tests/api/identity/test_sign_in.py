"""Signing in by email and password: refresh tokens are good for one use, and guessing is slow."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from api.door import assert_problem
from api.identity.conftest import Guarded
from argon2 import PasswordHasher
from runtally_api.identity import passwords
from runtally_api.identity.passwords import WeakPassword, hash_password, is_password
from runtally_clickhouse.local_users import StoredUser, put_user

EMAIL, PASSWORD = "ann@example.com", "correct horse battery staple"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
USER = StoredUser(EMAIL, CHEAP.hash(PASSWORD), "admin", frozenset({"acme"}))
LOGIN, REFRESH, LOGOUT = "/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/auth/logout"


@pytest.fixture(autouse=True)
def known(guarded: Guarded) -> None:
    put_user(guarded.store, USER, guarded.now())


def _login(guarded: Guarded, password: str = PASSWORD, email: str = EMAIL) -> Any:
    return guarded.door.client.post(LOGIN, json={"email": email, "password": password})


def _refresh(guarded: Guarded, token: str) -> Any:
    return guarded.door.client.post(REFRESH, json={"refresh_token": token})


def _entries(guarded: Guarded) -> list[tuple[str, str, str]]:
    from api.identity.signing import shared

    entries = guarded.ask("GET", "/api/v1/audit", shared(workspaces="*")).json()["data"]
    return [(entry["act"], entry["outcome"], entry["actor"]) for entry in reversed(entries)]


def test_a_local_user_signs_in(guarded: Guarded) -> None:
    response = _login(guarded, email=" Ann@Example.COM ")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    tokens = response.json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
    me = guarded.ask("GET", "/api/v1/auth/me", tokens["access_token"]).json()
    assert (me["subject"], me["email"], me["workspaces"]) == (EMAIL, EMAIL, ["acme"])
    assert "manage_keys" in me["permissions"]
    assert "erase_data" not in me["permissions"]
    assert _entries(guarded) == [("sign_in", "done", EMAIL)]


def test_a_wrong_password_and_an_unknown_user_are_answered_alike(guarded: Guarded) -> None:
    wrong, unknown = _login(guarded, "wrong"), _login(guarded, email="bob@example.com")
    answers = [{**assert_problem(response, 401), "request_id": ""} for response in (wrong, unknown)]
    assert answers[0] == answers[1]
    assert _entries(guarded) == [("sign_in", "refused", EMAIL), ("sign_in", "refused", "unknown")]


def test_an_account_rests_after_ten_tries_also_one_that_is_not_there(guarded: Guarded) -> None:
    for email in (EMAIL, "bob@example.com"):
        for _ in range(10):
            assert_problem(_login(guarded, "wrong", email), 401)
        response = _login(guarded, PASSWORD, email)
        assert_problem(response, 429)
        assert 0 < int(response.headers["retry-after"]) <= 900
    guarded.ahead = timedelta(minutes=15, seconds=1)
    assert _login(guarded).status_code == 200


def test_signing_in_ends_the_count(guarded: Guarded) -> None:
    for _ in range(3):
        for _ in range(9):
            assert_problem(_login(guarded, "wrong"), 401)
        assert _login(guarded).status_code == 200


def test_a_refresh_token_is_good_for_one_use(guarded: Guarded) -> None:
    first = _login(guarded).json()
    second = _refresh(guarded, first["refresh_token"])
    assert second.status_code == 200
    third = _refresh(guarded, second.json()["refresh_token"]).json()
    assert guarded.ask("GET", "/api/v1/auth/me", third["access_token"]).status_code == 200
    assert_problem(_refresh(guarded, first["refresh_token"]), 401)
    assert_problem(_refresh(guarded, third["refresh_token"]), 401)
    assert _entries(guarded) == [
        ("sign_in", "done", EMAIL),
        ("token_refresh", "done", EMAIL),
        ("token_refresh", "done", EMAIL),
        ("refresh_reuse", "refused", EMAIL),
        ("token_refresh", "refused", "unknown"),
    ]
    assert _login(guarded).status_code == 200


def test_of_uses_at_the_same_moment_at_most_one_counts_and_the_family_ends(guarded: Guarded) -> None:
    token = _login(guarded).json()["refresh_token"]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: _refresh(guarded, token), range(4)))
    good = [answer.json()["refresh_token"] for answer in answers if answer.status_code == 200]
    assert len(good) <= 1
    assert {answer.status_code for answer in answers} <= {200, 401}
    for successor in good:
        assert_problem(_refresh(guarded, successor), 401)


def test_signing_out_ends_the_family_and_no_other(guarded: Guarded) -> None:
    first, other = _login(guarded).json(), _login(guarded).json()
    second = _refresh(guarded, first["refresh_token"]).json()
    for _ in range(2):
        response = guarded.door.client.post(LOGOUT, json={"refresh_token": second["refresh_token"]})
        assert response.status_code == 204
    assert_problem(_refresh(guarded, second["refresh_token"]), 401)
    assert _refresh(guarded, other["refresh_token"]).status_code == 200
    assert _entries(guarded).count(("sign_out", "done", EMAIL)) == 1


def test_a_refresh_token_expires(guarded: Guarded) -> None:
    token = _login(guarded).json()["refresh_token"]
    guarded.ahead = timedelta(days=14, seconds=1)
    assert_problem(_refresh(guarded, token), 401)


def test_refreshing_reads_the_role_anew(guarded: Guarded) -> None:
    tokens = _login(guarded).json()
    viewer = StoredUser(EMAIL, USER.password_hash, "viewer", None, guarded.now() - timedelta(days=1))
    put_user(guarded.store, viewer, guarded.now())
    me = guarded.ask("GET", "/api/v1/auth/me", _refresh(guarded, tokens["refresh_token"]).json()["access_token"])
    assert me.json()["permissions"] == ["view_analytics"]
    assert me.json()["workspaces"] == ["*"]


def test_a_new_password_or_a_removed_user_ends_every_sign_in(guarded: Guarded) -> None:
    for is_removed in (False, True):
        put_user(guarded.store, USER, guarded.now())
        tokens = _login(guarded).json()
        put_user(guarded.store, USER, guarded.now(), is_removed=is_removed)
        assert_problem(_refresh(guarded, tokens["refresh_token"]), 401)
    assert_problem(_login(guarded), 401)


UNSIGNED = "eyJhbGciOiJub25lIn0.e30."  # pragma: allowlist secret


@pytest.mark.parametrize("token", ["x", "rtr_", "rtr_" + "0" * 32 + "_" + "x" * 43, UNSIGNED])
def test_what_is_no_refresh_token_refreshes_nothing(guarded: Guarded, token: str) -> None:
    assert_problem(_refresh(guarded, token), 401)
    assert guarded.door.client.post(LOGOUT, json={"refresh_token": token}).status_code == 204


def test_a_refresh_token_is_no_access_token_and_the_other_way_round(guarded: Guarded) -> None:
    tokens = _login(guarded).json()
    assert_problem(guarded.ask("GET", "/api/v1/auth/me", tokens["refresh_token"]), 401)
    assert guarded.door.client.post(REFRESH, json={"refresh_token": tokens["access_token"]}).status_code in (401, 422)


def test_how_callers_are_known_is_told_to_everybody(guarded: Guarded) -> None:
    known = {"is_open": False, "has_local_users": True, "listens_wider": False}
    assert guarded.door.client.get("/api/v1/auth").json() == known


@pytest.mark.parametrize(
    "body", [{}, {"email": EMAIL}, {"email": EMAIL, "password": ""}, {"email": EMAIL, "password": 7}]
)
def test_a_body_that_is_none_is_explained_without_what_it_says(guarded: Guarded, body: dict[str, Any]) -> None:
    assert_problem(guarded.door.client.post(LOGIN, json=body), 422)


def test_passwords_are_hashed_with_argon2id_and_have_a_length() -> None:
    stored = hash_password(PASSWORD)
    assert stored.startswith("$argon2id$")
    assert is_password(PASSWORD, stored)
    assert not is_password(PASSWORD + "!", stored)
    assert not is_password("nobody has this password", None)
    assert not is_password(PASSWORD, "no hash")
    for weak in ("short", "x" * (passwords.MOST_CHARACTERS + 1)):
        with pytest.raises(WeakPassword, match="12 to 1024"):
            hash_password(weak)

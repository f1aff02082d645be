"""An access token is worth what its sign-in is worth by now: over, and it is refused; its user's rights are today's."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from api.door import assert_problem
from api.identity.conftest import Guarded
from api.identity.signing import AUDIENCE, ISSUER, rsa_key, shared, signed
from api.identity.test_sign_in import EMAIL, LOGIN, LOGOUT, PASSWORD, REFRESH, USER
from runtally_api.identity import live_sessions
from runtally_api.identity.live_sessions import KEPT_SECONDS, LiveSessions
from runtally_api.identity.signing_keys import SigningKey
from runtally_api.identity.tokens import TokenRules, TokenVerifier
from runtally_clickhouse.errors import StoreUnavailable
from runtally_clickhouse.local_users import put_user

ME = "/api/v1/auth/me"
LATER = timedelta(seconds=KEPT_SECONDS + 0.5)


@pytest.fixture
def tokens(guarded: Guarded) -> dict[str, str]:
    put_user(guarded.store, USER, guarded.now())
    told: dict[str, str] = guarded.door.client.post(LOGIN, json={"email": EMAIL, "password": PASSWORD}).json()
    return told


def _me(guarded: Guarded, tokens: dict[str, Any]) -> Any:
    return guarded.ask("GET", ME, tokens["access_token"])


def test_signing_out_ends_the_access_token_at_once(guarded: Guarded, tokens: dict[str, str]) -> None:
    assert _me(guarded, tokens).status_code == 200
    answer = guarded.door.client.post(LOGOUT, json={"refresh_token": tokens["refresh_token"]})
    assert answer.status_code == 204
    assert_problem(_me(guarded, tokens), 401)


def test_a_sign_out_in_another_process_holds_after_some_seconds(
    guarded: Guarded, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _me(guarded, tokens).status_code == 200
    sessions_of_the_other = LiveSessions(guarded.store)
    monkeypatch.setattr(guarded.door.app.state.parts.access.sign_in, "_sessions", sessions_of_the_other)
    guarded.door.client.post(LOGOUT, json={"refresh_token": tokens["refresh_token"]})
    guarded.ahead = LATER
    assert_problem(_me(guarded, tokens), 401)


@pytest.mark.parametrize("is_removed", [True, False], ids=["removed", "another password"])
def test_a_removed_user_or_another_password_ends_the_access_token(
    guarded: Guarded, tokens: dict[str, str], is_removed: bool
) -> None:
    assert _me(guarded, tokens).status_code == 200
    put_user(guarded.store, replace(USER, signed_in_since=guarded.now()), guarded.now(), is_removed=is_removed)
    guarded.ahead = LATER
    assert_problem(_me(guarded, tokens), 401)


def test_another_role_and_other_workspaces_hold_for_tokens_that_are_out(
    guarded: Guarded, tokens: dict[str, str]
) -> None:
    assert "manage_keys" in _me(guarded, tokens).json()["permissions"]
    since = guarded.now() - timedelta(days=1)
    changed = replace(USER, role="viewer", workspaces=frozenset({"beta"}), signed_in_since=since)
    put_user(guarded.store, changed, guarded.now())
    guarded.ahead = LATER
    me = _me(guarded, tokens).json()
    assert (me["permissions"], me["workspaces"]) == (["view_analytics"], ["beta"])
    assert_problem(guarded.ask("GET", "/api/v1/keys", tokens["access_token"]), 403)


def test_a_refresh_token_used_twice_ends_the_access_tokens_too(guarded: Guarded, tokens: dict[str, str]) -> None:
    after = guarded.door.client.post(REFRESH, json={"refresh_token": tokens["refresh_token"]}).json()
    assert _me(guarded, after).status_code == 200
    assert_problem(guarded.door.client.post(REFRESH, json={"refresh_token": tokens["refresh_token"]}), 401)
    assert_problem(_me(guarded, after), 401)
    assert_problem(_me(guarded, tokens), 401)


def test_a_session_that_nobody_began_is_over(guarded: Guarded) -> None:
    assert_problem(guarded.ask("GET", ME, shared(runtally_session="0" * 32)), 401)
    assert_problem(guarded.ask("GET", ME, shared(runtally_session=7)), 401)
    assert guarded.ask("GET", ME, shared()).status_code == 200, "a token signed elsewhere belongs to no sign-in"


def test_a_provider_cannot_name_a_session_of_somebody_else() -> None:
    class Provider:
        def get(self, key_id: str) -> SigningKey:
            return SigningKey(rsa_key("good").public_key(), ("RS256",))

    rules = TokenRules(ISSUER, AUDIENCE, timedelta())
    verifier = TokenVerifier(rules, None, Provider())  # type: ignore[arg-type] # only its keys are asked for
    caller = verifier.caller(signed("rsa", rsa_key("good"), runtally_session="0" * 32))
    assert (caller.subject, caller.session) == ("ann", "")


def test_while_the_store_is_away_nobody_can_tell(
    guarded: Guarded, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> Any:
        raise StoreUnavailable("away")

    assert _me(guarded, tokens).status_code == 200
    guarded.ahead = LATER
    with monkeypatch.context() as broken:
        broken.setattr(live_sessions, "refresh_events", away)
        assert_problem(_me(guarded, tokens), 503)
    assert _me(guarded, tokens).status_code == 200


def test_what_is_found_is_kept_for_some_seconds_and_for_so_many(
    guarded: Guarded, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_sessions, "MOST_KEPT", 2)
    now = [0.0]
    sessions = LiveSessions(guarded.store, lambda: now[0])
    mine = tokens["refresh_token"].split("_")[1]
    found = sessions.standing(mine)
    assert found.caller is not None
    assert (found.caller.subject, sessions.kept(mine)) == (EMAIL, found)
    now[0] = KEPT_SECONDS
    assert sessions.kept(mine) is None
    assert sessions.standing(mine).until == 2 * KEPT_SECONDS
    for other in ("a", "b"):
        assert sessions.standing(other).caller is None
    assert sessions.kept(mine) is None, "the oldest gives way"
    assert sessions.kept("b") is not None

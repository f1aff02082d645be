"""Signing in by email and password: the page stays where it was, and nothing that is kept crosses."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from runtally_ui.access_answers import WhoIAm
from runtally_ui.api_client import ApiClient, SignedOut
from runtally_ui.session import Session, who_sees
from streamlit.testing.v1 import AppTest
from ui.fleet import fleet
from ui.pages import open_at
from ui.stub_api import Query, StubApi

TODAY = date(2026, 11, 21)
UNKNOWN = {"title": "Unauthorized", "status": 401, "detail": "show a valid token"}
PASSWORD = "correct horse battery staple"
PUBLIC = ("/api/v1/auth", "/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/auth/logout")


@dataclass
class GuardedStub(StubApi):
    """An API that wants a token. A refresh token is good for one use; `bearers` are all that were shown."""

    expires_in: int = 900
    has_local_users: bool = True
    throttled: bool = False
    good: set[str] = field(default_factory=set)
    bearers: list[str] = field(default_factory=list)
    refreshed: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def refusal(self, path: str, authorization: str | None) -> tuple[int, dict[str, Any]] | None:
        if path in PUBLIC:
            return None
        token = (authorization or "").removeprefix("Bearer ")
        self.bearers.append(token)
        return None if token in self.good else (401, UNKNOWN)

    def answer(self, path: str, query: Query) -> tuple[int, dict[str, Any]]:
        if path == "/api/v1/auth":
            return 200, {"is_open": False, "has_local_users": self.has_local_users}
        return super().answer(path, query)

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path == "/api/v1/auth/login":
            if self.throttled:
                return 429, {"title": "Too many requests", "status": 429}
            return self._issue() if body["password"] == PASSWORD else (401, UNKNOWN)
        if path == "/api/v1/auth/refresh":
            self.refreshed.append(body["refresh_token"])
            known = f"refresh-{len(self.refreshed)}" == body["refresh_token"]
            return self._issue() if known and self.good else (401, UNKNOWN)
        if path == "/api/v1/auth/logout":
            self.good.clear()
            return 200, {}
        return super().post(path, body)

    def _issue(self) -> tuple[int, dict[str, Any]]:
        with self._lock:
            number = len(self.refreshed) + 1
            self.good = {f"access-{number}"}
            tokens = {"access_token": f"access-{number}", "refresh_token": f"refresh-{number}"}
            return 200, {**tokens, "token_type": "Bearer", "expires_in": self.expires_in}


@pytest.fixture
def api() -> GuardedStub:
    return GuardedStub(fleet(TODAY), TODAY)


def _sign_in(app: AppTest, password: str = PASSWORD) -> AppTest:
    app.text_input(key="sign-in-email").input("ann@example.com")
    app.text_input(key="sign-in-password").input(password)
    return next(button for button in app.button if button.label == "Sign in").click().run()


def _asks_to_sign_in(app: AppTest) -> bool:
    return any(button.label == "Sign in" for button in app.button)


def test_who_is_not_known_signs_in_and_sees_the_page(open_page: Callable[..., AppTest], api: GuardedStub) -> None:
    app = open_page(api, workspace_id="acme", range="7d")
    assert _asks_to_sign_in(app)
    assert not app.exception
    assert not app.metric
    app = _sign_in(app)
    assert not _asks_to_sign_in(app)
    assert not app.exception
    assert app.multiselect(key="workspace_id").value == ["acme"]
    assert app.query_params["workspace_id"] == "acme"
    assert api.bearers[-1] == "access-1"
    assert "sign-in-password" not in app.session_state


def test_a_wrong_password_is_told_and_no_more(open_page: Callable[..., AppTest], api: GuardedStub) -> None:
    app = _sign_in(open_page(api), "wrong")
    assert [error.value for error in app.error] == ["Email or password is wrong."]
    api.throttled = True
    assert "Too many tries" in _sign_in(app).error[0].value
    api.throttled = False
    assert not _asks_to_sign_in(_sign_in(app))


def test_a_sign_in_that_is_over_comes_back_to_the_same_view(
    open_page: Callable[..., AppTest], api: GuardedStub
) -> None:
    app = _sign_in(open_page(api))
    app.multiselect(key="workspace_id").select("globex").run()
    api.good = set()
    app.run()
    assert _asks_to_sign_in(app)
    app = _sign_in(app)
    assert not _asks_to_sign_in(app)
    assert app.multiselect(key="workspace_id").value == ["globex"]


VIEWS: dict[str, dict[str, Any]] = {
    "cost": {"range": "7d", "by": "By model", "workspace_id": ["acme"], "compare": "Previous week"},
    "runs": {"error_type": ["Timeout"], "hour": "9", "session_id": "s-1", "status": ["failed"]},
    "agents": {"profile": "planner", "timezone": "Europe/Berlin", "root_only": "true"},
    "pipeline": {"values": "With values", "range": "7d", "environment": ["production"]},
}


@pytest.mark.parametrize("path", VIEWS)
def test_page_and_address_are_the_same_after_a_sign_in_that_was_over(
    open_page: Callable[..., AppTest], api: GuardedStub, path: str
) -> None:
    def seen(app: AppTest) -> tuple[list[str], dict[str, Any], dict[str, Any]]:
        fields = [*app.multiselect, *app.selectbox, *app.text_input]
        return (
            [title.value for title in app.title],
            {name: app.query_params[name] for name in app.query_params},
            {field.key: field.value for field in fields if field.key},
        )

    app = _sign_in(open_at(open_page, api, path, **VIEWS[path]))
    before = seen(app)
    assert before[0] == [path.capitalize()]
    assert before[1], "the address says something"
    api.good = set()
    app.run()
    assert _asks_to_sign_in(app)
    app = _sign_in(app)
    assert not _asks_to_sign_in(app)
    assert not app.exception
    assert seen(app) == before


def test_signing_out_ends_the_sign_in(open_page: Callable[..., AppTest], api: GuardedStub) -> None:
    app = _sign_in(open_page(api))
    (button,) = [button for button in app.button if button.key == "sign-out"]
    assert "ann" in button.label
    app = button.click().run()
    assert _asks_to_sign_in(app)
    assert api.good == set()


def test_without_local_users_the_page_says_what_is_missing(open_page: Callable[..., AppTest], api: GuardedStub) -> None:
    api.has_local_users = False
    app = open_page(api)
    assert not _asks_to_sign_in(app)
    assert any("asks for a sign-in" in text.value for text in app.markdown)


@pytest.fixture
def root(serve: Callable[[StubApi], str], api: GuardedStub) -> Any:
    client = ApiClient(serve(api), 5)
    yield client
    client.close()


def test_a_token_is_renewed_in_time_and_by_one_alone(root: ApiClient, api: GuardedStub) -> None:
    now = [0.0]
    tokens = Session.begin(root, "ann@example.com", PASSWORD)._tokens
    session = Session(root, tokens, lambda: now[0])
    assert session.token() == "access-1"
    now[0] = 0.9 * api.expires_in
    with_threads = [threading.Thread(target=session.token) for _ in range(8)]
    for thread in with_threads:
        thread.start()
    for thread in with_threads:
        thread.join()
    assert session.token() == "access-2"
    assert api.refreshed == ["refresh-1"]


def test_a_renewal_that_is_refused_ends_the_session(root: ApiClient, api: GuardedStub) -> None:
    now = [0.0]
    session = Session(root, Session.begin(root, "ann@example.com", PASSWORD)._tokens, lambda: now[0])
    now[0], api.good = float(api.expires_in), set()
    for _ in range(2):
        with pytest.raises(SignedOut):
            session.token()
    assert api.refreshed == ["refresh-1"]


def test_answers_are_kept_apart_by_who_sees_what() -> None:
    ann = WhoIAm(subject="ann", workspaces=("acme", "beta"), permissions=("view_analytics",))
    assert who_sees(ann) == who_sees(ann.model_copy(update={"workspaces": ("beta", "acme")}))
    others = [
        ann.model_copy(update=change)
        for change in ({"subject": "bob"}, {"workspaces": ("acme",)}, {"workspaces": ("*",)}, {"permissions": ()})
    ]
    assert len({who_sees(one) for one in (ann, *others)}) == 5

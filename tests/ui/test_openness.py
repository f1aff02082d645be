"""Where nobody signs in, the dashboard says so: in a line on this machine, as a warning where others may come."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from runtally_ui.openness import ON_THIS_MACHINE, TO_OTHERS
from streamlit.testing.v1 import AppTest
from ui.fleet import fleet
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
ELSEWHERE = ("/api/v1/auth",)


def _shown(app: AppTest) -> tuple[bool, bool]:
    assert not app.exception
    captions = [caption.value for caption in app.caption]
    return ON_THIS_MACHINE in captions, TO_OTHERS in [warning.value for warning in app.warning]


@pytest.mark.parametrize(
    ("known", "host", "shown"),
    [
        ({"is_open": True}, "127.0.0.1", (True, False)),
        ({"is_open": True}, "::1", (True, False)),
        ({"is_open": True}, "localhost", (True, False)),
        ({"is_open": True, "listens_wider": True}, "127.0.0.1", (False, True)),
        ({"is_open": True}, "0.0.0.0", (False, True)),
        ({"is_open": True}, "dashboard.example.com", (False, True)),
        ({"listens_wider": True}, "0.0.0.0", (False, False)),
    ],
)
def test_the_dashboard_says_who_may_come(
    open_page: Callable[..., AppTest],
    monkeypatch: pytest.MonkeyPatch,
    known: dict[str, bool],
    host: str,
    shown: tuple[bool, bool],
) -> None:
    monkeypatch.setenv("RUNTALLY_HOST", host)
    api = StubApi(fleet(TODAY), TODAY, how_known=known)
    assert _shown(open_page(api)) == shown


def test_what_cannot_be_told_is_not_said(open_page: Callable[..., AppTest]) -> None:
    class Older(StubApi):
        def answer(self, path: str, query: Any) -> tuple[int, dict[str, Any]]:
            if path in ELSEWHERE:
                return 404, {"title": "Not found", "status": 404, "detail": path}
            return super().answer(path, query)

    app = open_page(Older(fleet(TODAY), TODAY))
    assert _shown(app) == (False, False)
    assert app.metric, "the page stands"

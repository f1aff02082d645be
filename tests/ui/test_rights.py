"""What one may not do is not offered: each page as somebody sees it who may only look, and as somebody who may not."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from runtally_ui.navigation import ENTRIES
from streamlit.testing.v1 import AppTest
from ui.fleet import fleet
from ui.pages import open_at, texts
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
VIEWER = ("view_analytics",)
MEMBER = (*VIEWER, "export_analytics")
OpenPage = Callable[..., AppTest]


def offered(app: AppTest) -> list[str]:
    """The downloads that the page has."""
    found: list[Any] = [*app.get("download_button")]
    return [button.proto.id.rsplit("-", 1)[-1] for button in found]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.path)
def test_who_may_only_look_is_offered_no_download_and_refused_nothing(open_page: OpenPage, entry: Any) -> None:
    api = StubApi(fleet(TODAY), TODAY, permissions=VIEWER, workspaces=["acme"], faulty=None)
    app = open_at(open_page, api, entry.path, values="With values")
    assert not app.exception
    assert not offered(app)
    assert api.refused == []


@pytest.mark.parametrize("path", ["overview", "cost", "runs"])
def test_who_may_export_is_offered_downloads(open_page: OpenPage, path: str) -> None:
    assert offered(open_at(open_page, StubApi(fleet(TODAY), TODAY, permissions=MEMBER), path))


def test_rights_are_asked_once_for_all_pages(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "cost")
    app.run()
    assert [path for path, _ in api.asked].count("/api/v1/auth/me") == 1


def test_a_link_to_a_page_without_the_right_says_so_and_asks_nothing_of_it(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY, permissions=("ingest_runs",))
    app = open_at(open_page, api, "pipeline")
    assert "You have no right to see this page" in texts(app)
    assert "view_analytics" in texts(app)
    assert not app.metric
    assert "/api/v1/integrity" not in [path for path, _ in api.asked]
    assert not any("could not" in text.value for text in app.markdown)


def test_rights_that_came_later_count_at_the_next_look(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY, permissions=("ingest_runs",))
    app = open_page(api)
    api.permissions = MEMBER
    app.button(key="check-rights").click().run()
    assert not [one for one in app.button if one.key == "check-rights"]
    assert app.metric


def test_values_of_dead_letters_are_for_those_who_may_export(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY, permissions=VIEWER, faulty=True)
    app = open_at(open_page, api, "pipeline", values="With values")
    letters = next(frame.value for frame in app.dataframe if "Why" in frame.value.columns)
    assert "Value" not in letters
    assert not [box for box in app.selectbox if box.key == "values"]
    assert api.refused == []


def test_replay_is_for_those_who_may_ingest(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY, permissions=MEMBER, faulty=True), "pipeline")
    assert not [one for one in app.button if str(one.key).startswith("replay")]
    assert any("dlq replay" in code.value for code in app.code)


def test_who_is_bound_to_workspaces_is_not_shown_frames_of_what_is_of_all(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY, workspaces=["acme"], faulty=None)
    app = open_at(open_page, api, "pipeline")
    assert not app.exception
    asked = {path for path, _ in api.asked}
    assert "/api/v1/integrity" in asked
    assert not asked & {"/api/v1/dead-letters", "/api/v1/ingestion/minutes", "/api/v1/ingestion/lag"}
    assert "Split runs" in texts(app)
    assert "Newest dead letters" not in texts(app)
    assert "told to who may see all of them" in texts(app)


def test_an_empty_store_tells_only_senders_how_to_send(open_page: OpenPage) -> None:
    assert open_page(StubApi([], TODAY)).code
    app = open_page(StubApi([], TODAY, permissions=VIEWER, workspaces=["acme"]))
    assert "None was published into a workspace that you may see" in texts(app)
    assert not app.code


def test_while_the_api_does_not_say_everything_is_offered(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY, failing_paths=["/api/v1/auth/me"])
    app = open_at(open_page, api, "pipeline")
    assert not app.exception
    assert offered(app)

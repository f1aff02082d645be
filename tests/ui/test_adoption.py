"""The Adoption page in every state, headless, over a real HTTP stub."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from runtally_ui.active_users import stickiness
from streamlit.testing.v1 import AppTest
from ui.fleet import KINDS, all_failed, fleet, without_costs
from ui.pages import chart_specs, metrics, open_at, texts
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
OpenPage = Callable[..., AppTest]


def users_of(api: StubApi, first: str, last: str) -> int:
    (row,) = api.query({"measures": ["active_users"], "time": {"from": first, "to": last}})["data"]
    found: int = row["active_users"]
    return found


def table(app: AppTest, column: str) -> Any:
    return next(frame.value for frame in app.dataframe if column in frame.value.columns)


def test_a_fleet(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "adoption")
    assert not app.exception
    shown = metrics(app)
    assert shown["Daily active users"][0] == str(users_of(api, "2026-11-21", "2026-11-21"))
    assert shown["Weekly active users"][0] == str(users_of(api, "2026-11-15", "2026-11-21"))
    assert shown["30-day active users"][0] == str(users_of(api, "2026-10-23", "2026-11-21"))
    assert "21 Nov, so far" in texts(app)
    assert not shown["Daily active users"][1], "a day that is not over is compared with none"
    assert len(chart_specs(app)) == 4
    assert list(table(app, "Sessions")["Runs"]) == sorted(table(app, "Sessions")["Runs"], reverse=True)
    assert len(table(app, "Lifespan")) == 20
    assert "session_id=" in table(app, "Lifespan")["Open"].iloc[0]


def test_the_spans_end_with_the_range(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "adoption", **{"range": "Custom", "from": "2026-11-01", "to": "2026-11-10"})
    assert metrics(app)["Weekly active users"][0] == str(users_of(api, "2026-11-04", "2026-11-10"))
    assert "mean of 30 whole days" in texts(app)


def test_stickiness_is_the_mean_day_of_all() -> None:
    assert stickiness([2, 4, 0], 4) == pytest.approx(0.5)
    assert stickiness([], 4) is None
    assert stickiness([0], 0) is None


def test_sessions_page_by_page(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "adoption")
    first = list(table(app, "Lifespan")["Session"])
    app.button(key="forth-sessions").click().run()
    assert [query for path, query in api.asked if path == "/api/v1/sessions"][-1]["cursor"] == ["20"]
    assert list(table(app, "Lifespan")["Session"]) != first


def test_runs_of_nobody(open_page: OpenPage) -> None:
    cells = [replace(cell, user_id="") for cell in fleet(TODAY, kinds=KINDS[:2])]
    app = open_at(open_page, StubApi(cells, TODAY), "adoption")
    assert not app.exception
    assert metrics(app)["Runs per user"][0] == "N/A"
    assert "no run names its user" in texts(app)
    assert "Publish runs with user_id." in texts(app)


def test_some_runs_of_nobody_are_told(open_page: OpenPage) -> None:
    cells = [replace(cell, user_id="" if cell.agent_id == "code-review" else cell.user_id) for cell in fleet(TODAY)]
    app = open_at(open_page, StubApi(cells, TODAY), "adoption")
    assert "users are counted among these" in texts(app)


@pytest.mark.parametrize("worse", [all_failed, without_costs])
def test_failures_and_unknown_costs_leave_adoption_as_it_is(open_page: OpenPage, worse: Callable[..., Any]) -> None:
    app = open_at(open_page, StubApi(worse(fleet(TODAY)), TODAY), "adoption")
    assert not app.exception
    assert metrics(app)["Runs per user"][0] != "N/A"


def test_an_empty_store_and_an_empty_filter(open_page: OpenPage) -> None:
    assert "No runs yet" in texts(open_at(open_page, StubApi([], TODAY), "adoption"))
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "adoption", agent_id=["qa-smoke"], model=["gpt-5"])
    assert "No runs match" in texts(app)


def test_one_failing_part_leaves_the_others(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY, failing_paths=["/api/v1/sessions"]), "adoption")
    assert not app.exception
    assert "This part is broken" in texts(app)
    assert len(chart_specs(app)) == 4


def test_a_failing_api_and_no_rights(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY, failure={"title": "The store is down", "status": 503})
    app = open_at(open_page, api, "adoption")
    assert "The store is down" in texts(app)
    api.failure = {"title": "Forbidden", "status": 403}
    app.button(key="retry").click().run()
    assert "Ask who runs this API for the right to see it" in texts(app)

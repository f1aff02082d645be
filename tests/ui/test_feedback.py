"""The Feedback page in every state, headless, over a real HTTP stub."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from ui.fleet import all_failed, fleet, without_costs
from ui.pages import chart_specs, metrics, open_at, texts
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
OpenPage = Callable[..., AppTest]


def test_a_fleet(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "feedback")
    assert not app.exception
    names = ["ratings", "avg_rating", "ratings_5", "ratings_4"]
    (totals,) = api.query({"measures": names, "time": {"from": "2026-10-23", "to": "2026-11-21"}})["data"]
    shown = metrics(app)
    assert shown["Mean rating"][0] == f"{totals['avg_rating']:.2f}"
    assert shown["Ratings"][0] == f"{totals['ratings']:,}"
    liked = totals["ratings_4"] + totals["ratings_5"]
    assert f"{liked:,} of {totals['ratings']:,}" in texts(app)
    assert len(chart_specs(app)) == 2
    table = app.dataframe[0].value
    assert table["Ratings"].sum() == totals["ratings"]
    assert table["Ratings"].min() > 0, "agents that nobody rated are left out"
    assert "rating=5" in table["Open"].iloc[0]
    low = [query for path, query in api.asked if path == "/api/v1/runs"][-1]
    assert low["rating"] == ["1", "2"]


def test_by_version(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "feedback", by="By version")
    assert not app.exception
    table = app.dataframe[0].value
    assert "Code review · 2.0" in set(table["Version"])
    assert "agent_version=" in table["Open"].iloc[0]


def test_nobody_rated(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi([replace(cell, runs=1) for cell in fleet(TODAY)], TODAY), "feedback")
    assert not app.exception
    assert metrics(app)["Mean rating"][0] == "N/A"
    assert "no run was rated" in texts(app)
    assert "POST /api/v1/feedback" in texts(app)


@pytest.mark.parametrize("worse", [all_failed, without_costs])
def test_failures_and_unknown_costs(open_page: OpenPage, worse: Callable[..., Any]) -> None:
    app = open_at(open_page, StubApi(worse(fleet(TODAY)), TODAY), "feedback")
    assert not app.exception
    assert metrics(app)["Mean rating"][0] != "N/A"


def test_an_empty_store_and_an_empty_filter(open_page: OpenPage) -> None:
    assert "No runs yet" in texts(open_at(open_page, StubApi([], TODAY), "feedback"))
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "feedback", agent_id=["qa-smoke"], model=["gpt-5"])
    assert "No runs match" in texts(app)


def test_one_failing_part_leaves_the_others(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY, failing_paths=["/api/v1/runs"]), "feedback")
    assert not app.exception
    assert "This part is broken" in texts(app)
    assert len(chart_specs(app)) == 2


def test_a_failing_api(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY, failure={"title": "The store is down", "status": 503})
    assert "The store is down" in texts(open_at(open_page, api, "feedback"))


def shown(app: AppTest, column: str) -> Any:
    return next(frame.value for frame in app.dataframe if column in frame.value.columns)


def test_comments_page_by_page(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "feedback", agent_id=["code-review"])
    first = shown(app, "Comment")
    assert len(first) == 20
    assert first["Comment"].str.len().max() <= 400
    assert set(first["Stars"]) == {"★★☆☆☆"}
    asked = [query for path, query in api.asked if path == "/api/v1/feedback"]
    assert asked[-1]["only_comments"] == ["true"]
    assert asked[-1]["agent_id"] == ["code-review"]
    app.button(key="forth-comments").click().run()
    assert [query for path, query in api.asked if path == "/api/v1/feedback"][-1]["cursor"] == ["20"]


def test_states_of_agents(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "feedback", workspace_id=["acme"], model=["gpt-5-mini"])
    assert not app.exception
    states, moves = shown(app, "Mean stay"), shown(app, "Stayed before")
    assert list(states["Mean stay"].fillna("none")) == ["none", "2d 05h"]
    assert list(moves["From"]) == ["draft", "(new)"]
    assert "only the workspace and agent filters count here" in texts(app)
    (asked,) = [query for path, query in api.asked if path == "/api/v1/lifecycle/transitions"]
    assert asked["workspace_id"] == ["acme"]
    assert "model" not in asked


def test_nobody_wrote_and_nobody_moved(open_page: OpenPage) -> None:
    silent = ["/api/v1/feedback", "/api/v1/lifecycle/transitions"]
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY, failing_paths=silent), "feedback")
    assert not app.exception
    assert texts(app).count("This part is broken") == 3
    app = open_at(open_page, StubApi([replace(cell, runs=1) for cell in fleet(TODAY)], TODAY), "feedback")
    assert "Nobody wrote about a run of this period." in texts(app)

"""The Errors page in every state, headless, over a real HTTP stub."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from ui.fleet import KINDS, all_failed, all_succeeded, fleet, without_costs
from ui.pages import chart_specs, metrics, open_at, texts
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
DAYS = {"from": ["2026-10-23"], "to": ["2026-11-21"]}
CHARTS = 8
OpenPage = Callable[..., AppTest]


def table(app: AppTest, column: str) -> Any:
    """The table that has the column."""
    return next(frame.value for frame in app.dataframe if column in frame.value.columns)


def asked_bodies(api: StubApi, *dimensions: str) -> list[dict[str, Any]]:
    return [body for body in api.queries if tuple(body["dimensions"]) == dimensions]


def test_a_fleet(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "errors")
    assert not app.exception
    names = ["errors", "failure_rate", "recovery_rate", "runs_with_errors"]
    (totals,) = api.query({"measures": names, "time": {"from": "2026-10-23", "to": "2026-11-21"}})["data"]
    shown = metrics(app)
    assert shown["Failed runs"][0] == f"{totals['errors']:,}"
    assert shown["Failure rate"][0] == f"{totals['failure_rate']:.1%}"
    assert shown["Recovery rate"][0] == f"{totals['recovery_rate']:.1%}"
    assert f"{totals['runs_with_errors']:,} runs with errors, recovered ones too" in texts(app)
    assert len(chart_specs(app)) == CHARTS
    assert "no agent version is new" in texts(app)
    assert "By hour and weekday, UTC · most: " in texts(app)


def test_users_that_nobody_names_are_not_none(open_page: OpenPage) -> None:
    cells = [replace(cell, user_id="") for cell in fleet(TODAY, kinds=KINDS[:2])]
    app = open_at(open_page, StubApi(cells, TODAY), "errors")
    assert metrics(app)["Users affected"][0] == "N/A"
    assert "no run with an error names its user · 2 of 2 agents" in texts(app)


def test_versions_that_are_new_are_marked(open_page: OpenPage) -> None:
    cells = [replace(cell, agent_version="3.0" if cell.day >= date(2026, 11, 18) else "2.9")
             for cell in fleet(TODAY, kinds=KINDS[:2])]  # fmt: skip
    app = open_at(open_page, StubApi(cells, TODAY), "errors")
    assert not app.exception
    assert "▼ 2 agent versions first seen" in texts(app)


def test_error_types_are_those_of_the_api(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "errors")
    rows = api.answer("/api/v1/errors", DAYS)[1]["by_type"]
    shown = table(app, "Time to recovery")
    assert list(shown["Error"]) == [row["error_type"] for row in rows]
    assert list(shown["Runs"]) == [row["runs"] for row in rows]
    assert list(shown["Failed"]) == [row["errors"] for row in rows]
    assert list(shown["Share"]) == [row["share"] * 100 for row in rows]
    assert list(shown["Users"]) == [row["affected_users"] for row in rows]
    assert [sum(steps) for steps in shown["Over time"]] == list(shown["Runs"])
    overloaded = shown[shown["Error"] == "provider_overloaded"].iloc[0]
    assert (overloaded["Failed"], overloaded["Recovered"]) == (0, 100.0)
    assert all(change and change[0] in "+-n" for change in shown["Change"])


def test_without_a_comparison_nothing_is_compared(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "errors", compare="no comparison")
    assert not app.exception
    assert "Change" not in table(app, "Time to recovery")


def test_a_filter_narrows_every_question_and_the_links(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "errors", agent_id=["code-review"], timezone="Asia/Tokyo")
    assert not app.exception
    for path in ("/api/v1/errors", "/api/v1/errors/patterns"):
        asked = [query for where, query in api.asked if where == path]
        assert asked
        assert all(query["agent_id"] == ["code-review"] and query["timezone"] == ["Asia/Tokyo"] for query in asked)
    (hours,) = asked_bodies(api, "weekday", "hour")
    assert hours["time"]["timezone"] == "Asia/Tokyo"
    assert "By hour and weekday, Asia/Tokyo" in texts(app)
    link = table(app, "Open")["Open"].iloc[0]
    assert "agent_id=code-review" in link
    assert "error_type=" in link


def test_the_newest_failed_runs_with_their_messages_cut(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "errors")
    newest = table(app, "Message")
    assert newest["Started"].is_monotonic_decreasing
    assert {status for (status,) in newest["Status"]} <= {"▲ Failed", "▲ Timed out"}
    assert set(newest["Message"].str.len()) == {100}


def test_a_look_that_the_api_suggests_is_taken_and_put_away(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "errors")
    assert "its share" in texts(app)
    patterns = api.answer("/api/v1/errors/patterns", DAYS)[1]
    (first, *_) = patterns["by_agent"]
    app.button(key="look-agent-0").click().run()
    assert first["look"]["body"] in api.queries
    found = table(app, "Runs with errors")
    assert found["Runs with errors"].sum() == first["runs_with_errors"]
    assert "broken down" in texts(app)
    offered = [one.proto.id for one in app.get("download_button")]
    assert [len([one for one in offered if f"{kind}-look" in one]) for kind in ("csv", "json")] == [1, 1]
    app.button(key="look-agent-0").click().run()
    assert "broken down" not in texts(app)


def test_only_successful_runs_say_what_they_hide(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "errors", status=["succeeded"])
    assert not app.exception
    assert "successful runs only" in texts(app)
    assert metrics(app)["Cost of failed runs"][0] == "N/A"
    assert "The filters leave failed and timed-out runs out." in texts(app)
    assert list(table(app, "Time to recovery")["Error"]) == ["provider_overloaded"]


def test_no_errors_at_all(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(all_succeeded(fleet(TODAY)), TODAY), "errors")
    assert not app.exception
    assert metrics(app)["Failure rate"][0] == "0%"
    assert metrics(app)["Recovery rate"][0] == "N/A"
    assert "no run says how long recovery took" in texts(app)
    assert "No run of this period failed, timed out or names an error type." in texts(app)
    assert len(chart_specs(app)) == 1


def test_all_failed(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(all_failed(fleet(TODAY)), TODAY), "errors")
    assert not app.exception
    assert metrics(app)["Failure rate"][0] == "100%"
    assert "(no type named)" in set(table(app, "Time to recovery")["Error"])


def test_unknown_costs(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(without_costs(fleet(TODAY)), TODAY), "errors")
    assert metrics(app)["Cost of failed runs"][0] == "N/A"
    assert "no run has a known cost" in texts(app)


def test_an_empty_store_and_an_empty_filter(open_page: OpenPage) -> None:
    assert "No runs yet" in texts(open_at(open_page, StubApi([], TODAY), "errors"))
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "errors", agent_id=["qa-smoke"], model=["gpt-5"])
    assert "No runs match" in texts(app)
    assert not app.metric


@pytest.mark.parametrize(
    ("failing", "charts"),
    [
        ({"failing_paths": ["/api/v1/errors"]}, CHARTS - 4),
        ({"failing_paths": ["/api/v1/errors/patterns"]}, CHARTS),
        ({"failing_paths": ["/api/v1/runs"]}, CHARTS),
        ({"failing_measures": ["first_run_at"]}, CHARTS),
        ({"failing_measures": ["cost_usd"]}, CHARTS),
    ],
)
def test_one_failing_part_leaves_the_others(open_page: OpenPage, failing: dict[str, Any], charts: int) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY, **failing), "errors")
    assert not app.exception
    assert "This part is broken" in texts(app) or "versions could not be loaded" in texts(app)
    assert len(chart_specs(app)) == charts


def test_a_failing_api_and_no_rights(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY, failure={"title": "The store is down", "status": 503})
    app = open_at(open_page, api, "errors")
    assert "The store is down" in texts(app)
    api.failure = {"title": "Forbidden", "status": 403}
    app.button(key="retry").click().run()
    assert "Ask who runs this API for the right to see it" in texts(app)


def test_long_and_hostile_names(open_page: OpenPage) -> None:
    hostile = ":material/home: $x$ a.b[0] **bold** " * 20
    kinds = [replace(kind, agent_id=f"{hostile}{place}", name=hostile, model=hostile)
             for place, kind in enumerate(KINDS[:3])]  # fmt: skip
    cells = [replace(cell, error_type=hostile if cell.error_type else "", agent_version=hostile)
             for cell in fleet(TODAY, kinds=kinds)]  # fmt: skip
    app = open_at(open_page, StubApi(cells, TODAY), "errors")
    assert not app.exception
    assert len(chart_specs(app)) == CHARTS
    assert max(len(name) for name in table(app, "Time to recovery")["Error"]) <= 100


def test_every_card_of_a_measure_says_what_it_is(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    without = {"Error types in detail", "Newest failed runs"}  # whose columns say it
    for path, address in (("errors", {}), ("", {}), ("agents", {"profile": "code-review"})):
        app = open_at(open_page, api, path, **address)
        titles = {block.value.removeprefix("##### "): block.help for block in app.markdown if "#####" in block.value}
        assert len(titles) > 8
        assert {title for title, told in titles.items() if not told} <= without

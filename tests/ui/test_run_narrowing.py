"""From a mark of a chart to exactly its runs: the address it leads to, the list there, and the way out of it."""

from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import parse_qs

import pytest
from runtally_ui.run_narrowing import Narrowed
from streamlit.testing.v1 import AppTest
from ui.fleet import fleet
from ui.pages import open_at, texts
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
DAYS = {"from": "2026-10-23", "to": "2026-11-21"}
OpenPage = Callable[..., AppTest]


@pytest.fixture
def api() -> StubApi:
    return StubApi(fleet(TODAY), TODAY)


def groups(api: StubApi, *dimensions: str, measure: str = "runs_with_errors") -> list[dict[str, Any]]:
    """The marks of a chart, by the API: those that are not empty."""
    body = {"measures": [measure], "dimensions": list(dimensions), "time": DAYS, "limit": 999, "other": False}
    rows: list[dict[str, Any]] = [row for row in api.query(body)["data"] if row[measure]]
    assert len(rows) > 1
    return rows


def shown_runs(app: AppTest) -> str:
    return next(line for line in texts(app).splitlines() if "newest first" in line)


def asked_runs(api: StubApi) -> dict[str, list[str]]:
    return [query for path, query in api.asked if path == "/api/v1/runs"][-1]


def test_an_hour_of_the_week_lists_its_failed_runs(open_page: OpenPage, api: StubApi) -> None:
    for row in groups(api, "weekday", "hour", measure="errors")[:3]:
        app = open_at(open_page, api, "runs", weekday=str(row["weekday"]), hour=str(row["hour"]),
                      status=["failed", "timed_out"])  # fmt: skip
        assert not app.exception
        assert f"{row['errors']:,} runs" in shown_runs(app)
        asked = asked_runs(api)
        assert (asked["weekday"], asked["hour"]) == ([str(row["weekday"])], [str(row["hour"])])


@pytest.mark.parametrize("dimension", ["error_category", "error_severity", "error_type"])
def test_a_kind_of_error_lists_its_runs(open_page: OpenPage, api: StubApi, dimension: str) -> None:
    for row in groups(api, dimension):
        named = {dimension: [row[dimension]]} if row[dimension] else {"unnamed": [dimension]}
        app = open_at(open_page, api, "runs", has_error="true", **named)
        assert not app.exception
        assert f"**{row['runs_with_errors']:,}** of" in shown_runs(app) or (
            f"{row['runs_with_errors']:,} runs" in shown_runs(app)
        )
        assert asked_runs(api)[dimension] == [row[dimension]]


def test_a_bar_of_durations_lists_its_runs(open_page: OpenPage, api: StubApi) -> None:
    bars = api.answer("/api/v1/latency", {name: [value] for name, value in DAYS.items()})[1]["duration"]["histogram"]
    for bar in bars[:3]:
        app = open_at(open_page, api, "runs", min_duration_ms=str(bar["from_ms"]),
                      max_duration_ms=str(bar["to_ms"] - 1))  # fmt: skip
        assert f"{bar['runs']:,} runs" in texts(app)
        assert asked_runs(api)["max_duration_ms"] == [str(bar["to_ms"] - 1)]
        assert any("took" in chip.label for chip in app.button)


def test_every_pattern_leads_to_as_many_runs_as_it_counts(open_page: OpenPage, api: StubApi) -> None:
    app = open_at(open_page, api, "errors")
    links = [link.proto for link in app.get("page_link") if link.proto.label.startswith("Open the ")]
    assert links
    for link in links:
        counted = link.label.removeprefix("Open the ")
        found = open_at(open_page, api, "runs", **parse_qs(link.query_string))
        assert not found.exception
        assert counted in shown_runs(found), link.query_string


def test_chips_are_taken_away_one_by_one(open_page: OpenPage, api: StubApi) -> None:
    app = open_at(open_page, api, "runs", weekday="6", hour="9", has_error="true")
    assert [app.button(key=f"chip-{name}").label for name in ("weekday", "hour", "has_error")] == [
        "Saturday", "09:00 to 09:59", "with an error",
    ]  # fmt: skip
    app.button(key="chip-weekday").click().run()
    assert "weekday" not in asked_runs(api)
    assert asked_runs(api)["hour"] == ["9"]
    app.button(key="chip-hour").click().run()
    app.button(key="chip-has_error").click().run()
    assert not {"hour", "has_error"} & set(asked_runs(api))
    assert not [button for button in app.button if (button.key or "").startswith("chip-")]


def test_ratings_are_listed_though_no_query_can_count_them(open_page: OpenPage, api: StubApi) -> None:
    app = open_at(open_page, api, "runs", rating=["5", "4"])
    assert "The newest **100** runs, newest first" in texts(app)
    assert asked_runs(api)["rating"] == ["5", "4"]
    assert app.button(key="chip-rating").label == "rated 5 ★, 4 ★"


def test_marks_that_no_run_has_can_be_cleared(open_page: OpenPage, api: StubApi) -> None:
    app = open_at(open_page, api, "runs", hour="3", error_category="no such", rating="1", session_id="none")
    assert "No runs match" in texts(app)
    app = open_at(open_page, api, "runs", hour="3", agent_version="none")
    assert "03:00 to 03:59 · version none" in texts(app)
    app.button(key="clear-fields").click().run()
    assert "No runs match" not in texts(app)
    assert not {"hour", "agent_version"} & set(asked_runs(api))


def test_what_an_address_cannot_mean_is_left_out(open_page: OpenPage, api: StubApi) -> None:
    app = open_at(open_page, api, "runs", hour=["24", "noon", "²"], weekday="0", rating="9", unnamed="agent_id",
                  min_duration_ms="-1", has_error="perhaps")  # fmt: skip
    assert not app.exception
    assert not {"hour", "weekday", "rating", "unnamed", "min_duration_ms", "has_error"} & set(asked_runs(api))


def test_bounds_are_included_and_empty_fields_are_asked_for_as_such() -> None:
    narrowed = Narrowed(min_duration_ms=0, max_duration_ms=99, unnamed=("model",), has_error=False, hour=(0,))
    assert narrowed.more() == (
        ("model", "in", ("",)), ("has_error", "in", (False,)), ("hour", "in", (0,)),
        ("duration_ms", "gte", (0,)), ("duration_ms", "lt", (100,)),
    )  # fmt: skip
    assert narrowed.params() == (
        ("has_error", "false"), ("hour", "0"), ("min_duration_ms", "0"), ("max_duration_ms", "99"), ("model", ""),
    )  # fmt: skip
    assert narrowed.words() == ["00:00 to 00:59", "took at most 99 ms", "names no model", "without an error"]

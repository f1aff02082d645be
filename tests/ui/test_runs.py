"""The Runs page: the explorer and a run's own page, headless, over a real HTTP stub."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from runtally_ui.answers import QueryRow
from runtally_ui.run_fields import definition_list, field_groups
from runtally_ui.views.runs import PAGE_SIZE, count_line
from streamlit.testing.v1 import AppTest
from ui.fleet import KINDS, all_failed, fleet, without_costs
from ui.pages import metrics, open_at, texts
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
OpenPage = Callable[..., AppTest]
FAILED = "code-review-2026-11-11-failed"
SUCCEEDED = "code-review-2026-11-11-succeeded"


def markup(app: AppTest) -> str:
    return "\n".join(block.proto.body for block in app.get("html"))


def run_ids(app: AppTest, table: int = 0) -> list[str]:
    return list(app.dataframe[table].value["Run"])


def asked_runs(api: StubApi) -> dict[str, list[str]]:
    """The newest question for a list of runs by page."""
    return [query for path, query in api.asked if path == "/api/v1/runs" and query["limit"] == [str(PAGE_SIZE)]][-1]


def test_the_newest_runs(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "runs")
    assert not app.exception
    shown = app.dataframe[0].value
    days = {"from": ["2026-10-23"], "to": ["2026-11-21"]}
    assert len(shown) == PAGE_SIZE
    runs = api.analytics(days)["totals"]["runs"]
    assert f"The newest **100** of {runs:,} runs" in texts(app)
    assert shown["Started"].is_monotonic_decreasing
    assert max(len(text) for text in shown["Message"].dropna()) == 100
    assert {status for (status,) in shown["Status"]} >= {"● Succeeded", "▲ Failed"}
    assert "Triage bot" in set(shown["Agent"])


def test_page_by_page_by_the_apis_cursor(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "runs")
    first = list(app.dataframe[0].value["Started"])
    assert "cursor" not in asked_runs(api)
    app.button(key="forth-runs").click().run()
    assert asked_runs(api)["cursor"] == ["100"]
    assert "**Page 2**" in texts(app)
    assert max(app.dataframe[0].value["Started"]) <= min(first)
    app.button(key="back-runs").click().run()
    assert "cursor" not in asked_runs(api)
    assert list(app.dataframe[0].value["Started"]) == first


def test_another_filter_begins_at_the_first_page(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "runs")
    app.button(key="forth-runs").click().run()
    app.multiselect(key="status").set_value(["succeeded"]).run()
    assert "cursor" not in asked_runs(api)
    assert asked_runs(api)["status"] == ["succeeded"]
    assert {status for (status,) in app.dataframe[0].value["Status"]} == {"● Succeeded"}


def test_the_last_page_leads_no_further_and_a_single_one_nowhere(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "runs")
    assert app.button(key="back-runs").disabled
    while not app.button(key="forth-runs").disabled:
        app.button(key="forth-runs").click().run()
    assert not app.button(key="back-runs").disabled
    app = open_at(open_page, api, "runs", agent_id=["lead-score"], status=["failed"])
    assert len(app.dataframe[0].value) < PAGE_SIZE
    assert not [button for button in app.button if button.key in ("first-runs", "back-runs", "forth-runs")]


def test_own_fields_narrow_the_list_and_its_count(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "runs", error_type=["timeout"])
    assert set(app.dataframe[0].value["Error"]) == {"timeout"}
    timeouts = sum(cell.runs for cell in api.cells if cell.error_type == "timeout" and cell.day >= date(2026, 10, 23))
    assert f"{timeouts:,}" in texts(app)
    app = open_at(open_page, api, "runs", session_id="code-review-2026-11-11")
    assert set(app.dataframe[0].value["Agent"]) == {"Code review"}


def test_fields_that_match_nothing_can_be_cleared(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "runs", session_id="no such session")
    assert "No runs match" in texts(app)
    app.button(key="clear-fields").click().run()
    assert len(app.dataframe) == 1


def test_an_empty_store_and_an_empty_filter(open_page: OpenPage) -> None:
    assert "No runs yet" in texts(open_at(open_page, StubApi([], TODAY), "runs"))
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "runs", agent_id=["qa-smoke"], model=["gpt-5"])
    assert "No runs match" in texts(app)
    assert not app.exception


def test_a_failing_api_and_no_rights(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY, failure={"title": "The store is down", "status": 503})
    app = open_at(open_page, api, "runs")
    assert "The store is down" in texts(app)
    api.failure = {"title": "Forbidden", "status": 403}
    app.button(key="retry").click().run()
    assert "Ask who runs this API" in texts(app)


def test_a_failing_list_says_so(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY, failing_paths=["/api/v1/runs"]), "runs")
    assert not app.exception
    assert "This part is broken" in texts(app)


@pytest.mark.parametrize("change", [all_failed, without_costs])
def test_odd_fleets(open_page: OpenPage, change: Callable[..., Any]) -> None:
    app = open_at(open_page, StubApi(change(fleet(TODAY)), TODAY), "runs")
    assert not app.exception
    assert len(app.dataframe[0].value) == PAGE_SIZE
    if change is without_costs:
        assert app.dataframe[0].value["Cost"].isna().all()


def test_a_run_shows_every_field_whole(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "runs", run=FAILED, workspace_id=["acme"])
    assert not app.exception
    run = api.run(FAILED, {})[1]
    assert metrics(app)["LLM calls"][0] == str(run["llm_calls"])
    assert app.code[-1].value == run["error_message"]
    html = markup(app)
    for name in ("id", "session_id", "agent_version", "environment", "user_id", "model", "error_type"):
        assert run[name] in html
    assert "&lt;b&gt;blue&lt;/b&gt;" in html
    assert "<b>" not in html
    assert "▲ Failed" in texts(app)


def test_a_run_has_its_session_and_the_runs_it_started(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "runs", run=SUCCEEDED, workspace_id=["acme"])
    subs, session = (list(app.dataframe[place].value["Status"]) for place in (0, 1))
    assert ["▲ Failed"] in subs
    assert ["● Succeeded"] not in subs
    assert len(session) == len(subs) + 1
    related = [query for path, query in api.asked if path == "/api/v1/runs"]
    assert all(query["workspace_id"] == ["acme"] for query in related)


def test_from_a_run_to_the_one_that_started_it_and_back_to_the_list(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "runs", run=FAILED, workspace_id=["acme"])
    app.button(key="open-parent").click().run()
    assert app.text_input(key="run").value == SUCCEEDED
    assert "● Succeeded" in texts(app)
    app.button(key="close-run").click().run()
    assert "newest first" in texts(app)


def test_an_unknown_run_says_so(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "runs", run="a/b/../%2F☂")
    assert not app.exception
    assert "no run 'a/b/../%2F☂'" in texts(app)
    assert app.button(key="close-run")


def test_a_failing_part_of_a_run_leaves_the_others(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY, failing_paths=["/api/v1/runs"])
    app = open_at(open_page, api, "runs", run=FAILED, workspace_id=["acme"])
    assert not app.exception
    assert "This part is broken" in texts(app)
    assert "Duration" in metrics(app)


def test_hostile_names(open_page: OpenPage) -> None:
    kinds = [replace(KINDS[0], agent_id="$x$ :material/home: " * 4, name="**bold** " * 40)]
    api = StubApi(fleet(TODAY, kinds=kinds), TODAY)
    app = open_at(open_page, api, "runs")
    assert not app.exception
    run_id = api.runs({})["data"][0]["run_id"]
    app = open_at(open_page, api, "runs", run=run_id)
    assert not app.exception
    assert "Duration" in metrics(app)


def test_a_field_of_a_later_version_is_shown() -> None:
    run = QueryRow(cells={"run_id": "a", "status": "running", "stalled": True, "novelty": "<i>", "tags": {}})
    groups = field_groups(run, "UTC")
    assert groups["Other fields"] == [("novelty", "<i>")]
    assert ("Status", "◆ Stalled") in groups["Run"]
    assert ("Duration", "–") in groups["Time"]
    assert definition_list(groups["Other fields"]) == '<dl class="fields"><dt>novelty</dt><dd>&lt;i&gt;</dd></dl>'


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((1, 1, 1), "**1 run**, newest first"),
        ((100, 6503, 1), "The newest **100** of 6,503 runs, newest first"),
        ((3, 203, 3), "**Page 3** · **3** of 203 runs, newest first"),
        ((100, None, 1), "The newest **100** runs, newest first"),
        ((3, None, 2), "**Page 2** · **3** runs, newest first"),
    ],
)
def test_the_count(arguments: tuple[int, int | None, int], line: str) -> None:
    assert count_line(*arguments) == line

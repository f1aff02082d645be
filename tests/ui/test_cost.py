"""The Cost page in every state, headless, over a real HTTP stub."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from runtally_ui.ranking import SHOWN
from streamlit.testing.v1 import AppTest
from ui.fleet import KINDS, all_failed, fleet, without_costs
from ui.pages import chart_specs, metrics, open_at, texts
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
OpenPage = Callable[..., AppTest]


def test_a_fleet(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "cost")
    assert not app.exception
    names = ["cost_usd", "cost_coverage", "runs"]
    body = {"measures": names, "time": {"from": "2026-10-23", "to": "2026-11-21"}}
    (totals,) = api.query(body)["data"]
    (groups,) = [query for query in api.queries if query["dimensions"] == ["workspace_id", "agent_id"]
                 and "cost_per_success_usd" in query["measures"] and query["time"]["from"] == "2026-10-23"]  # fmt: skip
    shown = metrics(app)
    assert shown["Total cost"][0] == f"${Decimal(totals['cost_usd']):,.2f}"
    assert shown["Cost known"][0] == f"{totals['cost_coverage']:.1%}"
    unknown = round(totals["runs"] * (1 - totals["cost_coverage"]))
    assert f"{unknown:,} runs of no known cost" in texts(app)
    assert len(chart_specs(app)) == 6
    assert groups["order"] == [{"by": "cost_usd", "direction": "desc"}]
    table = app.dataframe[0].value
    assert next(iter(table["Agent"])) == "Code review"
    assert table["Total cost"].is_monotonic_decreasing
    assert f"USD, the {SHOWN} dearest of {table['Total cost'].notna().sum()} agents" in texts(app)
    assert table["Total cost"].sum() == pytest.approx(float(totals["cost_usd"]))
    assert "workspace_id=acme&agent_id=code-review" in table["Open"].iloc[0]


def test_what_changed_adds_up(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "cost")
    told = texts(app)
    assert "than the 30 days before" in told
    assert "by the number of runs" in told
    assert "The greatest change: agent " in told


@pytest.mark.parametrize(
    ("by", "column", "groups"),
    [("By model", "Model", 5), ("By workspace", "Workspace", 2), ("By environment", "Environment", 2),
     ("By user", "User", 9)],
)  # fmt: skip
def test_told_by_what_the_reader_chose(open_page: OpenPage, by: str, column: str, groups: int) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "cost", by=by)
    assert not app.exception
    assert len(app.dataframe[0].value[column]) == groups <= SHOWN
    assert "USD, dearest first" in texts(app)
    assert f"Cost by {column.lower()}" in texts(app)


def test_an_address_that_names_no_dimension(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "cost", by="By moon")
    assert not app.exception
    assert "Cost by agent" in texts(app)


def test_runs_without_users_are_a_group_that_can_be_opened(open_page: OpenPage) -> None:
    cells = [replace(cell, user_id="") for cell in fleet(TODAY, kinds=KINDS[:2])]
    app = open_at(open_page, StubApi(cells, TODAY), "cost", by="By user")
    assert list(app.dataframe[0].value["User"]) == ["(no user)"]
    assert "unnamed=user_id" in app.dataframe[0].value["Open"].iloc[0]


def test_without_a_comparison(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "cost", compare="no comparison")
    assert not app.exception
    assert "No comparison." in texts(app)
    assert "Choose a comparison in the bar." in texts(app)
    assert len(chart_specs(app)) == 5


def test_unknown_costs(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(without_costs(fleet(TODAY)), TODAY), "cost")
    assert not app.exception
    shown = metrics(app)
    assert shown["Total cost"][0] == "N/A"
    assert shown["Cost known"][0] == "0%"
    assert texts(app).count("No run in this period has a known cost.") == 4
    assert "The cost is the same." in texts(app)
    assert len(chart_specs(app)) == 1


def test_known_costs_only(open_page: OpenPage) -> None:
    cells = [replace(cell, priced=cell.runs) for cell in fleet(TODAY)]
    app = open_at(open_page, StubApi(cells, TODAY), "cost")
    assert metrics(app)["Cost known"][0] == "100%"
    assert "Nothing is missing: the cost of every run is known." in texts(app)


def test_all_failed_has_no_cost_per_success(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(all_failed(fleet(TODAY)), TODAY), "cost")
    assert not app.exception
    assert metrics(app)["Cost per success"][0] == "N/A"
    assert "no run has succeeded" in texts(app)


def test_only_successful_runs_say_what_they_hide(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "cost", status=["succeeded"])
    assert "successful runs only: the cost of failed runs is hidden" in texts(app)


def test_an_empty_store_and_an_empty_filter(open_page: OpenPage) -> None:
    assert "No runs yet" in texts(open_at(open_page, StubApi([], TODAY), "cost"))
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "cost", agent_id=["qa-smoke"], model=["gpt-5"])
    assert "No runs match" in texts(app)


def test_one_failing_part_leaves_the_others(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY, failing_dimensions=["user_id"]), "cost", by="By user")
    assert not app.exception
    assert texts(app).count("This part is broken") == 5
    assert len(chart_specs(app)) == 2


def test_a_failing_api_and_no_rights(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY, failure={"title": "The store is down", "status": 503})
    app = open_at(open_page, api, "cost")
    assert "The store is down" in texts(app)
    api.failure = {"title": "Forbidden", "status": 403}
    app.button(key="retry").click().run()
    assert "Ask who runs this API for the right to see it" in texts(app)


def test_the_way_from_unknown_costs_to_their_runs(open_page: OpenPage) -> None:
    api = StubApi(without_costs(fleet(TODAY, kinds=KINDS[:2])), TODAY)
    app = open_at(open_page, api, "runs", has_cost="false")
    assert not app.exception
    asked = [query for path, query in api.asked if path == "/api/v1/runs"][-1]
    assert asked["has_cost"] == ["false"]
    assert app.button(key="chip-has_cost").label == "of no known cost"

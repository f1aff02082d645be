"""The Agents page: the list and an agent's own page, headless, over a real HTTP stub."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from runtally_ui.views.agents import ORDERS, PAGE_SIZE
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df
from streamlit.testing.v1 import AppTest
from ui.fleet import KINDS, AgentKind, all_failed, fleet, without_costs
from ui.pages import chart_specs, metrics, open_at, texts
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
DAYS = {"from": ["2026-10-23"], "to": ["2026-11-21"]}
OpenPage = Callable[..., AppTest]
HOSTILE = ["a/b", "..", "100%", "%2F", "🤖", "$x$ :material/home: <b>", "x" * 128]


def stub(**changes: Any) -> StubApi:
    values: dict[str, Any] = {"cells": fleet(TODAY), "today": TODAY} | changes
    return StubApi(**values)


def asked_agents(api: StubApi) -> dict[str, list[str]]:
    """The newest question for the list."""
    return [query for path, query in api.asked if path == "/api/v1/agents"][-1]


def many(number: int) -> list[AgentKind]:
    return [replace(KINDS[0], agent_id=f"agent-{place}", name=f"Agent {place}") for place in range(number)]


def test_the_list_shows_every_agent_with_its_figures(open_page: OpenPage) -> None:
    api = stub()
    app = open_at(open_page, api, "agents")
    assert not app.exception
    shown = app.dataframe[0].value
    expected = api.analytics(DAYS)["agents"]
    assert list(shown["Agent"]) == [agent["agent_name"] for agent in expected]
    assert list(shown["Runs"]) == [agent["runs"] for agent in expected]
    assert [round(rate, 9) for rate in shown["Success"]] == [round(a["success_rate"] * 100, 9) for a in expected]
    assert list(shown["Tokens"]) == [agent["total_tokens"] for agent in expected]
    assert [sum(bars) for bars in shown["Over time"]] == list(shown["Runs"])
    assert {len(bars) for bars in shown["Over time"]} == {30}
    assert "**12 agents**" in texts(app)
    assert "Cost known for 96." in texts(app)


def test_agents_have_the_colours_of_the_overview(open_page: OpenPage) -> None:
    api = stub()
    overview = open_page(api)
    scale = chart_specs(overview)[0]["encoding"]["color"]["scale"]["domain"]
    app = open_at(open_page, api, "agents", workspace_id=["globex"])
    shown = app.dataframe[0].value.set_index("Agent")["Colour"]
    assert shown["Sales research"] != shown["Support reply"]
    assert shown["Onboarding guide"] == shown["Alert summary"]  # beyond the eight busiest
    page = open_at(open_page, api, "agents", profile="sales-research")
    spec = chart_specs(page)[0]
    assert spec["encoding"]["color"]["scale"]["domain"] == scale
    drawn = convert_arrow_bytes_to_pandas_df(page.get("vega_lite_chart")[0].proto.datasets[0].data.data)
    assert set(drawn["series"]) == {"Sales research"}


def test_the_api_sorts(open_page: OpenPage) -> None:
    api = stub()
    app = open_at(open_page, api, "agents", sort="Dearest first")
    columns = {"runs": "Runs", "cost_usd": "Cost", "p95_duration_ms": "p95", "total_tokens": "Tokens"}
    for words, (measure, direction) in ORDERS.items():
        app.selectbox(key="sort").set_value(words).run()
        assert (asked_agents(api)["sort"], asked_agents(api)["direction"]) == ([measure], [direction])
        if measure in columns:
            assert app.dataframe[0].value[columns[measure]].is_monotonic_decreasing


def test_the_api_pages(open_page: OpenPage) -> None:
    api = stub(cells=fleet(TODAY, kinds=many(PAGE_SIZE + 7), history=31))
    app = open_at(open_page, api, "agents")
    assert f"**{PAGE_SIZE}** of {PAGE_SIZE + 7} agents" in texts(app)
    assert "cursor" not in asked_agents(api)
    first = set(app.dataframe[0].value["Agent"])
    app.button(key="forth-agents").click().run()
    assert asked_agents(api)["cursor"] == [str(PAGE_SIZE)]
    rest = set(app.dataframe[0].value["Agent"])
    assert len(rest) == 7
    assert not rest & first
    assert app.button(key="forth-agents").disabled
    app.selectbox(key="sort").set_value("Dearest first").run()
    assert "cursor" not in asked_agents(api)


def test_a_failing_list_says_so_and_failing_sparklines_leave_the_table(open_page: OpenPage) -> None:
    app = open_at(open_page, stub(failing_paths=["/api/v1/agents"]), "agents")
    assert "This part is broken" in texts(app)
    assert not app.exception
    app = open_at(open_page, stub(failing_dimensions=["agent_id"]), "agents")
    assert "Runs over time: This part is broken. The figures stand." in texts(app)
    assert len(app.dataframe[0].value) == len(KINDS)


def test_an_agent_has_all_its_parts(open_page: OpenPage) -> None:
    api = stub()
    app = open_at(open_page, api, "agents", profile="code-review")
    assert not app.exception
    totals = api.analytics({**DAYS, "agent_id": ["code-review"]})["totals"]
    assert metrics(app)["Runs"][0] == f"{totals['runs']:,}"
    assert metrics(app)["Total cost"][0] == f"${float(totals['cost_usd']):,.2f}"
    assert len(chart_specs(app)) == 9
    said = texts(app)
    for title in ("Runs", "Success rate", "Duration", "Latency distribution", "How it compares", "Cost by model",
                  "Errors by type", "Errors over time", "Users", "Ratings"):  # fmt: skip
        assert f"##### {title}" in said
    compared = app.dataframe[0].value.set_index("Measure")
    assert compared.loc["Runs", "This agent"] == f"{totals['runs']:,}"
    assert compared.loc["Runs", "Rank"] == "3 of 6"
    assert compared.loc["Runs", "Not behind"] == pytest.approx(60)
    assert "of 5 on average" in said
    assert "failed or timed out" in said


def test_the_comparison_follows_the_bar(open_page: OpenPage) -> None:
    api = stub()
    found = {}
    for words, name in (("vs previous period", "previous_period"), ("vs previous week", "previous_week")):
        app = open_at(open_page, api, "agents", profile="code-review", range="90d", compare=words)
        asked = [query for path, query in api.asked if path.startswith("/api/v1/agents/")][-1]
        assert asked["compare"] == [name]
        found[name] = str(app.dataframe[0].value.set_index("Measure").loc["Runs", "Before"])
    assert "17 Aug – 14 Nov" in texts(app)
    assert found["previous_period"] != found["previous_week"]
    app = open_at(open_page, api, "agents", profile="code-review", compare="no comparison")
    assert not {"Before", "Change"} & set(app.dataframe[0].value.columns)
    assert "average and agents" in texts(app)


def test_an_agents_page_is_about_that_agent_whatever_agents_the_bar_says(open_page: OpenPage) -> None:
    api = stub()
    app = open_at(open_page, api, "agents", profile="code-review", agent_id=["qa-smoke"], model=["claude-sonnet-4-5"])
    path, query = next((path, query) for path, query in api.asked if path.startswith("/api/v1/agents/"))
    assert path == "/api/v1/agents/code-review/analytics"
    assert (query["agent_id"], query["model"]) == (["code-review"], ["claude-sonnet-4-5"])
    assert not app.exception


def test_any_id_opens(open_page: OpenPage) -> None:
    kinds = [replace(KINDS[0], agent_id=agent_id, name="**Bold** `name`") for agent_id in HOSTILE]
    app = open_at(open_page, stub(cells=fleet(TODAY, kinds=kinds, history=31)), "agents")
    for agent_id in HOSTILE:
        app.text_input(key="profile").set_value(agent_id).run()
        assert not app.exception
        assert "Runs" in metrics(app), texts(app)
    assert "No such agent" not in texts(app)


def test_one_failing_part_leaves_the_others(open_page: OpenPage) -> None:
    app = open_at(open_page, stub(failing_parts=["users", "comparisons"]), "agents", profile="code-review")
    assert not app.exception
    assert texts(app).count("This part could not be computed") == 3
    assert "It needs more memory." in texts(app)
    assert len(chart_specs(app)) == 8
    app = open_at(open_page, stub(failing_paths=["/api/v1/latency"]), "agents", profile="code-review")
    assert texts(app).count("This part is broken") == 1
    path = "/api/v1/agents/code-review/analytics"
    app = open_at(open_page, stub(failing_paths=[path]), "agents", profile="code-review")
    assert not app.exception
    assert len(chart_specs(app)) == 6
    assert "Runs" in metrics(app)


def test_an_id_of_two_workspaces_asks_which(open_page: OpenPage) -> None:
    kinds = [KINDS[0], replace(KINDS[0], workspace_id="globex", name="Other triage")]
    app = open_at(open_page, stub(cells=fleet(TODAY, kinds=kinds)), "agents", profile="triage-bot")
    assert "Which of them?" in texts(app)
    button = next(one for one in app.button if one.label == "In globex")
    button.click().run()
    assert app.multiselect(key="workspace_id").value == ["globex"]
    assert "Runs" in metrics(app)


def test_an_unknown_agent_and_the_way_back(open_page: OpenPage) -> None:
    app = open_at(open_page, stub(), "agents", profile="nobody", workspace_id=["acme"])
    assert "No such agent" in texts(app)
    app.button(key="close-agent").click().run()
    assert "**12 agents**" in texts(app)


def test_an_agent_without_runs_in_the_range_says_where_they_are(open_page: OpenPage) -> None:
    old = [cell for cell in fleet(TODAY) if cell.agent_id != "qa-smoke" or cell.day <= date(2026, 10, 10)]
    app = open_at(open_page, stub(cells=old), "agents", profile="qa-smoke")
    assert not app.exception
    assert "Widen the **range**" in texts(app)
    app.button(key="newest-days").click().run()
    assert "Runs" in metrics(app)
    assert app.text_input(key="profile").value == "qa-smoke"


def test_empty_failing_and_forbidden(open_page: OpenPage) -> None:
    assert "No runs yet" in texts(open_at(open_page, stub(cells=[]), "agents"))
    assert "No runs match" in texts(open_at(open_page, stub(), "agents", agent_id=["qa-smoke"], model=["gpt-5"]))
    api = stub(failure={"title": "The store is down", "status": 503})
    app = open_at(open_page, api, "agents", profile="code-review")
    assert "The store is down" in texts(app)
    api.failure = {"title": "Forbidden", "status": 403}
    app.button(key="retry").click().run()
    assert "Ask who runs this API" in texts(app)


def test_all_failed(open_page: OpenPage) -> None:
    api = stub(cells=all_failed(fleet(TODAY)))
    assert set(open_at(open_page, api, "agents").dataframe[0].value["Success"]) == {0.0}
    app = open_at(open_page, api, "agents", profile="code-review")
    assert not app.exception
    assert metrics(app)["Success rate"][0] == "0%"
    assert "No user rated a run of this period." in texts(app)


def test_unknown_costs(open_page: OpenPage) -> None:
    api = stub(cells=without_costs(fleet(TODAY)))
    assert open_at(open_page, api, "agents").dataframe[0].value["Cost"].isna().all()
    app = open_at(open_page, api, "agents", profile="code-review")
    assert not app.exception
    assert metrics(app)["Total cost"][0] == "N/A"
    assert texts(app).count("No run in this period has a known cost.") == 2
    assert app.dataframe[0].value.set_index("Measure").loc["Total cost", "This agent"] == "–"


def test_long_and_hostile_names(open_page: OpenPage) -> None:
    kinds = [
        replace(KINDS[0], name="A long name " * 30),
        replace(KINDS[6], name=":material/home: **$x$** [a](http://b)"),
    ]
    app = open_at(open_page, stub(cells=fleet(TODAY, kinds=kinds)), "agents")
    assert not app.exception
    assert max(len(name) for name in app.dataframe[0].value["Agent"]) == 100

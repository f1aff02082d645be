"""The page in every state, headless, over a real HTTP stub."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

from streamlit.testing.v1 import AppTest
from ui.fleet import KINDS, all_failed, fleet, without_costs
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
OpenPage = Callable[..., AppTest]


def stub(**changes: Any) -> StubApi:
    values: dict[str, Any] = {"cells": fleet(TODAY), "today": TODAY} | changes
    return StubApi(**values)


def metrics(app: AppTest) -> dict[str, tuple[str, str]]:
    return {metric.label: (metric.value.replace("\\", ""), metric.delta) for metric in app.metric}


def texts(app: AppTest) -> str:
    blocks = [*app.markdown, *app.caption, *app.title]
    return "\n".join(block.value.replace("\\", "") for block in blocks)


def buttons(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def chart_specs(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in app.get("vega_lite_chart")]


def test_a_fleet(open_page: OpenPage) -> None:
    api = stub()
    app = open_page(api)
    assert not app.exception
    totals = api.analytics({})["totals"]
    shown = metrics(app)
    assert shown["Runs"][0] == f"{totals['runs']:,}"
    assert shown["Success rate"][0] == f"{totals['success_rate']:.1%}"
    assert shown["Total cost"][0] == f"${float(totals['cost_usd']):,.2f}"
    assert all(delta for _, delta in shown.values())
    assert len(chart_specs(app)) == 8
    assert "Cost known for 96." in texts(app)
    assert "Data as of 21 Nov 2026, 09:30:01 UTC" in texts(app)
    assert "the last step is still running" in texts(app)
    assert len(app.dataframe[0].value) == len(KINDS)


def test_the_mean_and_the_band_are_switched_on_in_each_trend(open_page: OpenPage) -> None:
    app = open_page(stub())
    before = chart_specs(app)
    for key in ("runs", "cost", "cost-per-run", "duration", "success"):
        app.checkbox(key=f"rolling-{key}").set_value(True)
        app.checkbox(key=f"outliers-{key}").set_value(True)
    app.run()
    assert not app.exception
    means = ['"rolling"' in json.dumps(now) for now in chart_specs(app)]
    assert means == [True] * 5 + [False] * 3
    diamonds = ['"diamond"' in json.dumps(now) for now in chart_specs(app)]
    assert diamonds == [True] * 5 + [False] * 3
    assert not any('"diamond"' in json.dumps(spec) for spec in before)


def test_the_address_governs_every_question(open_page: OpenPage) -> None:
    api = stub()
    app = open_page(
        api, range="7d", agent_id=["qa-smoke", "doc-search"], status=["succeeded"], timezone="Europe/Berlin"
    )
    current = [query for _, query in api.asked if query.get("agent_id")]
    assert {query["from"][0] for query in current} == {"2026-11-15"}
    posted = [body for body in api.queries if body["filters"]]
    assert {body["time"]["from"] for body in posted} == {"2026-11-15", "2026-11-08"}
    for body in posted:
        assert [(entry["dimension"], entry["values"]) for entry in body["filters"]] == [
            ("agent_id", ["qa-smoke", "doc-search"]), ("status", ["succeeded"]),
        ]  # fmt: skip
    for query in current:
        assert query["agent_id"] == ["qa-smoke", "doc-search"]
        assert query["status"] == ["succeeded"]
        assert query["timezone"] == ["Europe/Berlin"]
    assert app.multiselect(key="agent_id").value == ["qa-smoke", "doc-search"]
    assert "leave failed or timed-out runs out" in texts(app)
    assert metrics(app)["Success rate"][0] == "100%"
    assert "successful runs only: the cost of failed runs is hidden" in texts(app)
    assert len(chart_specs(app)) == 7


def test_bad_values_in_the_address_are_dropped(open_page: OpenPage) -> None:
    api = stub()
    app = open_page(api, range="bogus", status=["failed", "nonsense"], tz="Nowhere/City")
    assert not app.exception
    current = [query for _, query in api.asked if query.get("status")]
    assert {tuple(query["status"]) for query in current} == {("failed",)}
    assert "2026-10-23" in {query["from"][0] for query in current}


def test_choosing_a_filter_asks_again(open_page: OpenPage) -> None:
    api = stub()
    app = open_page(api)
    app.multiselect(key="workspace_id").select("globex").run()
    assert metrics(app)["Runs"][0] == f"{api.analytics({'workspace_id': ['globex']})['totals']['runs']:,}"
    next(button for button in app.button if button.label == "Clear").click().run()
    assert app.multiselect(key="workspace_id").value == []
    assert metrics(app)["Runs"][0] == f"{api.analytics({})['totals']['runs']:,}"


def test_custom_days_live_in_the_address(open_page: OpenPage) -> None:
    api = stub()
    app = open_page(api, range="Custom", **{"from": "2026-11-01", "to": "2026-11-10"})
    assert "2026-11-01" in {query["from"][0] for _, query in api.asked if "from" in query}
    assert {(body["time"]["from"], body.get("compare")) for body in api.queries} >= {("2026-11-01", "previous_period")}
    assert "22 Oct – 31 Oct 2026" in texts(app), "the dashed line of the cumulative cost"
    assert "1 Nov – 10 Nov 2026" in texts(app)
    assert "still running" not in texts(app)
    assert app.date_input(key="dates").value == (date(2026, 11, 1), date(2026, 11, 10))


def test_a_link_of_an_earlier_version_opens(open_page: OpenPage) -> None:
    old = ["2026-11-01", "2026-11-10"]
    app = open_page(stub(), range="Custom", dates=old, agent=["qa-smoke"], tz="Europe/Berlin")
    assert not app.exception
    assert app.date_input(key="dates").value == (date(2026, 11, 1), date(2026, 11, 10))
    assert app.multiselect(key="agent_id").value == ["qa-smoke"]
    assert app.selectbox(key="timezone").value == "Europe/Berlin"
    wanted = {"agent_id": ["qa-smoke"], "from": old[:1], "to": old[1:]}
    assert metrics(app)["Runs"][0] == f"{stub().analytics(wanted)['totals']['runs']:,}"


def test_an_empty_store_says_how_to_publish(open_page: OpenPage) -> None:
    app = open_page(stub(cells=[]))
    assert "No runs yet" in texts(app)
    assert "/api/v1/runs" in app.code[0].value
    assert "2026-11-21T09:30:00Z" in app.code[0].value
    assert not app.metric


def test_an_empty_filter_says_which_one_to_widen(open_page: OpenPage) -> None:
    app = open_page(stub(), agent_id=["qa-smoke"], model=["gpt-5"])
    assert "No runs match" in texts(app)
    assert "Widen **agent**" in texts(app)
    assert {"Clear agent", "Clear model", "Clear all filters"} <= set(buttons(app))
    app.button(key="widen-model").click().run()
    assert metrics(app)["Runs"][0] != "0"
    assert app.multiselect(key="agent_id").value == ["qa-smoke"]


def test_an_empty_range_offers_the_newest_days_with_runs(open_page: OpenPage) -> None:
    old = [cell for cell in fleet(TODAY) if cell.day <= date(2026, 10, 10)]
    app = open_page(stub(cells=old), workspace_id=["acme"])
    assert "Widen the **range**" in texts(app)
    app.button(key="newest-days").click().run()
    assert app.date_input(key="dates").value == (date(2026, 9, 11), date(2026, 10, 10))
    assert app.multiselect(key="workspace_id").value == ["acme"]
    assert metrics(app)["Runs"][0] != "0"
    # Agents of the past have colours too, although the last thirty days rank nobody.
    series = chart_specs(app)[0]["encoding"]["color"]["scale"]["domain"]
    assert "Triage bot" in series


def test_a_failing_api_keeps_the_filters_and_offers_retry(open_page: OpenPage) -> None:
    problem = {"title": "The store is down", "status": 503, "detail": "Try $later$.", "request_id": "r-7"}
    api = stub(failure=problem)
    app = open_page(api, agent_id=["qa-smoke"], status=["failed"])
    assert "The store is down" in texts(app)
    assert "Try $later$." in texts(app)
    assert "Request r-7" in texts(app)
    assert app.multiselect(key="agent_id").value == ["qa-smoke"]
    api.failure = None
    app.button(key="retry").click().run()
    assert metrics(app)["Success rate"][0] == "0%"


def test_an_answer_of_another_shape_is_an_error_not_a_crash(open_page: OpenPage) -> None:
    app = open_page(stub(shape_broken=True))
    assert not app.exception
    assert "cannot be read" in texts(app)


def test_all_failed_is_zero_per_cent(open_page: OpenPage) -> None:
    app = open_page(stub(cells=all_failed(fleet(TODAY))))
    assert not app.exception
    assert metrics(app)["Success rate"] == ("0%", "no change")
    assert len(chart_specs(app)) == 8


def test_unknown_costs_are_not_available_and_say_why(open_page: OpenPage) -> None:
    app = open_page(stub(cells=without_costs(fleet(TODAY))))
    assert metrics(app)["Total cost"] == ("N/A", "")
    assert "No run in this period has a known cost." in texts(app)
    assert "Cost known for 0% of runs" in texts(app)
    assert len(chart_specs(app)) == 6


def test_long_and_hostile_names(open_page: OpenPage) -> None:
    long = "An agent with a very long name " * 6
    kinds = [replace(KINDS[0], name=long), replace(KINDS[6], name=":material/home: **$x$** [a](http://b)")]
    app = open_page(stub(cells=fleet(TODAY, kinds=kinds)), range="7d")
    assert not app.exception
    assert list(app.dataframe[0].value["Agent"]) == [kinds[0].name, kinds[1].name]


def test_few_runs_make_no_comparison(open_page: OpenPage) -> None:
    app = open_page(stub(cells=fleet(TODAY, kinds=KINDS[-1:])), range="7d")
    assert {delta for _, delta in metrics(app).values()} == {""}

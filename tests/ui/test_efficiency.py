"""The Efficiency page in every state, headless, over a real HTTP stub."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from runtally_ui import formats
from runtally_ui.scatter import DrawMeta, DrawnRuns, which_runs
from runtally_ui.views import efficiency
from streamlit.testing.v1 import AppTest
from ui.fleet import KINDS, all_failed, fleet, without_costs
from ui.pages import chart_specs, metrics, open_at, texts
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
OpenPage = Callable[..., AppTest]


def test_a_fleet(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "efficiency")
    assert not app.exception
    body = {"measures": ["cache_hit_rate", "llm_calls", "retries"], "time": {"from": "2026-10-23", "to": "2026-11-21"}}
    (totals,) = api.query(body)["data"]
    shown = metrics(app)
    assert shown["Cache hit rate"][0] == f"{totals['cache_hit_rate']:.1%}"
    assert shown["Retries"][0] == f"{totals['retries']:,}"
    assert len(chart_specs(app)) == 5
    models = app.dataframe[0].value
    assert list(models["Model"])[:2] == ["gpt-5-mini", "claude-haiku-4-5"]
    assert models["Runs"].is_monotonic_decreasing
    assert "40% target" in texts(app)


def test_the_scatter_says_what_it_was_drawn_of(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = StubApi(fleet(TODAY), TODAY)
    runs = whole.runs({"sample": ["5000"], "from": ["2026-10-23"], "to": ["2026-11-21"]})["meta"]["drawn_from"]
    monkeypatch.setattr(efficiency, "SAMPLE", 40)
    app = open_at(open_page, whole, "efficiency")
    assert not app.exception
    assert f"40 of {formats.count(runs)} runs, drawn over the whole range" in texts(app)
    assert "one point a run" in texts(app)
    monkeypatch.setattr(efficiency, "SAMPLE", runs)
    assert f"All {runs:,} runs" in texts(open_at(open_page, whole, "efficiency"))


@pytest.mark.parametrize(
    ("runs", "points", "of", "said"),
    [
        (1000, 1000, 2_100_000, "1,000 of 2.1M runs, drawn over the whole range"),
        (312, 312, 312, "All 312 runs"),
        (1, 1, 1, "The only run"),
        (312, 300, 312, "All 312 runs · 12 of them without calls or cost"),
        (10, 10, None, "All 10 runs"),
    ],
)
def test_which_runs_are_shown(runs: int, points: int, of: int | None, said: str) -> None:
    assert which_runs(DrawnRuns(data=[{}] * runs, meta=DrawMeta(drawn_from=of)), points) == said


def test_only_successful_runs_say_what_they_hide(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "efficiency", status=["succeeded"])
    assert "successful runs only: the cost of failed runs is hidden" in texts(app)


def test_an_empty_store(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi([], TODAY), "efficiency")
    assert "No runs yet" in texts(app)
    assert not app.metric


def test_an_empty_filter(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "efficiency", agent_id=["qa-smoke"], model=["gpt-5"])
    assert "No runs match" in texts(app)


def test_one_failing_part_leaves_the_others(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY, failing_paths=["/api/v1/runs"])
    app = open_at(open_page, api, "efficiency")
    assert not app.exception
    assert "This part is broken" in texts(app)
    assert len(chart_specs(app)) == 4


def test_a_failing_api_and_no_rights(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY, failure={"title": "The store is down", "status": 503})
    app = open_at(open_page, api, "efficiency")
    assert "The store is down" in texts(app)
    api.failure = {"title": "Forbidden", "status": 403}
    app.button(key="retry").click().run()
    assert "Ask who runs this API for the right to see it" in texts(app)


def test_all_failed_has_no_cost_per_success(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(all_failed(fleet(TODAY)), TODAY), "efficiency")
    assert not app.exception
    assert metrics(app)["Cost per success"][0] == "N/A"
    assert "no run has succeeded" in texts(app)
    assert "No successful run in this period" in texts(app)
    assert set(app.dataframe[0].value["Success rate"]) == {0.0}


def test_unknown_costs(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(without_costs(fleet(TODAY)), TODAY), "efficiency")
    assert not app.exception
    assert "No run in this period reports both its calls and its cost." in texts(app)
    assert app.dataframe[0].value["Cost per run"].isna().all()


def test_long_and_hostile_model_names(open_page: OpenPage) -> None:
    kinds = [replace(KINDS[0], model="a very long model " * 20), replace(KINDS[1], model=":material/home: $x$ a.b[0]")]
    app = open_at(open_page, StubApi(fleet(TODAY, kinds=kinds), TODAY), "efficiency")
    assert not app.exception
    assert max(len(name) for name in app.dataframe[0].value["Model"]) == 100

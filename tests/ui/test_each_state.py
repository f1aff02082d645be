"""The five pages of every morning, an agent's own and a run's own, in each state: none breaks, none says NaN."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date

import pytest
from streamlit.testing.v1 import AppTest
from ui.fleet import all_failed, fleet, without_costs
from ui.pages import chart_specs, metrics, open_at, texts
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
OpenPage = Callable[..., AppTest]
Address = Mapping[str, str | list[str]]
FAILED = "code-review-2026-11-11-failed"
PAGES: list[tuple[str, Address]] = [
    ("", {}),
    ("efficiency", {}),
    ("errors", {}),
    ("agents", {}),
    ("agents", {"profile": "code-review", "workspace_id": ["acme"]}),
    ("runs", {}),
    ("runs", {"run": FAILED, "workspace_id": ["acme"]}),
]
NAMES = ["overview", "efficiency", "errors", "agents", "agent", "runs", "run"]
each_page = pytest.mark.parametrize(("path", "address"), PAGES, ids=NAMES)
NOT_A_FIGURE = re.compile(r"\b(NaN|nan|inf|undefined|None(?! stands out))\b")


def figures(app: AppTest) -> str:
    """All that is said, in tiles too."""
    assert not app.exception
    said = texts(app) + "\n" + "\n".join(f"{value} {change}" for value, change in metrics(app).values())
    assert not NOT_A_FIGURE.search(said), said
    return said


@each_page
def test_a_fleet(open_page: OpenPage, path: str, address: Address) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), path, **address)
    figures(app)
    assert metrics(app) or len(app.dataframe) == 1


@each_page
def test_an_empty_store(open_page: OpenPage, path: str, address: Address) -> None:
    app = open_at(open_page, StubApi([], TODAY), path, **address)
    said = figures(app)
    assert any(words in said for words in ("No runs yet", "No such agent", "no run '", "No runs match")), said
    assert not chart_specs(app)


@each_page
def test_a_failing_api(open_page: OpenPage, path: str, address: Address) -> None:
    api = StubApi(fleet(TODAY), TODAY, failure={"title": "The store is down", "status": 503})
    app = open_at(open_page, api, path, **address)
    assert "The store is down" in figures(app)
    assert "Retry" in [button.label for button in app.button]
    api.failure = None
    next(button for button in app.button if button.label == "Retry").click().run()
    assert "The store is down" not in figures(app)


@each_page
def test_all_failed(open_page: OpenPage, path: str, address: Address) -> None:
    api = StubApi(all_failed(fleet(TODAY)), TODAY)
    app = open_at(open_page, api, path, **address)
    figures(app)
    assert metrics(app).get("Success rate", ("0%",))[0] == "0%"


@each_page
def test_no_cost_is_known(open_page: OpenPage, path: str, address: Address) -> None:
    app = open_at(open_page, StubApi(without_costs(fleet(TODAY)), TODAY), path, **address)
    figures(app)
    costs = [value for name, (value, _) in metrics(app).items() if "ost" in name]
    assert set(costs) <= {"N/A"}
    assert costs or "Cost" in app.dataframe[0].value


@each_page
def test_long_messages_and_names(open_page: OpenPage, path: str, address: Address) -> None:
    long = ("**It** broke at `a.b[0]` :material/home: <b>$x$</b> " * 6)[:256]  # as long as a text may be
    cells = [replace(cell, agent_name=long, error_type=long if cell.error_type else "", model=long)
             for cell in fleet(TODAY)]  # fmt: skip
    app = open_at(open_page, StubApi(cells, TODAY), path, **address)
    figures(app)
    for table in app.dataframe:
        told = table.value.select_dtypes(include=["object", "string"]).stack()
        assert max((len(text) for text in told if isinstance(text, str) and "?" not in text), default=0) < 300

"""The form of fields on the page Runs: what it shows, and what the address says once it is sent."""

from collections.abc import Callable
from datetime import date

import pytest
from runtally_ui.narrowing_form import in_form, named_by_form
from runtally_ui.run_narrowing import Narrowed
from streamlit.testing.v1 import AppTest
from ui.fleet import fleet
from ui.pages import open_at, texts
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
OpenPage = Callable[..., AppTest]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("agent_version", " 1.2, ,2.0 ", ["1.2", "2.0"]),
        ("error_category", "", []),
        ("has_error", "With or without an error", []),
        ("has_error", "Without an error", ["false"]),
        ("weekday", [1, 7], ["1", "7"]),
        ("hour", [], []),
        ("rating", [5], ["5"]),
        ("min_duration_ms", 1.5, ["1500"]),
        ("min_duration_ms", 0.0, ["0"]),
        ("max_duration_ms", None, []),
    ],
)
def test_what_the_address_says_of_a_field(name: str, value: object, told: list[str]) -> None:
    assert named_by_form(name, value) == told


def test_the_form_shows_what_the_runs_are_narrowed_by() -> None:
    narrowed = Narrowed(agent_version=("1", "2"), has_error=False, hour=(9,), min_duration_ms=250)
    shown = {name: in_form(name, narrowed) for name in ("agent_version", "has_error", "hour", "min_duration_ms")}
    assert shown == {
        "agent_version": "1, 2", "has_error": "Without an error", "hour": [9], "min_duration_ms": 0.25,
    }  # fmt: skip
    back = {name: named_by_form(name, value) for name, value in shown.items()}
    assert back == {"agent_version": ["1", "2"], "has_error": ["false"], "hour": ["9"], "min_duration_ms": ["250"]}


def test_what_is_sent_narrows_the_list_and_becomes_chips(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "runs", weekday=["2"])
    assert app.multiselect(key="narrow-weekday").value == [2]
    app.text_input(key="narrow-error_category").set_value("model, tool")
    app.selectbox(key="narrow-has_error").set_value("With an error")
    app.multiselect(key="narrow-weekday").set_value([])
    app.number_input(key="narrow-max_duration_ms").set_value(60.0)
    sent = next(button for button in app.button if button.label == "Show these runs")
    sent.click().run()
    assert not app.exception
    asked = [query for path, query in api.asked if path == "/api/v1/runs"][-1]
    assert asked["error_category"] == ["model", "tool"]
    assert (asked["has_error"], asked["max_duration_ms"]) == (["true"], ["60000"])
    assert "weekday" not in asked
    assert "category model, tool" in texts(app) or any("category model, tool" in one.label for one in app.button)

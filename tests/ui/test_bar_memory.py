"""What the filter bar remembers across pages: which addresses a click leaves behind, and how values are spelled."""

from collections.abc import Callable
from datetime import date

import pytest
from runtally_ui.bar_memory import is_carried, of_link, spelled
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash
from ui.fleet import fleet
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("named", "carried"),
    [
        ({}, True),
        ({"range": ["7d"]}, True),
        ({"model": ["a", "b"], "range": ["7d"]}, True),
        ({"model": ["a"]}, False),
        ({"range": ["30d"]}, False),
        ({"range": ["7d"], "run": ["r-1"]}, False),
    ],
)
def test_what_a_click_on_another_page_leaves_of_the_bar(named: dict[str, list[str]], carried: bool) -> None:
    assert is_carried(named, {"range": ["7d"], "model": ["a", "b"]}) is carried


@pytest.mark.parametrize(
    ("value", "texts"),
    [(None, []), ("", []), ("30d", []), ("7d", ["7d"]), (True, ["true"]), (False, []), (["a", "b"], ["a", "b"])],
)
def test_a_value_is_spelled_as_the_address_does(value: object, texts: list[str]) -> None:
    assert spelled(value, "30d") == texts


@pytest.mark.parametrize(
    ("values", "before", "named"),
    [
        (["a", "b", "a"], ["a", "b"], ["a"]),
        (["a", "a"], ["a"], ["a"]),
        (["a", "b"], ["a", "b"], ["a", "b"]),
        (["7d", "Custom"], ["7d"], ["Custom"]),
        (["failed", "timed_out"], [], ["failed", "timed_out"]),
        (["b"], ["a"], ["b"]),
    ],
)
def test_what_a_link_names_is_told_from_what_was_there(values: list[str], before: list[str], named: list[str]) -> None:
    assert of_link(values, before) == named


def test_another_page_without_an_address_keeps_the_bar(open_page: Callable[..., AppTest]) -> None:
    """As when the browser had drawn nothing of the bar before the click."""
    api = StubApi(fleet(TODAY), TODAY)
    app = open_page(api, range="7d", workspace_id=["globex"], root_only="true", compare="no comparison")
    asked = len(api.queries)
    app.query_params.clear()
    app._page_hash = calc_hash("efficiency")
    app.run()
    assert not app.exception
    assert app.query_params == {
        "range": "7d", "workspace_id": "globex", "root_only": "true", "compare": "no comparison",
    }  # fmt: skip
    for body in api.queries[asked:]:
        assert {"dimension": "workspace_id", "op": "in", "values": ["globex"]} in body["filters"] or not body["filters"]
    assert app.multiselect(key="workspace_id").value == ["globex"]
    assert app.toggle(key="root_only").value is True

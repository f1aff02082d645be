"""The filter bar's field of agents: names in the list, ids in the address and in every question."""

from collections.abc import Callable
from datetime import date

from runtally_ui.agent_filter import agent_titles
from streamlit.testing.v1 import AppTest
from ui.fleet import fleet
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
OpenPage = Callable[..., AppTest]


def test_a_title_is_the_name_before_the_id() -> None:
    labels = [(("acme", "p-1"), "Planner"), (("acme", "p-2"), "Planner"), (("acme", "reader"), "reader")]
    assert agent_titles(["p-1", "p-2", "reader", "unheard-of"], labels) == {
        "p-1": "Planner · p-1", "p-2": "Planner · p-2", "reader": "reader", "unheard-of": "unheard-of",
    }  # fmt: skip


def test_an_id_that_workspaces_share_has_all_their_names() -> None:
    labels = [(("acme", "bot"), "Triage"), (("beta", "bot"), "Helper"), (("gamma", "bot"), "Triage")]
    assert agent_titles(["bot"], labels) == {"bot": "Triage / Helper · bot"}


def test_no_two_agents_have_one_title() -> None:
    labels = [(("acme", "c"), "a · b"), (("acme", "b · c"), "a")]
    assert agent_titles(["c", "b · c"], labels) == {"c": "c", "b · c": "b · c"}


def test_who_picks_a_name_asks_for_an_id(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_page(api)
    assert "Code review · code-review" in app.multiselect(key="agents").options
    api.queries.clear()
    app.multiselect(key="agents").select("code-review").run()
    assert not app.exception
    assert app.multiselect(key="agent_id").value == ["code-review"]
    narrowed = {"dimension": "agent_id", "op": "in", "values": ["code-review"]}
    assert [body for body in api.queries if narrowed in body["filters"]]
    app.multiselect(key="agents").select("qa-smoke").run()
    assert app.multiselect(key="agent_id").value == ["code-review", "qa-smoke"]
    app.multiselect(key="agents").unselect("code-review").run()
    assert app.multiselect(key="agent_id").value == ["qa-smoke"]


def test_the_list_follows_links_and_buttons(open_page: OpenPage) -> None:
    app = open_page(StubApi(fleet(TODAY), TODAY), agent_id=["qa-smoke", "unheard-of"])
    assert app.multiselect(key="agents").value == ["qa-smoke", "unheard-of"]
    next(button for button in app.button if button.label == "Clear").click().run()
    assert app.multiselect(key="agents").value == []
    assert app.multiselect(key="agent_id").value == []


def test_names_that_come_later_change_no_choice(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY, failing_paths=["/api/agents/analytics"])
    app = open_page(api, agent_id=["qa-smoke"])
    assert app.multiselect(key="agents").options == ["qa-smoke"]
    api.failing_paths = ()
    app.run()
    assert "QA smoke · qa-smoke" in app.multiselect(key="agents").options
    assert app.multiselect(key="agents").value == ["qa-smoke"]
    app.multiselect(key="agents").select("doc-search").run()
    assert app.multiselect(key="agent_id").value == ["qa-smoke", "doc-search"]

"""The Live page in every state, headless, over a real HTTP stub."""

from collections.abc import Callable
from datetime import date

from streamlit.testing.v1 import AppTest
from ui.fleet import all_failed, all_succeeded, fleet, without_costs
from ui.pages import chart_specs, metrics, open_at, texts
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
OpenPage = Callable[..., AppTest]


def asked_statuses(api: StubApi) -> list[list[str]]:
    return [query["status"] for path, query in api.asked if path == "/api/v1/runs"]


def test_a_fleet(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "live")
    assert not app.exception
    now = api.answer("/api/v1/metrics/execution/realtime", {})[1]
    shown = metrics(app)
    assert shown["Running"][0] == str(now["now"]["running"])
    assert shown["Started in five minutes"][0] == str(now["last_five_minutes"]["runs"])
    assert "every 5 s" in texts(app)
    assert len(chart_specs(app)) == 1
    assert sorted(asked_statuses(api)) == [["failed", "timed_out"], ["running", "queued"], ["stalled"]]
    assert "No run has stalled." in texts(app)
    minutes = next(body for body in api.queries if body["time"]["granularity"] == "minute")
    assert (minutes["time"]["from"], minutes["time"]["to"]) == ("2026-11-21T08:31:00Z", "2026-11-21T09:31:00Z")


def test_the_range_of_the_bar_does_not_hold_but_its_filters_do(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "live", range="7d", agent_id=["code-review"])
    assert not app.exception
    lists = [query for path, query in api.asked if path == "/api/v1/runs"]
    assert all(query["agent_id"] == ["code-review"] for query in lists)
    assert [query["from"] for query in lists if "from" in query] == [["2026-11-20T09:31:00Z"]]
    assert "and no range: this is now" in texts(app)
    hidden = [html.proto.body for html in app.get("html") if ".st-key-compare" in html.proto.body]
    assert len(hidden) == 1, "what does not hold here is not offered"
    assert app.get("button_group"), "but it is there: other pages have it from the address"
    assert not [html for html in open_at(open_page, api, "cost").get("html") if ".st-key-compare" in html.proto.body]


def test_the_bar_takes_any_user_and_says_so(open_page: OpenPage) -> None:
    users = open_at(open_page, StubApi(fleet(TODAY), TODAY), "live", user_id="unheard-of").multiselect(key="user_id")
    assert users.proto.accept_new_options
    assert "type any" in users.proto.placeholder
    assert users.value == ["unheard-of"]


def test_a_status_filter_leaves_lists_out(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_at(open_page, api, "live", status=["running"])
    assert "The filters leave failed and timed out runs out." in texts(app)
    assert asked_statuses(api) == [["running"]]


def test_all_well_and_all_failed(open_page: OpenPage) -> None:
    app = open_at(open_page, StubApi(all_succeeded(fleet(TODAY)), TODAY), "live")
    assert "Nothing is running or queued." in texts(app)
    assert "No run of the last 24 hours failed or timed out." in texts(app)
    app = open_at(open_page, StubApi(all_failed(without_costs(fleet(TODAY))), TODAY), "live")
    assert not app.exception
    assert "100% of the ended ones" in texts(app)


def test_an_empty_store_and_an_empty_filter(open_page: OpenPage) -> None:
    assert "No runs yet" in texts(open_at(open_page, StubApi([], TODAY), "live"))
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "live", agent_id=["qa-smoke"], model=["gpt-5"])
    assert "No runs match" in texts(app)


def test_one_failing_part_leaves_the_others(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY, failing_paths=["/api/v1/metrics/execution/realtime"])
    app = open_at(open_page, api, "live")
    assert not app.exception
    assert "This part is broken" in texts(app)
    assert len(chart_specs(app)) == 1
    api = StubApi(fleet(TODAY), TODAY, failing_paths=["/api/v1/runs"])
    assert texts(open_at(open_page, api, "live")).count("This part is broken") == 3


def test_a_failing_api_and_no_rights(open_page: OpenPage) -> None:
    api = StubApi(fleet(TODAY), TODAY, failure={"title": "The store is down", "status": 503})
    app = open_at(open_page, api, "live")
    assert "The store is down" in texts(app)
    api.failure = {"title": "Forbidden", "status": 403}
    app.button(key="retry").click().run()
    assert "Ask who runs this API for the right to see it" in texts(app)


def test_it_can_be_paused(open_page: Callable[..., AppTest]) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), "live")
    assert "every 5 s" in texts(app)
    app.toggle(key="own-refresh").set_value(False).run()
    assert "Updated" not in texts(app)

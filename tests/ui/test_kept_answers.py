"""What is kept of answers, for how long, and what is not."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from runtally_ui.answers import Answer, Models
from runtally_ui.api_client import ApiClient, ApiError, Broken
from runtally_ui.kept_answers import KeptAnswers
from runtally_ui.questions import Answers
from streamlit.testing.v1 import AppTest
from ui.fleet import fleet
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)


@dataclass(frozen=True)
class Asking:
    """A question that is only compared."""

    name: str

    def ask(self, api: ApiClient) -> Answer:
        raise AssertionError(self.name)


def test_answers_are_kept_for_their_time_and_failures_not_at_all() -> None:
    now = [100.0]
    kept = KeptAnswers(30, lambda: now[0])
    asked = {"good": Asking("a"), "bad": Asking("b")}
    found: dict[str, Answer | ApiError] = {"good": Models(), "bad": Broken("no")}
    kept.keep(asked, Answers(found))
    assert kept.fresh(asked) == {"good": Models()}
    assert kept.fresh({"by another name": Asking("a")}) == {"by another name": Models()}
    now[0] = 129.9
    assert set(kept.fresh(asked)) == {"good"}
    now[0] = 130.0
    assert kept.fresh(asked) == {}


def test_the_lists_of_the_filter_bar_are_not_asked_for_at_every_click(open_page: Callable[..., AppTest]) -> None:
    api = StubApi(fleet(TODAY), TODAY)
    app = open_page(api)
    app.multiselect(key="workspace_id").select("globex").run()
    paths = [path for path, _ in api.asked]
    assert (paths.count("/api/v1/meta"), paths.count("/api/v1/analytics/models")) == (1, 1)
    assert len([body for body in api.queries if body["dimensions"] == ["user_id"]]) == 1
    assert "gpt-5" in app.multiselect(key="model").options


def test_a_list_that_failed_is_asked_for_again(open_page: Callable[..., AppTest]) -> None:
    api = StubApi(fleet(TODAY), TODAY, failing_paths=["/api/v1/analytics/models"])
    app = open_page(api)
    assert app.multiselect(key="model").options == []
    api.failing_paths = []
    assert "gpt-5" in app.run().multiselect(key="model").options

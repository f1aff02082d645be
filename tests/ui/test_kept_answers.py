"""What is kept of answers, for how long, and what is not."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import pytest
from runtally_ui.answers import Answer, Model, Models
from runtally_ui.api_client import ApiClient, ApiError, Broken
from runtally_ui.kept_answers import KeptAnswers
from runtally_ui.questions import Answers
from streamlit.testing.v1 import AppTest
from ui.fleet import fleet
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)


@pytest.fixture
def api() -> Iterator[ApiClient]:
    """Nobody is there: whoever asked it would fail."""
    client = ApiClient("http://127.0.0.1:1", 1)
    yield client
    client.close()


@dataclass(frozen=True)
class Asking:
    """A question that has no answer."""

    name: str

    def ask(self, api: ApiClient) -> Answer:
        raise Broken(self.name)


def test_answers_are_kept_for_their_time_and_failures_not_at_all() -> None:
    now = [100.0]
    kept = KeptAnswers(10, 30, lambda: now[0])
    asked = {"good": Asking("a"), "bad": Asking("b")}
    found: dict[str, Answer | ApiError] = {"good": Models(), "bad": Broken("no")}
    kept.keep(asked, Answers(found))
    assert kept.usable(asked) == {"good": Models()}
    assert kept.usable({"by another name": Asking("a")}) == {"by another name": Models()}
    now[0] = 129.9
    assert set(kept.usable(asked)) == {"good"}
    now[0] = 130.0
    assert kept.usable(asked) == {}


@dataclass(frozen=True)
class Counting:
    """A question that is answered by how many times it was asked."""

    times: list[int]

    def __hash__(self) -> int:
        return id(self)

    def ask(self, api: ApiClient) -> Answer:
        self.times.append(1)
        return Models(models=[Model(model_id=str(len(self.times)))])


def test_what_is_not_fresh_is_used_and_renewed_by_one(api: ApiClient) -> None:
    now = [100.0]
    kept = KeptAnswers(10, 30, lambda: now[0])
    asked = {"names": Counting([])}
    kept.put(asked["names"], Models())
    now[0] = 109.9
    assert kept.renew(api, asked).answers().all() == []
    now[0] = 115.0
    assert kept.usable(asked) == {"names": Models()}
    kept.renew(api, asked).answers()
    assert kept.usable(asked) == {"names": Models(models=[Model(model_id="1")])}
    assert kept.renew(api, asked).answers().all() == []


def test_a_renewal_that_failed_leaves_what_was_known_and_is_tried_again(api: ApiClient) -> None:
    now = [100.0]
    kept = KeptAnswers(10, 30, lambda: now[0])
    asked = {"names": Asking("a")}
    kept.put(asked["names"], Models())
    now[0] = 110.0
    assert len(kept.renew(api, asked).answers().all()) == 1
    assert kept.usable(asked) == {"names": Models()}
    assert kept.renew(api, asked).answers().all() == []
    now[0] = 120.0
    assert len(kept.renew(api, asked).answers().all()) == 1


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

"""Answers or named errors, nothing between."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal

import pytest
from runtally_ui.api_client import ApiClient, Broken, Refused, Unreachable
from runtally_ui.filters import Filters, newest_days
from runtally_ui.page_data import load_page, load_widenings
from ui.fleet import fleet
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
DAYS = newest_days(TODAY, 30, "UTC")


@contextmanager
def client(url: str) -> Iterator[ApiClient]:
    api = ApiClient(url, timeout_seconds=5)
    try:
        yield api
    finally:
        api.close()


def test_money_stays_exact(serve: Callable[[StubApi], str]) -> None:
    stub = StubApi(fleet(TODAY), TODAY)
    with client(serve(stub)) as api:
        answer = api.analytics(DAYS.params())
    assert answer.totals.cost_usd == Decimal(str(stub.analytics({})["totals"]["cost_usd"]))
    assert answer.meta.data_range is not None
    assert len({row.date for row in answer.runs_per_day}) == 30


def test_a_refusal_carries_the_problem(serve: Callable[[StubApi], str]) -> None:
    problem = {
        "title": "Invalid query",
        "status": 422,
        "detail": "The range is backwards.",
        "request_id": "r-1",
        "errors": [{"field": "to", "message": "before from", "remedy": "swap them"}],
    }
    stub = StubApi([], TODAY, failure=problem)
    with client(serve(stub)) as api, pytest.raises(Refused) as caught:
        api.analytics(())
    error = caught.value
    assert (error.title, error.detail, error.request_id) == ("Invalid query", "The range is backwards.", "r-1")
    assert error.remarks == ("to: before from (swap them)",)


def test_failures_and_unreadable_answers_are_broken(serve: Callable[[StubApi], str]) -> None:
    stub = StubApi([], TODAY, shape_broken=True)
    with client(serve(stub)) as api:
        with pytest.raises(Broken, match="cannot be read"):
            api.analytics(())
        stub.failure = {"status": 503}
        with pytest.raises(Broken, match="503"):
            api.models(())


def test_nobody_there() -> None:
    with client("http://127.0.0.1:1") as api, pytest.raises(Unreachable, match="cannot be reached"):
        api.analytics(())


def test_equal_questions_are_asked_once(serve: Callable[[StubApi], str]) -> None:
    stub = StubApi(fleet(TODAY), TODAY)
    with client(serve(stub)) as api:
        data = load_page(api, DAYS, Filters(), DAYS)
    assert data.current is data.unfiltered is data.ranking
    analytics = [query for path, query in stub.asked if path.endswith("agents/analytics")]
    assert sorted(query["from"][0] for query in analytics) == ["2026-09-23", "2026-10-23"]


def test_one_failing_question_does_not_take_the_others_along() -> None:
    with client("http://127.0.0.1:1") as api:
        data = load_page(api, DAYS, Filters(), DAYS)
    assert isinstance(data.current, Unreachable)
    assert isinstance(data.models, Unreachable)


def test_widenings_tell_what_each_filter_hides(serve: Callable[[StubApi], str]) -> None:
    stub = StubApi(fleet(TODAY), TODAY)
    filters = Filters(agent=("qa-smoke",), model=("no-such-model",))
    with client(serve(stub)) as api:
        by_dimension = {found.dimension: found for found in load_widenings(api, DAYS, filters)}
        assert load_widenings(api, DAYS, Filters()) == []
    assert by_dimension["agent"].runs == 0
    assert by_dimension["agent"].data_range is None
    assert by_dimension["model"].runs > 100

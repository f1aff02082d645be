"""Answers or named errors, nothing between."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal

import pytest
from runtally_ui.api_client import ApiClient, Broken, Forbidden, Refused, Unreachable
from runtally_ui.emptiness import load_widenings
from runtally_ui.filters import Filters
from runtally_ui.periods import newest_days
from runtally_ui.questions import Query, agent_analytics, ask_together
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


def test_no_rights_are_no_refusal_of_the_question(serve: Callable[[StubApi], str]) -> None:
    stub = StubApi([], TODAY, failure={"title": "Forbidden", "status": 403})
    with client(serve(stub)) as api, pytest.raises(Forbidden):
        api.query({"measures": ["runs"]})


def test_equal_questions_are_asked_once(serve: Callable[[StubApi], str]) -> None:
    stub = StubApi(fleet(TODAY), TODAY)
    questions = {name: agent_analytics(DAYS, Filters()) for name in ("one", "two")}
    with client(serve(stub)) as api:
        answers = ask_together(api, questions)
    assert answers.analytics("one") is answers.analytics("two")
    assert len(stub.asked) == 1


def test_one_failing_question_does_not_take_the_others_along(serve: Callable[[StubApi], str]) -> None:
    stub = StubApi(fleet(TODAY), TODAY, failing_measures=["retries"])
    questions = {name: Query(DAYS, Filters(), (name,)) for name in ("runs", "retries")}
    with client(serve(stub)) as api:
        answers = ask_together(api, questions)
        with pytest.raises(TypeError):
            answers.analytics("runs")
    assert isinstance(answers.query("retries"), Broken)
    found = answers.query("runs")
    assert not isinstance(found, Exception)
    assert found.total.number("runs") == stub.analytics({})["totals"]["runs"]


def test_a_query_says_what_the_bar_says() -> None:
    filters = Filters(agent_id=("planner",), status=("failed", "timed_out"), root_only=True)
    query = Query(
        newest_days(TODAY, 7, "Europe/Berlin"), filters, ("runs",), ("model",), granularity="day",
        compare="previous_week", order=(("runs", "asc"),), more=(("error_type", "not_in", ("",)),),
    )  # fmt: skip
    assert query.body() == {
        "measures": ["runs"],
        "dimensions": ["model"],
        "time": {"from": "2026-11-15", "to": "2026-11-21", "granularity": "day", "timezone": "Europe/Berlin"},
        "filters": [
            {"dimension": "agent_id", "op": "in", "values": ["planner"]},
            {"dimension": "status", "op": "in", "values": ["failed", "timed_out"]},
            {"dimension": "error_type", "op": "not_in", "values": [""]},
        ],
        "limit": 100,
        "other": False,
        "root_only": True,
        "order": [{"by": "runs", "direction": "asc"}],
        "compare": "previous_week",
    }


def test_widenings_tell_what_each_filter_hides(serve: Callable[[StubApi], str]) -> None:
    stub = StubApi(fleet(TODAY), TODAY)
    filters = Filters(agent_id=("qa-smoke",), model=("no-such-model",))
    with client(serve(stub)) as api:
        by_dimension = {found.dimension: found for found in load_widenings(api, DAYS, filters)}
        assert load_widenings(api, DAYS, Filters()) == []
    assert by_dimension["agent_id"].runs == 0
    assert by_dimension["agent_id"].data_range is None
    assert by_dimension["model"].runs > 100

"""What pages know of the fleet, and what they do not wait for."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pytest
from backends.waiting import eventually
from runtally_ui import roster
from runtally_ui.access_answers import HowKnown
from runtally_ui.answers import Agent, Analytics, Answer, Models, QueryAnswer
from runtally_ui.api_client import ApiClient
from runtally_ui.catalogue import Catalogue
from runtally_ui.kept_answers import KeptAnswers
from runtally_ui.periods import newest_days
from runtally_ui.questions import Query, Question
from runtally_ui.roster import USERS, ask_roster, roster_questions

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


@dataclass(eq=False)
class Fixed:
    """A question that is answered as soon as it may be."""

    answer: Any
    may_answer: threading.Event = field(default_factory=threading.Event)
    times: list[int] = field(default_factory=list)

    def ask(self, api: ApiClient) -> Answer:
        self.times.append(1)
        self.may_answer.wait(30)
        found: Answer = self.answer
        return found


@pytest.fixture
def api() -> Iterator[ApiClient]:
    client = ApiClient("http://127.0.0.1:1", 1)
    yield client
    client.close()


def names() -> dict[str, Question]:
    agents = Analytics(agents=[Agent(workspace_id="acme", agent_id="bot")])
    found = {
        "roster.agents": Fixed(agents), "roster.ranking": Fixed(agents), "roster.models": Fixed(Models()),
        "roster.environments": Fixed(QueryAnswer(data=[])), "roster.catalogue": Fixed(Catalogue()),
        "roster.access": Fixed(HowKnown()),
    }  # fmt: skip
    for question in found.values():
        question.may_answer.set()
    return dict(found)


def test_a_page_does_not_wait_for_users(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "USERS_PATIENCE_SECONDS", 0.0)
    kept = KeptAnswers(30, 120, lambda: 100.0)
    users = Fixed(QueryAnswer(data=[{"user_id": "ada"}]))
    asked = {**names(), USERS: users}
    for _ in range(2):
        found, _ = ask_roster(api, kept, asked, {})
        assert found.options()["agent_id"] == ["bot"]
        assert found.options()["user_id"] == []
    users.may_answer.set()
    eventually(lambda: USERS in kept.usable(asked), 10, "the users")
    found, _ = ask_roster(api, kept, asked, {})
    assert found.options()["user_id"] == ["ada"]
    assert users.times == [1]


def test_what_is_known_is_not_asked_for_and_the_page_is(api: ApiClient) -> None:
    kept = KeptAnswers(30, 120, lambda: 100.0)
    users, own = Fixed(QueryAnswer(data=[{"user_id": "ada"}])), Fixed(QueryAnswer(data=[{"runs": 1}]))
    users.may_answer.set()
    own.may_answer.set()
    asked = {**names(), USERS: users}
    for question in asked.values():
        kept.put(question, question.ask(api))
    found, under_way = ask_roster(api, kept, asked, {"own": own})
    assert found.options()["user_id"] == ["ada"]
    assert under_way.answers().query("own") == own.answer
    assert users.times == [1]


@pytest.mark.parametrize(("days", "of_users"), [(30, 7), (7, 7), (2, 2)])
def test_users_are_those_of_the_last_days(days: int, of_users: int) -> None:
    period = newest_days(date(2026, 11, 21), days, "Europe/Berlin")
    question = roster_questions(period, NOW)[USERS]
    assert isinstance(question, Query)
    assert (len(question.period), question.period.last) == (of_users, date(2026, 11, 21))
    assert question.period.whole_days

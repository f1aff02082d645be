"""One look at the data's parts does for a request where the data are as they were, and only there."""

import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from api.door import Door, run
from clickhouse.rolling_up import mark, refresh
from clickhouse.runs import scope
from runtally_api.answer_cache import AnswerCache, AnsweringReader
from runtally_clickhouse.catalogue import query_text, unix_ms
from runtally_clickhouse.client import Reader, Row, Store
from runtally_clickhouse.errors import StoreUnavailable
from runtally_clickhouse.measures.asking import Answer, ask_question
from runtally_clickhouse.measures.composition import Limits
from runtally_clickhouse.measures.kept_state import KeptState
from runtally_clickhouse.measures.question import Question
from runtally_clickhouse.measures.state_first import StateFirst
from runtally_clickhouse.measures.time_steps import make_steps

DAY = datetime(2026, 11, 20, tzinfo=UTC)
RUNS = Question(("runs",), make_steps(DAY, DAY + timedelta(days=1), ZoneInfo("UTC"), "none"))


def nothing() -> None:
    """What happens in between, most often."""


class Interrupted:
    """Lets every statement through, and counts looks at the parts; something happens right after the first."""

    def __init__(self, store: Store, then: Callable[[], None] = nothing) -> None:
        self.store, self.then, self.looks = store, then, 0

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        rows = self.store.query(sql, parameters)
        if sql == query_text("store_parts"):
            self.looks += 1
            if self.looks == 1:
                self.then()
        return rows


class Requests:
    """Begins requests that share what they keep, as the application does."""

    def __init__(self, cache: AnswerCache | None = None) -> None:
        self.cache, self.kept = cache or AnswerCache(1 << 20), KeptState()

    def begin(self, beneath: Reader) -> AnsweringReader:
        state = StateFirst(beneath, 60.0, kept=self.kept)
        return AnsweringReader(state, self.cache, beneath=beneath, forget=state.forget)

    def ask(self, beneath: Reader) -> Answer:
        return told(self.begin(beneath))


def told(reader: Reader) -> Answer:
    """The runs of the day."""
    return ask_question(reader, RUNS, scope(), Limits(2**31, 10_000))


class FailingOnce(AnswerCache):
    """The first question is one that another request asks at this moment, and fails with."""

    has_failed = False

    def answer(self, key: bytes, ask: Callable[[], list[Row]]) -> list[Row]:
        if not self.has_failed:
            self.has_failed = True
            raise StoreUnavailable("another's question failed")
        return super().answer(key, ask)


def add(door: Door, name: str) -> None:
    """A run of the day, in a bucket that was rolled up before, as a consumer would."""
    started_at = DAY + timedelta(hours=3)
    door.post(run(name, started_at=started_at.isoformat()))
    mark(door.publisher.store, [unix_ms(started_at)], random.Random(name))


@pytest.fixture
def store(door: Door) -> Store:
    """With one run, rolled up."""
    add(door, "a")
    refresh(door.publisher.store, random.Random(1))
    return door.publisher.store


def test_one_look_does_while_the_data_are_as_they_were(door: Door, store: Store) -> None:
    requests, looks, validators = Requests(), [], []
    for change in (nothing, nothing, nothing, lambda: add(door, "b"), nothing):
        change()
        beneath = Interrupted(store)
        reader = requests.begin(beneath)
        answer = told(reader)
        looks.append((answer.runs, beneath.looks))
        validators.append(reader.validator)
    assert looks == [(1, 2), (1, 1), (1, 1), (2, 2), (2, 1)]
    assert [one == validators[0] for one in validators] == [True, True, True, False, False]
    assert validators[3] == validators[4]


def test_a_rollup_that_is_published_changes_no_answer_and_is_seen_by_the_one_look(door: Door, store: Store) -> None:
    requests = Requests()
    add(door, "b")
    before = requests.ask(store)
    refresh(store, random.Random(2))
    beneath = Interrupted(store)
    after = requests.ask(beneath)
    assert (before.runs, after.runs, beneath.looks) == (2, 2, 1)


@pytest.mark.parametrize("has_asked", [False, True])
def test_a_run_that_came_after_the_look_and_is_told_to_be_there_is_there(
    door: Door, store: Store, *, has_asked: bool
) -> None:
    """Another request looked as this one did, and asked what was acknowledged only after the run was."""
    requests = Requests()
    told(StateFirst(store, 60.0, kept=requests.kept))
    if has_asked:
        requests.begin(store).query(query_text("data_as_of"), {})
        door.publisher.acknowledge("agent-runs.v1", 7, 7)
    told_others: list[list[Row]] = []

    def other_request() -> None:
        reader = requests.begin(Interrupted(store, lambda: add(door, "b")))
        told_others.append(reader.query(query_text("data_as_of"), {}))

    reader = requests.begin(Interrupted(store, other_request))
    assert reader.query(query_text("data_as_of"), {}) == told_others[0]
    assert told(reader).runs == 2


def test_what_was_seen_before_a_question_that_failed_is_not_believed(door: Door, store: Store) -> None:
    """Another request's question, at that: this one's own would have had its reader look anew."""
    requests = Requests(FailingOnce(1 << 20))
    told(StateFirst(store, 60.0, kept=requests.kept))
    reader = requests.begin(store)
    with pytest.raises(StoreUnavailable):
        reader.query(query_text("data_as_of"), {})
    other = requests.begin(Interrupted(store, lambda: add(door, "b")))
    as_of = other.query(query_text("data_as_of"), {})
    assert reader.query(query_text("data_as_of"), {}) == as_of
    assert told(reader).runs == 2


def test_a_run_that_came_before_the_look_is_there(door: Door, store: Store) -> None:
    requests = Requests()
    requests.ask(store)
    add(door, "b")
    assert requests.ask(store).runs == 2

"""Without a choice of groups where there are few of them: the same answer, and no more than one wasted statement."""

from collections.abc import Mapping
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from clickhouse.runs import NOW, insert, scope, snapshot
from runtally_clickhouse.client import Reader, Row, Store
from runtally_clickhouse.errors import StoreRefused, StoreUnavailable
from runtally_clickhouse.measures.asking import ask_question
from runtally_clickhouse.measures.composition import Limits
from runtally_clickhouse.measures.group_counts import GroupCounts
from runtally_clickhouse.measures.question import Order, Question
from runtally_clickhouse.measures.state_first import StateFirst
from runtally_clickhouse.measures.time_steps import Comparison, make_steps

UTC = ZoneInfo("UTC")
STEPS = {
    granularity: make_steps(NOW - timedelta(days=3), NOW, UTC, granularity) for granularity in ("none", "hour", "day")
}
MODELS = ["m1", "m1", "m1", "m2", "m2", "m3", "m3", "m4", "", "m5"]
PLAIN = Limits(2**30, 10_000)


class Listening:
    """A reader that keeps the statements, and can refuse those without a choice."""

    def __init__(self, store: Store, refusal: StoreRefused | None = None) -> None:
        self.statements: list[str] = []
        self._store = store
        self._refusal = refusal

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        if "GROUPING SETS" not in sql:
            return self._store.query(sql, parameters)
        self.statements.append(sql)
        if self._refusal is not None and not self.chose[-1]:
            raise self._refusal
        return self._store.query(sql, parameters)

    @property
    def chose(self) -> list[bool]:
        return ["AS chosen" in sql for sql in self.statements]


@pytest.fixture
def ten_runs(store: Store) -> Store:
    runs = [
        snapshot(
            f"r{place}",
            model=model,
            cost_usd=place,
            duration_ms=100 * place,
            status="failed" if place % 3 else "succeeded",
            user_id=f"u{place % 2}",
        )
        for place, model in enumerate(MODELS)
    ]
    insert(store, *runs)
    return store


def _limits(counts: GroupCounts | None = None) -> Limits:
    return Limits(2**30, 10_000, group_counts=counts or GroupCounts())


@pytest.mark.parametrize("granularity", list(STEPS))
def test_the_answer_is_that_of_a_choice(ten_runs: Store, granularity: str) -> None:
    asked: list[tuple[tuple[str, ...], tuple[str, ...], Comparison | None]] = [
        (("runs", "cost_usd", "success_rate"), ("agent_id", "model"), None),
        (("p95_duration_ms",), ("model",), "previous_week"),
        (("active_users", "runs"), ("is_root", "model"), None),
    ]
    for measures, dimensions, compare in asked:
        for limit in (1, 5, 6, 100):
            order = (Order(measures[0]),)
            question = Question(measures, STEPS[granularity], dimensions, order=order, limit=limit, compare=compare)
            chosen = ask_question(StateFirst(ten_runs, 30), question, scope(), PLAIN)
            counts = GroupCounts()
            for _ in range(2):
                assert ask_question(StateFirst(ten_runs, 30), question, scope(), _limits(counts)) == chosen


class Overtaken(Listening):
    """Before each of the first statements of the other period a batch makes another model the busiest."""

    def __init__(self, store: Store, models: list[str]) -> None:
        super().__init__(store)
        self._models = models

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        if "chosen_groups" in sql and self._models:
            model = self._models.pop()
            insert(self._store, *(snapshot(f"{model}{place}", model=model) for place in range(10 - len(self._models))))
        return super().query(sql, parameters)


class Kept:
    """A reader that keeps what each statement gave."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._given: dict[str, list[Row]] = {}

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        if sql not in self._given:
            self._given[sql] = self._reader.query(sql, parameters)
        return self._given[sql]


@pytest.mark.parametrize("limits", [PLAIN, Limits(2**30, 10_000, group_counts=GroupCounts())])
@pytest.mark.parametrize("dimensions", [("model",), ("agent_id", "model")])
def test_the_groups_compared_are_the_same_in_both_periods(
    ten_runs: Store, dimensions: tuple[str, ...], limits: Limits
) -> None:
    """Else one that came into the first ones between the two answers has the other's past, or none."""
    then = (NOW - timedelta(days=7, hours=1)).isoformat()
    insert(ten_runs, *(snapshot(f"then-{model}", model=model, started_at=then) for model in ("m1", "m9")))
    question = Question(("runs",), STEPS["day"], dimensions, limit=1, compare="previous_week")
    answer = ask_question(Kept(Overtaken(ten_runs, ["m9"])), question, scope(), limits)
    first = [row for row in answer.rows if row.group.key and row.group.key[-1] == "m9"]
    assert sum(int(str(row.values["runs"])) for row in first) == 10
    assert sum(int(str(row.then["runs"])) for row in first if row.then) == 1


def test_groups_that_change_each_time_are_not_compared(ten_runs: Store) -> None:
    insert(ten_runs, snapshot("then", started_at=(NOW - timedelta(days=7, hours=1)).isoformat()))
    question = Question(("runs",), STEPS["day"], ("model",), limit=1, compare="previous_week")
    with pytest.raises(StoreUnavailable, match="which groups are compared"):
        ask_question(Overtaken(ten_runs, ["m9", "m8", "m7"]), question, scope(), PLAIN)


def test_few_groups_are_not_chosen_and_many_only_at_first(ten_runs: Store) -> None:
    few, many = (Question(("runs",), STEPS["day"], ("model",), limit=limit) for limit in (6, 5))
    counts = GroupCounts()
    for question, expected in ((few, [False, False]), (many, [False, True, True])):
        reader = Listening(ten_runs)
        for _ in range(2):
            ask_question(StateFirst(reader, 30), question, scope(), _limits(counts))
        assert reader.chose == expected


def test_another_workspace_is_asked_anew(ten_runs: Store) -> None:
    question = Question(("runs",), STEPS["day"], ("model",), limit=1)
    counts, reader = GroupCounts(), Listening(ten_runs)
    ask_question(StateFirst(reader, 30), question, scope("acme"), _limits(counts))
    ask_question(StateFirst(reader, 30), question, scope("other"), _limits(counts))
    assert reader.chose == [False, True, False]


@pytest.mark.parametrize("code", [158, 396])
def test_a_refusal_for_too_many_groups_leads_to_a_choice(ten_runs: Store, code: int) -> None:
    question = Question(("runs",), STEPS["none"], ("model",))
    reader = Listening(ten_runs, StoreRefused("too many", code))
    assert ask_question(StateFirst(reader, 30), question, scope(), _limits()) == ask_question(
        ten_runs, question, scope(), PLAIN
    )
    assert reader.chose == [False, True]


def test_any_other_refusal_is_told(ten_runs: Store) -> None:
    question = Question(("runs",), STEPS["none"], ("model",))
    with pytest.raises(StoreRefused):
        ask_question(StateFirst(Listening(ten_runs, StoreRefused("no", 241)), 30), question, scope(), _limits())


def test_the_engine_stops_early_where_groups_are_ever_so_many(store: Store) -> None:
    insert(store, *(snapshot(f"r{place}", model=f"m{place}") for place in range(3000)))
    question = Question(("runs",), STEPS["none"], ("model",), limit=2)
    answer = ask_question(StateFirst(store, 30), question, scope(), _limits())
    assert [row.values["runs"] for row in answer.rows] == [1, 1, 2998]


def test_the_memory_is_bounded() -> None:
    counts = GroupCounts(most=2)
    questions = [Question(("runs",), STEPS["none"], ("model",), limit=limit) for limit in (1, 2, 3)]
    for question in questions:
        counts.remember_many(question, scope())
    assert [counts.may_be_few(question, scope()) for question in questions] == [True, False, False]

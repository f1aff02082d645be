"""Asked in two steps or in one: the same buckets, the same answers; and what is too old is not believed."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from clickhouse.rolling_up import Until, mark, refresh
from clickhouse.runs import insert, scope, snapshot
from runtally_clickhouse.catalogue import RunFilters, RunScope, placeholders, unix_ms
from runtally_clickhouse.client import Row, Store
from runtally_clickhouse.measures import state_first
from runtally_clickhouse.measures.asking import ask_question
from runtally_clickhouse.measures.clean_buckets import buckets_to_read, read_clean_buckets
from runtally_clickhouse.measures.clean_buckets import whole_days as days_of
from runtally_clickhouse.measures.composition import Limits, compose
from runtally_clickhouse.measures.histograms import ask_histogram
from runtally_clickhouse.measures.question import Question
from runtally_clickhouse.measures.relations import STATE_PLACES, state_text
from runtally_clickhouse.measures.state_first import StateFirst
from runtally_clickhouse.measures.time_steps import Granularity, earlier, make_steps
from runtally_clickhouse.rollup_levels import LEVELS
from runtally_clickhouse.rollups import mark_buckets

LIMITS = Limits(2**31, 10_000)
FIRST = datetime(2026, 10, 22, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu")
GRANULARITIES: tuple[Granularity, ...] = ("none", "day", "hour", "quarter_hour")
FILTERS = (
    *(RunFilters(),) * 3,
    RunFilters(workspace_id=("acme",), agent_id=("a", "b")),
    RunFilters(status=("running", "succeeded"), root_only=True),
    RunFilters(model=("m",), environment=("production", "")),
    RunFilters(agent_id=("nobody",)),
)
QUESTIONS: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    (("runs", "cost_usd"), ()),
    (("runs", "p95_duration_ms"), ("agent_id",)),
    (("runs", "stalled", "running"), ("status",)),
    (("cost_usd",), ("model",)),
    (("first_run_at", "last_run_at"), ("is_root",)),
]


class Asked:
    """A reader that notes what it is asked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.statements: list[str] = []

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        self.statements.append(sql)
        return self._store.query(sql, parameters)


def fill(store: Store, draw: random.Random) -> None:
    """Runs of five days; some buckets up to date, some not, some never marked, some hours and days neither."""
    for batch in range(6):
        starts = [FIRST + timedelta(minutes=15 * draw.randrange(480), seconds=draw.randrange(900)) for _ in range(10)]
        insert(
            store,
            *(
                snapshot(
                    f"r{batch}-{number}",
                    agent_id=draw.choice("abc"),
                    model=draw.choice(("m", "n")),
                    status=draw.choice(("running", "succeeded", "failed")),
                    parent_run_id=draw.choice(("", "p")),
                    cost_usd=str(number),
                    duration_ms=draw.randrange(10**6),
                    started_at=start.isoformat(),
                )
                for number, start in enumerate(starts)
            ),
        )
        mark(store, (unix_ms(start) for start in starts if draw.random() < 0.9), draw)
        if batch in (2, 4):
            refresh(store, draw, draw.choice((Until.PUBLISHED, Until.TWICE)), draw.choice((0.6, 1.0)))


def questions(draw: random.Random) -> Iterator[tuple[Question, RunScope]]:
    for measures, by in QUESTIONS:
        zone = ZoneInfo(draw.choice(ZONES))
        start = FIRST + timedelta(hours=draw.choice((0, 1, 7)), minutes=draw.choice((0, 15, 31)))
        end = start + timedelta(hours=draw.choice((5, 24, 49, 113)))
        steps = make_steps(start, end, zone, draw.choice(GRANULARITIES))
        cut = FIRST + timedelta(minutes=draw.randrange(7000))
        seen = draw.choice((scope(), scope("acme"), scope("elsewhere")))
        yield (
            Question(measures, steps, by, compare=draw.choice((None, "previous_period"))),
            replace(seen, stalled_before=cut, filters=draw.choice(FILTERS)),
        )


@pytest.mark.parametrize("seed", range(2))
def test_the_buckets_and_the_answers_are_the_same(store: Store, seed: int) -> None:
    draw = random.Random(seed)
    fill(store, draw)
    for question, asked in questions(draw):
        composed = compose(
            question, asked, LIMITS, earlier(question.steps, "previous_week") if question.compare else None
        )
        prefixes = ["", "chosen_"] if question.compare and question.dimensions else [""]
        for prefix in prefixes:
            text = state_text(prefix)
            bound = {name: value for name, value in composed.parameters.items() if name in placeholders(text)}
            columns = ", ".join(f"state.{place} AS {name}" for name, place in STATE_PLACES.items())
            (row,) = store.query(f"WITH (\n{text}\n) AS state SELECT {columns}", bound)
            first_ms, end_ms = (int(str(composed.parameters[f"{prefix}{name}"])) for name in ("from_ms", "to_ms"))
            clean = read_clean_buckets(store, *days_of(first_ms, end_ms))
            found = buckets_to_read(clean, composed.parameters, prefix)
            assert sorted(found.raw) == sorted(int(one.replace(tzinfo=UTC).timestamp()) for one in row["raw"])
            for level in LEVELS:
                wanted = [(int(one.replace(tzinfo=UTC).timestamp()), number) for one, number in row[level.name]]
                assert sorted(found.rolled_up[level]) == sorted(wanted), level.name
        one, two = (ask_question(reader, question, asked, LIMITS) for reader in (store, StateFirst(store, 60.0)))
        assert one == two
    ranged = replace(asked, start=FIRST, end=FIRST + timedelta(days=4, hours=3))
    bins = ask_histogram(StateFirst(store, 60.0), "duration_histogram", ranged)
    assert bins == ask_histogram(store, "duration_histogram", ranged)


def whole_days(store: Store) -> tuple[Question, RunScope]:
    fill(store, random.Random(1))
    mark_buckets(store)
    refresh(store, random.Random(2))
    steps = make_steps(FIRST, FIRST + timedelta(days=5), ZoneInfo("UTC"), "none")
    return Question(("runs", "cost_usd"), steps, ("agent_id",)), scope()


def test_a_statement_names_no_cells_that_it_does_not_read(store: Store) -> None:
    question, asked = whole_days(store)
    reader = Asked(store)
    answer = ask_question(StateFirst(reader, 60.0), question, asked, LIMITS)
    assert answer.buckets["day"] >= 3
    assert len(reader.statements) == 2
    assert "FROM run_rollup_by_hour" not in reader.statements[1] or answer.buckets["hour"]
    assert "numbers(" not in reader.statements[1]


@pytest.mark.parametrize(
    ("asked", "bound_to"),
    [
        (scope(), set()),
        (scope("acme"), {"sees_all_workspaces", "visible_workspaces"}),
        (replace(scope(), filters=RunFilters(agent_id=("a",), root_only=True)), {"agent_ids", "root_only"}),
    ],
)
def test_only_filters_that_let_everything_pass_are_left_out(store: Store, asked: RunScope, bound_to: set[str]) -> None:
    question, _ = whole_days(store)
    reader = Asked(store)
    ask_question(StateFirst(reader, 60.0), replace(question, dimensions=()), asked, LIMITS)
    filters = set(asked.parameters()) - {"from_ms", "to_ms", "stalled_before_ms"}
    assert placeholders(reader.statements[-1]) & filters == bound_to


def test_the_state_is_read_once_for_a_request(store: Store) -> None:
    question, asked = whole_days(store)
    reader = Asked(store)
    request = StateFirst(reader, 60.0)
    for _ in range(3):
        ask_question(request, question, asked, LIMITS)
    assert sum("hour_rollups" in statement for statement in reader.statements) == 1


def test_an_answer_that_took_too_long_is_asked_for_in_one_statement(store: Store) -> None:
    """As what the state names may have been dropped by then."""
    question, asked = whole_days(store)
    truth = ask_question(store, question, asked, LIMITS)
    times = iter([0.0, 0.0, 31.0])
    reader = Asked(store)

    class Slow(Asked):
        def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
            reader.statements.append(sql)
            if len(reader.statements) == 2:
                for level in LEVELS:
                    store.command(f"TRUNCATE TABLE {level.published}")
                    store.command(f"TRUNCATE TABLE {level.cells}")
            return store.query(sql, parameters)

    answer = ask_question(StateFirst(Slow(store), 30.0, lambda: next(times)), question, asked, LIMITS)
    assert answer.totals == truth.totals
    assert answer.source == "raw"
    assert "numbers(" in reader.statements[-1]


def test_a_range_that_is_mostly_before_the_first_run_names_what_there_is(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    question, asked = whole_days(store)
    steps = make_steps(FIRST - timedelta(days=300), FIRST + timedelta(days=5), ZoneInfo("UTC"), "none")
    question = replace(question, steps=steps)
    reader = Asked(store)
    answer = ask_question(StateFirst(reader, 60.0), question, asked, LIMITS)
    assert "numbers(" not in reader.statements[-1]
    assert answer.buckets["raw"] < 100
    truth = ask_question(store, question, asked, LIMITS)
    assert (answer.rows, answer.totals) == (truth.rows, truth.totals)
    nothing = replace(question, steps=make_steps(FIRST - timedelta(days=300), FIRST, ZoneInfo("UTC"), "none"))
    assert ask_question(StateFirst(reader, 60.0), nothing, asked, LIMITS).runs == 0


def test_more_buckets_than_fit_are_not_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    question, asked = whole_days(store)
    monkeypatch.setattr(state_first, "MOST_BUCKETS", 2)
    reader = Asked(store)
    assert ask_question(StateFirst(reader, 60.0), question, asked, LIMITS) == ask_question(
        store, question, asked, LIMITS
    )
    assert "numbers(" in reader.statements[-1]

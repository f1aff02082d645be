"""What is clean is read once for many requests, and anew after whatever changes it."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from clickhouse.measures.test_state_first import Asked
from clickhouse.rolling_up import mark, refresh
from clickhouse.runs import insert, scope, snapshot
from runtally_clickhouse.catalogue import data_as_of, query_text, unix_ms
from runtally_clickhouse.client import Store
from runtally_clickhouse.errors import StoreUnavailable
from runtally_clickhouse.measures.asking import Answer, ask_question
from runtally_clickhouse.measures.clean_buckets import CleanBuckets
from runtally_clickhouse.measures.composition import Limits
from runtally_clickhouse.measures.kept_state import KeptState
from runtally_clickhouse.measures.question import Question
from runtally_clickhouse.measures.state_first import StateFirst
from runtally_clickhouse.measures.time_steps import make_steps
from runtally_clickhouse.rollup_levels import LEVELS
from runtally_clickhouse.store_parts import read_parts

LIMITS = Limits(2**31, 10_000)
DAY = datetime(2026, 10, 22, tzinfo=UTC)
RUNS = Question(("runs",), make_steps(DAY, DAY + timedelta(days=2), ZoneInfo("UTC"), "none"))
NOTHING = CleanBuckets(0, 86_400, {level: {} for level in LEVELS})


class AskedForState(Asked):
    """Tells how often the state was read."""

    @property
    def state_reads(self) -> int:
        return self.statements.count(query_text("clean_of_each_width"))


def add_run(store: Store, name: str) -> None:
    insert(store, snapshot(name, started_at=(DAY + timedelta(hours=3)).isoformat()))


def mark_run(store: Store) -> None:
    mark(store, [unix_ms(DAY + timedelta(hours=3))], random.Random())


def roll_up(store: Store) -> None:
    refresh(store, random.Random(1))


def merge(store: Store) -> None:
    for table in ("bucket_changes", *(level.published for level in LEVELS)):
        store.command(f"OPTIMIZE TABLE {table} FINAL")


def truncate(store: Store) -> None:
    for level in LEVELS:
        store.command(f"TRUNCATE TABLE {level.published}")


def rolled_up(answer: Answer) -> bool:
    """Whether the one bucket with a run was read out of cells."""
    return any(answer.buckets[level.name] for level in LEVELS)


def nothing_noted(reads: list[tuple[int, int]], days: tuple[int, int]) -> CleanBuckets:
    reads.append(days)
    return NOTHING


def test_requests_share_what_one_has_read(store: Store) -> None:
    add_run(store, "a")
    mark_run(store)
    roll_up(store)
    kept, reader = KeptState(), AskedForState(store)
    for _ in range(3):
        answer = ask_question(StateFirst(reader, 60.0, kept=kept), RUNS, scope(), LIMITS)
        assert (answer.runs, rolled_up(answer)) == (1, True)
    assert reader.state_reads == 1


@pytest.mark.parametrize(
    ("change", "is_rolled_up"), [(mark_run, False), (roll_up, True), (merge, True), (truncate, False)]
)
def test_each_change_of_the_state_is_seen_by_the_next_request(
    store: Store, change: Callable[[Store], None], is_rolled_up: bool
) -> None:
    add_run(store, "a")
    mark_run(store)
    roll_up(store)
    kept = KeptState()
    if change is roll_up:
        mark_run(store)
    ask_question(StateFirst(store, 60.0, kept=kept), RUNS, scope(), LIMITS)
    if change is mark_run:
        add_run(store, "b")
    change(store)
    answer = ask_question(StateFirst(store, 60.0, kept=kept), RUNS, scope(), LIMITS)
    assert answer.runs == (2 if change is mark_run else 1)
    assert rolled_up(answer) == is_rolled_up


@pytest.mark.parametrize("has_asked", [False, True])
def test_what_a_request_saw_before_it_asked_how_fresh_the_store_is_is_not_believed(
    store: Store, *, has_asked: bool
) -> None:
    """Every run acknowledged by `data_as_of` is to be in the answer."""
    add_run(store, "a")
    mark_run(store)
    roll_up(store)
    kept = KeptState()
    ask_question(StateFirst(store, 60.0, kept=kept), RUNS, scope(), LIMITS)
    request = StateFirst(store, 60.0, kept=kept)
    read_parts(request)
    if has_asked:
        assert ask_question(request, RUNS, scope(), LIMITS).runs == 1
    add_run(store, "b")
    mark_run(store)
    data_as_of(request)
    assert ask_question(request, RUNS, scope(), LIMITS).runs == 2


def test_a_request_looks_at_the_parts_once_after_it_asked_how_fresh_the_store_is(store: Store) -> None:
    add_run(store, "a")
    reader = AskedForState(store)
    request = StateFirst(reader, 60.0, kept=KeptState())
    read_parts(request)
    data_as_of(request)
    with ThreadPoolExecutor(2) as pool:
        bounds = pool.submit(lambda: read_parts(request).bounds)
        assert ask_question(request, RUNS, scope(), LIMITS).runs == 1
        assert bounds.result(20) is not None
    assert reader.statements.count(query_text("store_parts")) == 2
    add_run(store, "b")
    assert read_parts(request).watermark != read_parts(store).watermark


def test_an_answer_is_as_old_as_the_look_at_the_parts_that_it_believed(store: Store) -> None:
    """Else what those named may have been dropped, however lately the request took them up."""
    add_run(store, "a")
    mark_run(store)
    roll_up(store)
    kept, reader = KeptState(), AskedForState(store)
    ask_question(StateFirst(store, 60.0, kept=kept), RUNS, scope(), LIMITS)
    # The parts at 0, the question at 14, its answer at 31: 17 after it began, and 31 after the parts.
    times = iter([0.0, 14.0, 14.0, 14.0, 31.0])
    request = StateFirst(reader, 30.0, lambda: next(times), kept)
    read_parts(request)
    answer = ask_question(request, RUNS, scope(), LIMITS)
    assert (answer.runs, rolled_up(answer)) == (1, True)
    assert "numbers(" in reader.statements[-1]


def test_a_failure_is_not_kept_and_nobody_elses() -> None:
    kept, began, failing = KeptState(), threading.Event(), threading.Event()

    def fails() -> CleanBuckets:
        began.set()
        failing.wait(20)
        raise StoreUnavailable("the first one's")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(kept.clean, "f", (0, 86_400), fails)
        assert began.wait(20)
        second = pool.submit(kept.clean, "f", (0, 86_400), lambda: NOTHING)
        failing.set()
        with pytest.raises(StoreUnavailable, match="the first one's"):
            first.result(20)
        assert second.result(20) is NOTHING
    assert kept.clean("f", (0, 86_400), lambda: NOTHING) is NOTHING


def test_of_many_at_once_one_reads() -> None:
    kept, reads, wanted = KeptState(), list[tuple[int, int]](), threading.Barrier(8)

    def ask() -> CleanBuckets:
        wanted.wait(20)
        return kept.clean("f", (0, 86_400), partial(nothing_noted, reads, (0, 86_400)))

    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(ask) for _ in range(8)]
    assert {id(one.result()) for one in found} == {id(NOTHING)}
    assert len(reads) == 1


def test_ranges_are_bounded_and_a_wider_one_has_the_narrower() -> None:
    kept, reads = KeptState(most_days=6), list[tuple[int, int]]()

    def ask(first: int, end: int, fingerprint: str = "f") -> None:
        days = first * 86_400, end * 86_400
        kept.clean(fingerprint, days, partial(nothing_noted, reads, days))

    def asked() -> list[tuple[int, int]]:
        return [(first // 86_400, end // 86_400) for first, end in reads]

    for first, end in ((0, 3), (1, 2), (0, 3), (4, 6)):
        ask(first, end)
    assert asked() == [(0, 3), (4, 6)]
    ask(7, 10)
    ask(5, 6)
    assert asked() == [(0, 3), (4, 6), (7, 10)]
    ask(0, 3)
    assert asked()[3:] == [(0, 3)]
    ask(0, 3, "g")
    ask(20, 99, "g")
    assert asked()[4:] == [(0, 3), (20, 99)]

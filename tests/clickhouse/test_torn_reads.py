"""A statement reads four tables, each as it was when the engine came to it, not all as of one moment.

So whatever refreshers and writers do between two of these reads: no bucket vanishes and none counts twice.
"""

import random
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from clickhouse.rolling_up import mark, refresh
from clickhouse.runs import insert, scope, snapshot
from runtally_clickhouse.client import Reader, Row, Store
from runtally_clickhouse.measures.asking import ask_question
from runtally_clickhouse.measures.composition import Limits
from runtally_clickhouse.measures.histograms import ask_histogram
from runtally_clickhouse.measures.question import Filter, Question
from runtally_clickhouse.measures.time_steps import make_steps

NINE = 1_795_251_600
START, END = (datetime.fromtimestamp(NINE + hours * 3600, UTC) for hours in (-1, 1))
QUESTION = Question(("runs",), make_steps(START, END, ZoneInfo("UTC"), "none"), ("agent_id",))
OF_SESSIONS = replace(QUESTION, measures=("runs", "active_users", "avg_session_lifespan_ms"))
OF_ERRORS = replace(QUESTION, measures=("runs", "active_users"), filters=(Filter("has_error", "in", (1,)),))
LIMITS = Limits(max_memory_bytes=2**30, max_rows=1000)
TABLES = ("agent_runs", "bucket_changes", "bucket_rollups", "hour_rollups", "run_rollup", "run_rollup_by_hour")
# How long the engine stands still: the next one where a busy machine needs longer for what happens meanwhile.
HALTS_SECONDS = (0.5, 1.5, 3.0)
OF_SESSION_CELLS = (
    *("agent_runs", "bucket_changes", "bucket_rollups", "hour_rollups", "session_cells", "session_cells_by_hour"),
)
OF_ERROR_RUNS = ("agent_runs", "bucket_changes", "bucket_rollups", "error_runs")
OLD, NEW = 4, 3
RUNNING = "SELECT count() AS n FROM system.processes WHERE query LIKE '%(SELECT sl' || 'eep(%'"
Meanwhile = Callable[[Store, random.Random], None]


@dataclass
class Halting:
    """A reader whose next statement stands still once it has come to a table, while something happens to the store."""

    store: Store
    after: str
    seconds: float
    meanwhile: Callable[[], None]
    in_time: bool = False

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        halting, places = re.subn(
            rf"(FROM {self.after}(?: FINAL)?\s+WHERE\s)", rf"\1(SELECT sleep({self.seconds})) = 0 AND ", sql
        )
        assert places, "the statement no longer reads the table as it did"
        answered = threading.Event()
        thread = threading.Thread(target=self._happen, args=(answered,))
        thread.start()
        try:
            return self.store.query(halting, parameters)
        finally:
            answered.set()
            thread.join()

    def _happen(self, answered: threading.Event) -> None:
        while not answered.is_set() and not self.store.unmerged(RUNNING)[0]["n"]:
            pass
        self.meanwhile()
        self.in_time = not answered.is_set()


def a_refresh(store: Store, draw: random.Random) -> None:
    """Of the quarter hour, and of the hour and the day that it lies in: rolled up before, and marked since."""
    assert refresh(store, draw) == 1


def new_runs_and_a_refresh(store: Store, draw: random.Random) -> None:
    insert(store, *(snapshot(f"new-{number}", status="failed", duration_ms=100) for number in range(NEW)))
    mark(store, [NINE * 1000], draw)
    a_refresh(store, draw)


def runs_by_question(reader: Reader) -> int:
    (row,) = ask_question(reader, QUESTION, scope(), LIMITS).rows
    return int(str(row.values["runs"]))


def runs_with_errors(reader: Reader) -> int:
    (row,) = ask_question(reader, OF_ERRORS, scope(), LIMITS).rows
    return int(str(row.values["runs"]))


def runs_of_sessions(reader: Reader) -> int:
    (row,) = ask_question(reader, OF_SESSIONS, scope(), LIMITS).rows
    return int(str(row.values["runs"]))


def runs_by_histogram(reader: Reader) -> int:
    return sum(ask_histogram(reader, "duration_histogram", replace(scope(), start=START, end=END)).values())


@pytest.mark.parametrize(
    ("after", "meanwhile", "runs_told"),
    [
        *((table, a_refresh, runs_by_question) for table in TABLES),
        *((table, new_runs_and_a_refresh, runs_by_question) for table in TABLES),
        *((table, a_refresh, runs_with_errors) for table in OF_ERROR_RUNS),
        *((table, new_runs_and_a_refresh, runs_with_errors) for table in OF_ERROR_RUNS),
        *((table, a_refresh, runs_of_sessions) for table in OF_SESSION_CELLS),
        *((table, new_runs_and_a_refresh, runs_of_sessions) for table in OF_SESSION_CELLS),
        ("bucket_changes", a_refresh, runs_by_histogram),
    ],
)
def test_nothing_that_happens_between_two_reads_tears_an_answer(
    store: Store, after: str, meanwhile: Meanwhile, runs_told: Callable[[Reader], int]
) -> None:
    draw = random.Random(1)
    insert(store, *(snapshot(f"old-{number}", status="failed", duration_ms=100) for number in range(OLD)))
    mark(store, [NINE * 1000], draw)
    refresh(store, draw)
    for seconds in HALTS_SECONDS:
        mark(store, [NINE * 1000], draw)
        least = runs_told(store)
        halting = Halting(store, after, seconds, lambda: meanwhile(store, draw))
        told = runs_told(halting)
        assert told >= least
        assert told in (OLD, OLD + NEW)
        assert runs_told(store) == (OLD if meanwhile is a_refresh else OLD + NEW)
        if halting.in_time:
            return
    pytest.fail("what was to happen meanwhile took longer than the engine can stand still")

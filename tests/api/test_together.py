"""Questions of one request go out together: in order, a bounded number at once, and a busy pool holds up nobody."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from api.door import Door, nothing_kept, run
from runtally_api.answer_cache import AnswerCache, AnsweringReader
from runtally_api.together import all_of
from runtally_clickhouse.catalogue import data_as_of, query_text
from runtally_clickhouse.client import Reader, Row, Store

NAMED = (
    *("/api/agents/analytics", "/api/v1/agents", "/api/v1/agents/planner/analytics"),
    *("/api/v1/analytics/usage", "/api/v1/analytics/agents", "/api/v1/analytics/models", "/api/v1/analytics/summary"),
    *("/api/v1/errors", "/api/v1/errors/patterns", "/api/v1/errors/Timeout", "/api/v1/integrity"),
    *("/api/v1/performance", "/api/v1/stats", "/api/v1/throughput", "/api/v1/latency", "/api/v1/executions"),
    *("/api/v1/metrics/execution", "/api/v1/metrics/execution/realtime", "/api/v1/models/compare"),
    *("/api/v1/sessions", "/api/v1/workspaces", "/api/v1/workspaces/acme/summary", "/api/v1/workspaces/acme/health"),
    "/api/v1/runs",
)


def test_tasks_run_at_once_and_keep_their_order() -> None:
    meet = threading.Barrier(3, timeout=10)

    def task(place: int) -> Callable[[], int]:
        def meeting() -> int:
            meet.wait()
            return place

        return meeting

    with ThreadPoolExecutor(2) as pool:
        assert all_of(pool, [task(place) for place in range(3)]) == [0, 1, 2]


def test_a_busy_pool_holds_up_nobody() -> None:
    release = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(release.wait, 30)
        try:
            threads = all_of(pool, [threading.get_ident] * 4)
        finally:
            release.set()
    assert threads == [threading.get_ident()] * 4


def test_many_callers_run_no_more_at_once_than_there_are_threads() -> None:
    lock, running, most = threading.Lock(), 0, 0

    def task() -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1
        return 1

    with ThreadPoolExecutor(2) as pool, ThreadPoolExecutor(3) as callers:
        asked = [callers.submit(all_of, pool, [task] * 50) for _ in range(3)]
        assert [sum(one.result(30)) for one in asked] == [50] * 3
    assert most <= 2 + 3


def test_tasks_may_have_tasks_of_their_own() -> None:
    """However deep, with one thread for all of them."""

    def tree(depth: int) -> int:
        return sum(all_of(pool, [lambda: tree(depth - 1)] * 3)) if depth else 1

    with ThreadPoolExecutor(1) as pool, ThreadPoolExecutor(4) as callers:
        asked = [callers.submit(tree, 4) for _ in range(4)]
        assert [one.result(30) for one in asked] == [81] * 4


def test_a_failure_leaves_no_task_running() -> None:
    began, go, ended = threading.Event(), threading.Event(), threading.Event()

    def fail() -> None:
        assert began.wait(10)
        go.set()
        raise ValueError("first")

    def other() -> None:
        began.set()
        assert go.wait(10)
        ended.set()

    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(ValueError, match="first"):
            all_of(pool, [fail, other])
        assert ended.is_set()


def test_after_a_failure_nothing_more_begins() -> None:
    release, began = threading.Event(), []

    def fail() -> None:
        raise ValueError("first")

    with ThreadPoolExecutor(1) as pool:
        pool.submit(release.wait, 30)
        with pytest.raises(ValueError, match="first"):
            all_of(pool, [fail, lambda: began.append(1)])
        release.set()
    assert began == []


@pytest.mark.parametrize("cancel", [False, True])
def test_a_pool_that_is_shut_down_leaves_the_work_to_the_caller(cancel: bool) -> None:
    release = threading.Event()
    pool = ThreadPoolExecutor(1)
    blocker = pool.submit(release.wait, 30)

    def leave() -> int:
        pool.shutdown(wait=False, cancel_futures=cancel)
        release.set()
        return 0

    assert all_of(pool, [leave, lambda: 1, lambda: 2]) == [0, 1, 2]
    assert all_of(pool, [lambda: 3, lambda: 4]) == [3, 4]
    blocker.result(10)


class CountingReader:
    """Lets every statement through, and keeps what was asked."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.asked: list[str] = []

    def bound_to(self, workspaces: frozenset[str] | None) -> "CountingReader":
        return self

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        self.asked.append(sql)
        return self._reader.query(sql, parameters)


def test_questions_of_one_request_share_one_watermark_and_a_validator_without_order(door: Door) -> None:
    found = []
    for numbers in (range(8), reversed(range(8))):
        counting = CountingReader(door.app.state.parts.store)
        reader = AnsweringReader(counting, AnswerCache(1 << 20), beneath=counting, forget=nothing_kept)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda n, reader=reader: reader.query("SELECT {n:UInt8} AS n", {"n": n}), numbers))
        assert sum("system.parts" in sql for sql in counting.asked) == 1
        found.append(reader.validator)
    assert found[0] == found[1] is not None


def test_how_fresh_an_answer_is_was_asked_before_anything_of_it(door: Door) -> None:
    """Whatever a request asks first; and it is told what was found then."""
    door.post(run("a"))
    counting = CountingReader(door.app.state.parts.store)
    reader = AnsweringReader(counting, AnswerCache(1 << 20), beneath=counting, forget=nothing_kept)
    reader.query("SELECT 1 AS n", {})
    assert counting.asked == [query_text("store_parts"), query_text("data_as_of"), "SELECT 1 AS n"]
    before = reader.validator
    assert data_as_of(reader) == data_as_of(door.app.state.parts.store)
    assert len(counting.asked) == 3
    assert reader.validator == before is not None


@contextmanager
def asked_with(door: Door, **changes: Any) -> Iterator[None]:
    parts = door.app.state.parts
    door.app.state.parts = replace(parts, cache=AnswerCache(1 << 20), **changes)
    try:
        yield
    finally:
        door.app.state.parts = parts


def test_named_endpoints_say_the_same_together_as_one_by_one(door: Door) -> None:
    door.post(run("a", session_id="s"), run("b", status="failed", error_type="Timeout", user_id="u", duration_ms=5))
    found = []
    for pool in (None, ThreadPoolExecutor(4)):
        with asked_with(door, pool=pool):
            answers = [door.client.get(path) for path in NAMED]
        assert [answer.status_code for answer in answers] == [200] * len(NAMED)
        found.append([(path, each.headers["etag"], each.text) for path, each in zip(NAMED, answers, strict=True)])
        if pool is not None:
            pool.shutdown()
    assert found[0] == found[1]


# Runs, cells of them, and what says which cells are up to date.
_READS = re.compile(r"(?:FROM|JOIN) (?:agent_runs|run_rollup|error_runs|session_cells|bucket_changes|bucket_rollups)")


class FreshnessFirst(CountingReader):
    """Lets no runs be read before somebody asked how fresh they are."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.unmerged = store.unmerged
        self._is_told = False

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        self._is_told |= sql == query_text("data_as_of")
        assert self._is_told or not _READS.search(sql), sql
        return super().query(sql, parameters)


@pytest.mark.parametrize("path", NAMED)
def test_no_runs_are_read_before_the_freshness(door: Door, path: str) -> None:
    """`data_as_of` must not promise more than the answer holds, whichever thread reads what."""
    door.post(run("b", status="failed", error_type="Timeout"))
    parts = door.app.state.parts
    with asked_with(door, store=FreshnessFirst(parts.store)):
        assert door.get(path)["meta"]["data_as_of"]

"""Answers are kept while nothing changes, asked once by many at once, and never given when anything did."""

import random
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from api.door import Door, nothing_kept, run
from clickhouse.rolling_up import mark, merge, refresh
from clickhouse.stores import empty
from runtally_api.answer_cache import AnswerCache, AnsweringReader
from runtally_clickhouse.catalogue import query_text
from runtally_clickhouse.client import Row, Store
from runtally_clickhouse.store_parts import StoreParts, read_parts

PATHS = ("/api/agents/analytics", "/api/v1/analytics/usage", "/api/v1/analytics/summary", "/api/v1/runs")
QUERY = {"measures": ["runs", "stalled"], "dimensions": ["agent_id"]}


class CountingStore:
    """Lets every statement through, and counts them."""

    def __init__(self, store: Store) -> None:
        self.store, self.asked, self.looked_for_running = store, 0, 0

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        if "system.parts" not in sql:
            self.asked += 1
        self.looked_for_running += sql == query_text("next_running")
        return self.store.query(sql, parameters)

    def bound_to(self, workspaces: frozenset[str] | None) -> "CountingStore":
        return self


def counted(door: Door, ask: Callable[[], Any]) -> tuple[Any, int]:
    """An answer, and how many statements the store had to answer for it."""
    answer, counting = counting_in(door, ask)
    return answer, counting.asked


def counting_in(door: Door, ask: Callable[[], Any]) -> tuple[Any, CountingStore]:
    """An answer, and what the store was asked for it."""
    parts = door.app.state.parts
    counting = CountingStore(parts.store)
    door.app.state.parts = replace(parts, store=counting)
    try:
        return ask(), counting
    finally:
        door.app.state.parts = parts


@pytest.mark.parametrize("path", PATHS)
def test_an_unchanged_answer_is_304_and_asks_the_store_nothing(door: Door, path: str) -> None:
    door.post(run("a"), run("b", status="running"))
    first = door.client.get(path)
    tag = first.headers["etag"]
    door.now += timedelta(seconds=30)  # the clock alone makes no new question while no run stalls
    again, asked = counted(door, lambda: door.client.get(path, headers={"If-None-Match": f'"x", {tag}'}))
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert asked <= 1  # whether a run has stalled in the meantime
    assert door.client.get(path, headers={"If-None-Match": '"x"'}).status_code == 200
    assert door.client.get(path, params={"workspace_id": "acme"}).headers["etag"] != tag


def test_a_question_that_is_asked_in_another_way_for_its_many_groups_has_a_validator(door: Door) -> None:
    door.post(*(run(f"r{place}", agent_id=f"agent-{place}") for place in range(50)))
    path = "/api/v1/agents?limit=1&from=2026-11-20&to=2026-11-21"
    first = door.client.get(path)
    again = door.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code) == (200, 304)


CHANGES: list[Callable[[Door], object]] = [
    lambda door: door.post(run("c", cost_usd=1)),
    lambda door: door.publisher.store.command("ALTER TABLE agent_runs DROP PARTITION 202611"),
    lambda door: door.publisher.store.command(
        "ALTER TABLE agent_runs UPDATE cost_usd = 7 WHERE external_id = 'a' SETTINGS mutations_sync = 1"
    ),
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("path", PATHS)
def test_whatever_changes_the_data_changes_the_answer(door: Door, path: str, change: Callable[[Door], object]) -> None:
    door.post(run("a", cost_usd="0.5"))
    first = door.client.get(path)
    change(door)
    again = door.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 200
    assert again.headers["etag"] != first.headers["etag"]
    merge(door.publisher.store, "agent_runs")
    assert door.get(path) == again.json()


def runs_told(door: Door) -> int:
    """By `/query`, whose answers come out of rollups where these are up to date."""
    return sum(row["runs"] for row in door.client.post("/api/v1/query", json=QUERY).json()["data"])


def test_an_answer_between_an_insert_and_its_mark_is_not_given_after_the_mark(door: Door) -> None:
    """The rows changed the data's watermark before it was made, and all that comes after it is the mark."""
    store, start_ms = door.publisher.store, 1_795_251_600_000
    door.post(run("a"))
    mark(store, [start_ms], random.Random(1))
    refresh(store, random.Random(2))
    door.post(run("b"))
    path = "/api/agents/analytics"
    between = door.client.get(path)
    assert runs_told(door) == 1, "it was not told out of the rollup"
    mark(store, [start_ms], random.Random(3))
    assert runs_told(door) == 2
    after = door.client.get(path, headers={"If-None-Match": between.headers["etag"]})
    assert (after.status_code, after.headers["etag"] == between.headers["etag"]) == (200, False)


def test_no_answer_outlives_the_table(door: Door) -> None:
    """Also where the store is empty again, and where the same runs come back."""
    store = door.publisher.store
    told, seen = [], []

    def ask() -> None:
        seen.append(read_parts(store).watermark)
        told.append((runs_told(door), door.get("/api/v1/analytics/usage")["total_sessions"]))

    ask()
    for _ in range(2):
        door.post(run("a", session_id="s"))
        ask()
        store.command("TRUNCATE TABLE agent_runs")
        ask()
    empty(store)
    ask()
    assert told == [(0, 0), (1, 1), (0, 0), (1, 1), (0, 0), (0, 0)]
    assert all(one != other for one, other in pairwise(seen))


def test_a_database_without_any_data_part_has_a_watermark(door: Door) -> None:
    store = door.publisher.store
    store.command("CREATE DATABASE nothing_in_it")
    try:
        rows = store.query(query_text("store_parts").replace("currentDatabase()", "'nothing_in_it'"), {})
    finally:
        store.command("DROP DATABASE nothing_in_it")
    nothing = StoreParts.of(rows)
    assert (rows, nothing.bounds) == ([], None)
    assert read_parts(store).watermark != nothing.watermark


def test_a_run_stalls_though_no_data_change(door: Door) -> None:
    start = door.now - timedelta(hours=24) + timedelta(seconds=100)
    door.post(run("a", status="running", started_at=start.isoformat()), run("b"))

    def stalled() -> int:
        found: int = sum(row["stalled"] for row in door.client.post("/api/v1/query", json=QUERY).json()["data"])
        return found

    turns = []
    for seconds in (0, 5, 50, 70, 99, 100):
        door.now = start + timedelta(hours=24) + timedelta(seconds=seconds - 100)
        turns.append(stalled())
    door.now += timedelta(milliseconds=1)
    assert (turns, stalled()) == ([0] * 6, 1)


@pytest.mark.parametrize("status", [[], ["failed", "timed_out"]])
def test_a_run_that_stalls_makes_no_question_new_that_is_not_about_it(door: Door, status: list[str]) -> None:
    start = door.now - timedelta(hours=24) + timedelta(seconds=100)
    door.post(run("a", status="running", started_at=start.isoformat()), run("b", status="failed"))
    filters = [{"dimension": "status", "op": "in", "values": status}] if status else []
    days = {"from": f"{start:%Y-%m-%d}", "to": f"{door.now:%Y-%m-%d}"}
    body = {"measures": ["runs", "success_rate", "errors"], "filters": filters, "time": days}
    first = door.client.post("/api/v1/query", json=body).json()
    door.now += timedelta(minutes=5)
    again, asked = counted(door, lambda: door.client.post("/api/v1/query", json=body).json())
    assert (again["data"], asked) == (first["data"], 0)
    assert first["data"][0]["runs"] == (1 if status else 2)


def test_a_repeated_query_is_answered_from_memory(door: Door) -> None:
    door.post(run("a"))
    first = door.client.post("/api/v1/query", json=QUERY).json()
    again, asked = counted(door, lambda: door.client.post("/api/v1/query", json=QUERY).json())
    assert asked == 0
    assert again["data"] == first["data"]


def test_only_a_question_that_was_asked_before_looks_for_runs_that_stalled_since(door: Door) -> None:
    door.post(run("a", status="running"), run("b"))

    def ask(agent_id: str) -> Any:
        body = {**QUERY, "filters": [{"dimension": "agent_id", "op": "in", "values": [agent_id]}]}
        return door.client.post("/api/v1/query", json=body).raise_for_status()

    looks = []
    for agent_id in ("a", "b", "a", "b", "a"):
        door.now += timedelta(seconds=1)
        _, counting = counting_in(door, partial(ask, agent_id))
        looks.append(counting.looked_for_running)
    assert looks == [0, 0, 1, 0, 0], "and then it is known for a minute"


@pytest.mark.parametrize("dimensions", [[], ["agent_id"]])
def test_a_period_before_all_runs_is_not_asked_about(door: Door, dimensions: list[str]) -> None:
    door.post(run("a", started_at="2026-11-20T00:00:00Z"), run("b", started_at="2026-11-21T01:00:00Z"))

    def ask(day: str) -> Any:
        time = {"from": day, "to": day}
        body = {"measures": ["runs", "cost_usd"], "dimensions": dimensions, "time": time, "compare": "previous_period"}
        return door.client.post("/api/v1/query", json=body).raise_for_status().json()

    there, with_both = counted(door, lambda: ask("2026-11-21"))
    (row,) = there["data"]
    assert (row["runs"], row["compare"]["runs"], row["change"]["runs"]) == (1, 1, 0.0)
    first, with_one = counted(door, lambda: ask("2026-11-20"))
    (row,) = first["data"]
    assert (row["runs"], row["compare"]["runs"], row["change"]["runs"]) == (1, 0, None)
    assert (row["compare"]["cost_usd"], first["totals"]["compare"]["runs"]) == (None, 0)
    assert with_one < with_both
    door.post(run("c", started_at="2026-11-19T23:59:59.999Z"))
    assert ask("2026-11-20")["data"][0]["compare"]["runs"] == 1


def test_equal_questions_fly_once() -> None:
    cache, asked, go = AnswerCache(1000), [], threading.Event()

    def slow() -> list[Row]:
        asked.append(1)
        assert go.wait(10)
        return [{"runs": 1}]

    with ThreadPoolExecutor(8) as pool:
        flights = [pool.submit(cache.answer, b"key", slow) for _ in range(8)]
        go.set()
        answers = [flight.result(10) for flight in flights]
    assert answers == [[{"runs": 1}]] * 8
    assert len(asked) == 1
    answers[0][0]["runs"] = 2  # nobody's changes are seen by others
    assert cache.answer(b"key", slow) == [{"runs": 1}]


def test_a_failure_is_not_kept() -> None:
    cache = AnswerCache(1000)

    def fails() -> list[Row]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cache.answer(b"key", fails)
    assert cache.answer(b"key", list) == []


def test_what_is_kept_has_a_bound() -> None:
    cache = AnswerCache(1000)
    for number in range(50):
        cache.answer(bytes([number]), lambda: [{"text": "x" * 100}])
        assert cache.size_bytes <= 1000
    cache.answer(b"large", lambda: [{"text": "x" * 2000}])
    assert 0 < cache.size_bytes <= 1000
    assert cache.answer(bytes([49]), list) == [{"text": "x" * 100}]
    assert cache.answer(bytes([0]), list) == []


def test_a_request_sees_the_watermark_of_its_first_question(door: Door) -> None:
    store = door.publisher.store
    cache = AnswerCache(10_000)
    count = "SELECT count() AS runs FROM agent_runs"
    before = AnsweringReader(store, cache, beneath=store, forget=nothing_kept)
    assert before.validator is None
    assert before.query(count, {}) == [{"runs": 0}]
    door.post(run("a"))
    assert AnsweringReader(store, cache, beneath=store, forget=nothing_kept).query(count, {}) == [{"runs": 1}]
    after = AnsweringReader(store, cache, beneath=store, forget=nothing_kept)
    after.query(count, {})
    assert after.validator != before.validator

"""CONTRACT 3.3 and 3.4: a run goes in over HTTP and comes back, field by field."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from api.door import Door, assert_problem, run
from runtally.events import RunSnapshot
from runtally.identity import derive_uuid7

WHOLE: dict[str, Any] = run(
    "bar-1",
    agent_name="Planner",
    status="failed",
    finished_at="2026-11-21T09:00:01.124Z",
    handed_off_at="2026-11-21T09:00:01.5Z",
    queue_ms=7,
    provider="anthropic",
    model="claude-sonnet-4",
    agent_version="1.4.0",
    environment="production",
    trigger="schedule",
    user_id="u-3",
    session_id="s-7",
    trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
    parent_run_id="bar-0",
    input_tokens=10,
    output_tokens=20,
    cache_read_tokens=4,
    cache_write_tokens=1,
    reasoning_tokens=5,
    cost_usd="0.0010000004",
    price_version="2026-10",
    credits=2.5,
    llm_calls=3,
    tool_calls=2,
    files_modified=0,
    retries=1,
    error_type="RateLimited",
    error_severity="warning",
    error_category="rate_limit",
    error_message="m" * 150,
    recovered=True,
    recovery_ms=12,
    tags={"team": "search", "quote'd": 'a "b" \\ c'},
)


def test_every_field_comes_back(door: Door) -> None:
    accepted = door.post(WHOLE)["runs"]
    snapshot = RunSnapshot.model_validate(WHOLE)
    key = str(derive_uuid7("acme", "bar-1", snapshot.start))
    assert accepted == [{"index": 0, "run_id": "bar-1", "id": key}]

    found = door.get("/api/v1/runs/bar-1")
    meta = found.pop("meta")

    assert found == {
        **WHOLE,
        "id": key,
        "stalled": False,
        "handed_off_at": "2026-11-21T09:00:01.500Z",
        "duration_ms": 1001,
        "total_tokens": 30,
        "cost_usd": "0.001",
        "cost_source": "reported",
        "credits": "2.5",
        "clock_skew": False,
        "deleted": False,
    }
    assert meta["coverage"] == {"runs": 1, "cost": 1, "duration": 1, "tokens": 1}
    assert set(found) - {"id", "stalled", "total_tokens", "clock_skew"} == set(RunSnapshot.model_fields)
    assert door.get(f"/api/v1/runs/{key}")["run_id"] == "bar-1"
    listed = door.get("/api/v1/runs")["data"]
    assert listed == [{**found, "error_message": "m" * 100 + "…"}]


def test_a_later_snapshot_replaces_an_earlier_one_in_any_order(door: Door) -> None:
    running = run(status="running", updated_at="2026-11-21T09:20:00Z")
    ended = run(status="failed", updated_at="2026-11-21T09:10:00Z", cost_usd="0.5")
    for snapshots in ((running, ended), (ended, running), (ended, ended, running, ended)):
        for snapshot in snapshots:
            door.post(snapshot)
        found = door.get("/api/v1/runs")["data"]
        assert [(entry["status"], entry["cost_usd"]) for entry in found] == [("failed", "0.5")]


def test_a_deleted_run_is_gone(door: Door, api: httpx.Client) -> None:
    door.post(run(), run("run-2"))
    door.post(run(deleted=True, updated_at="2026-11-20T00:00:00Z"))
    assert_problem(api.get("/api/v1/runs/run-1"), 404)
    assert [entry["run_id"] for entry in door.get("/api/v1/runs")["data"]] == ["run-2"]
    assert door.get("/api/agents/analytics")["totals"]["runs"] == 1


def test_a_run_that_ends_before_it_starts_has_a_skewed_clock(door: Door) -> None:
    door.post(
        run(finished_at="2026-11-21T08:00:00Z"), run("run-2", status="running", started_at="2026-11-20T09:00:00Z")
    )
    skewed, stalled = door.get("/api/v1/runs")["data"]
    assert (skewed["duration_ms"], skewed["clock_skew"], skewed["stalled"]) == (None, True, False)
    assert (stalled["status"], stalled["stalled"]) == ("running", True)


def test_an_id_of_several_workspaces_needs_one_named(door: Door, api: httpx.Client) -> None:
    key = "019aa5c0-7b1e-7c3f-9a51-2f0c6f3f1a10"
    for run_id in ("run-1", key):
        door.post(*(run(run_id, workspace_id=name) for name in ("acme", "b'eta")))
        problem = assert_problem(api.get(f"/api/v1/runs/{run_id}"), 409)
        assert problem["errors"][0]["field"] == "workspace_id"
        assert "acme, b'eta" in problem["detail"]
        found = door.get(f"/api/v1/runs/{run_id}", workspace_id="b'eta")
        assert (found["run_id"], found["workspace_id"]) == (run_id, "b'eta")
        assert_problem(api.get(f"/api/v1/runs/{run_id}", params={"workspace_id": "gamma"}), 404)
        assert_problem(api.get(f"/api/v1/runs/{run_id}", params={"from": "2027-01-01"}), 404)


def test_the_newest_of_split_runs_is_shown(door: Door) -> None:
    door.post(run(), run(started_at="2026-11-21T09:00:00.124Z"))
    assert door.get("/api/v1/runs/run-1")["started_at"] == "2026-11-21T09:00:00.124Z"
    assert len(door.get("/api/v1/runs")["data"]) == 2


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 1000])
def test_pages_hold_every_run_once(door: Door, limit: int) -> None:
    key = "019aa5c0-7b1e-7c3f-9a51-2f0c6f3f1a10"
    door.post(
        *(run(f"r{n}", workspace_id=f"w{n % 2}") for n in range(5)),
        *(run(key, workspace_id=f"w{n}") for n in range(3)),
        run("later", started_at="2026-11-21T09:00:00.124Z"),
        run("earlier", started_at="2026-11-21T09:00:00.122Z"),
        run("future", started_at="2099-01-01T00:00:00Z"),
        run("first", started_at="2015-01-01T00:00:00Z"),
    )
    pages = []
    cursor: dict[str, str] = {}
    while True:
        page = door.get("/api/v1/runs", limit=limit, **cursor)
        pages.append(page["data"])
        assert page["has_more"] is (page["next_cursor"] is not None)
        if not page["has_more"]:
            break
        assert len(page["data"]) == limit
        cursor = {"cursor": page["next_cursor"]}
    listed = [(entry["run_id"], entry["workspace_id"]) for page in pages for entry in page]
    assert len(listed) == len(set(listed)) == 12
    starts = [datetime.fromisoformat(entry["started_at"]) for page in pages for entry in page]
    assert starts == sorted(starts, reverse=True)


def test_the_lists_own_filters(door: Door) -> None:
    door.post(
        run("a", session_id="s1"),
        run("b", parent_run_id="a", error_type="Timeout"),
        run("c", parent_run_id="x", session_id="s2", error_type="Timeout"),
    )
    for asked, found in (
        ({"parent_run_id": ["a", "x"]}, "bc"),
        ({"session_id": "s1"}, "a"),
        ({"error_type": "Timeout", "parent_run_id": "x"}, "c"),
        ({"session_id": ""}, "b"),
    ):
        assert sorted(entry["run_id"] for entry in door.get("/api/v1/runs", **asked)["data"]) == list(found)


def test_a_filter_sees_the_current_snapshot_only(door: Door) -> None:
    """An index over the ids must not hide the version that wins."""
    door.post(run(session_id="s1", parent_run_id="p1", status="running"))
    door.post(run(session_id="s2", parent_run_id="p2"))
    for asked in ({"session_id": "s1"}, {"parent_run_id": "p1"}, {"status": "running"}):
        assert door.get("/api/v1/runs", **asked)["data"] == []
    assert len(door.get("/api/v1/runs", session_id="s2", parent_run_id="p2")["data"]) == 1


@pytest.mark.parametrize("threads", [10, 100])
def test_posts_at_once_are_all_there_once_and_whole(door: Door, threads: int) -> None:
    bodies = [
        [run(f"t{t}-{n}", cost_usd=f"0.{t:03}{n}", input_tokens=t * 10 + n, tags={"t": str(t)}) for n in range(3)]
        for t in range(threads)
    ]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda body: door.post(*body), bodies))
    sent = {body["run_id"]: body for bodies_of_one in bodies for body in bodies_of_one}
    found = {entry["run_id"]: entry for entry in door.get("/api/v1/runs", limit=1000)["data"]}
    assert found.keys() == sent.keys()
    for run_id, entry in found.items():
        assert (entry["input_tokens"], entry["tags"]) == (sent[run_id]["input_tokens"], sent[run_id]["tags"])
    totals = door.get("/api/agents/analytics")["totals"]
    assert totals["runs"] == len(sent)
    assert Decimal(totals["cost_usd"]) == sum(Decimal(body["cost_usd"]) for body in sent.values())
    assert totals["input_tokens"] == sum(body["input_tokens"] for body in sent.values())

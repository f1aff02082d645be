"""Whatever is sent, in whatever order and however often: the answers equal plain arithmetic over the runs."""

import os
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from api.door import Door, run
from api.oracle import Question
from clickhouse.rolling_up import Until, mark, refresh
from clickhouse.stores import empty
from hypothesis import given, settings
from hypothesis import strategies as st
from runtally.events import RunSnapshot
from runtally.fields import STATUSES
from runtally_clickhouse.catalogue import unix_ms

from api import oracle

# The clocks of Berlin go back on the 25th; Kathmandu is 5:45 ahead.
FIRST, LAST, TODAY = date(2026, 10, 23), date(2026, 10, 27), datetime(2026, 10, 27, 18, 20, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Los_Angeles")
WORKSPACES = ("acme", "b'e\"t\\a")
COUNTS = st.none() | st.integers(0, 2**40) | st.sampled_from([0, 2**53 - 1])
COSTS = st.none() | st.integers(0, 10**12).map(lambda nanos: f"{nanos / 10**9:.9f}") | st.just("0.0000000005")
NAMES = st.sampled_from(["", "Planner", "Planner 2", "Ünïcode 🤖"])


@st.composite
def starts(draw: st.DrawFn) -> datetime:
    """Somewhere in the range, with a liking for the edges of days."""
    midnight = datetime(2026, 10, 22, tzinfo=UTC) + timedelta(days=draw(st.integers(0, 6)))
    edge = draw(st.sampled_from([0, 345, 1320, 1335, 1380, 1439, 420]))
    return midnight + timedelta(minutes=edge, milliseconds=draw(st.integers(-2, 2) | st.integers(0, 10**8)))


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Snapshots of some runs, in any order, some of them more than once."""
    identities = draw(
        st.lists(
            st.tuples(st.sampled_from(WORKSPACES), st.sampled_from(["r1", "r2", "r3", "0193a5c0"]), starts()),
            min_size=1,
            max_size=6,
            unique_by=lambda identity: identity[:2],
        )
    )
    snapshots = []
    for workspace_id, run_id, started_at in identities:
        for _ in range(draw(st.integers(1, 4))):
            snapshots.append(
                run(
                    run_id,
                    workspace_id=workspace_id,
                    agent_id=draw(st.sampled_from(["planner", "coder"])),
                    agent_name=draw(NAMES),
                    status=draw(st.sampled_from(STATUSES)),
                    started_at=started_at.isoformat(),
                    updated_at=(started_at + timedelta(seconds=draw(st.integers(0, 3)))).isoformat(),
                    finished_at=draw(
                        st.none() | st.integers(-2000, 5000).map(lambda ms: _after(started_at, ms))  # noqa: B023
                    ),
                    duration_ms=draw(st.none() | st.integers(0, 10**9)),
                    input_tokens=draw(COUNTS),
                    output_tokens=draw(COUNTS),
                    cost_usd=draw(COSTS),
                    session_id=draw(st.sampled_from(["", "s1", "s2"])),
                    model=draw(st.sampled_from(["", "m-1", "m/2"])),
                    parent_run_id=draw(st.sampled_from(["", "r1"])),
                    deleted=draw(st.sampled_from([False] * 9 + [True])),
                )
            )
    snapshots += draw(st.lists(st.sampled_from(snapshots), max_size=4))
    return draw(st.permutations(snapshots))


def _after(started_at: datetime, milliseconds: int) -> str:
    return (started_at + timedelta(milliseconds=milliseconds)).isoformat()


FILTERS: list[tuple[dict[str, Any], oracle.Kept]] = [
    ({}, lambda run: True),
    ({"workspace_id": WORKSPACES[1]}, lambda run: run.workspace_id == WORKSPACES[1]),
    ({"agent_id": ["planner", "nobody"]}, lambda run: run.agent_id == "planner"),
    ({"status": ["failed", "timed_out", "succeeded"]}, lambda run: run.status in ("failed", "timed_out", "succeeded")),
    ({"model": ["m-1", "m/2"]}, lambda run: run.model != ""),
    ({"root_only": "true"}, lambda run: run.parent_run_id == ""),
]


@settings(max_examples=int(os.environ.get("RUNTALLY_ORACLE_EXAMPLES", "15")), deadline=None)
@given(
    history=histories(),
    zone=st.sampled_from(ZONES),
    filters=st.sampled_from(FILTERS),
    cut=st.integers(0, 20),
    refreshes=st.randoms(use_true_random=False),
)
def test_answers_equal_plain_arithmetic(
    shared_door: Door,
    history: list[dict[str, Any]],
    zone: str,
    filters: tuple[dict[str, Any], oracle.Kept],
    cut: int,
    refreshes: Random,
) -> None:
    door = shared_door.reset()
    empty(door.publisher.store)
    door.now = TODAY
    for part in (history[:cut], history[cut:]):
        door.post(*part)
        if part:
            mark(door.publisher.store, (unix_ms(RunSnapshot.model_validate(one).start) for one in part), refreshes)
        refresh(door.publisher.store, refreshes, refreshes.choice(list(Until)), refreshes.choice([0.5, 1.0]))
    runs = oracle.current(map(RunSnapshot.model_validate, history))
    chosen, kept = filters
    question = Question(FIRST, LAST, ZoneInfo(zone), TODAY, kept)
    asked = {"from": FIRST.isoformat(), "to": LAST.isoformat(), "timezone": zone, **chosen}

    analytics = door.get("/api/agents/analytics", **asked)
    meta = analytics.pop("meta")
    assert analytics == oracle.analytics(runs, question)
    coverage = analytics["totals"]["coverage"]
    assert meta["coverage"] == {"runs": analytics["totals"]["runs"], **coverage}
    everything = [run for run in runs if kept(run)]
    if everything:
        ends = [datetime.fromisoformat(meta["data_range"][name]) for name in ("first", "last")]
        assert ends == [min(run.start for run in everything), max(run.start for run in everything)]
    else:
        assert meta["data_range"] is None

    usage = door.get("/api/v1/analytics/usage", **asked)
    assert usage.pop("meta") == meta
    assert usage == oracle.usage(runs, question)
    agents = door.get("/api/v1/analytics/agents", **asked)
    assert agents.pop("meta") == meta
    assert agents == oracle.agents_usage(runs, question)
    models = door.get("/api/v1/analytics/models", **asked)["models"]
    assert {model["model_id"]: model["usage_count"] for model in models} == oracle.models_usage(runs, question)
    summary = door.get("/api/v1/analytics/summary", **asked)
    assert summary["active_sessions"] == oracle.active_sessions(runs, question)
    assert summary["total_messages"] == usage["total_messages"]

    listed = _all_pages(door, asked)
    assert sorted(map(_identity, listed)) == sorted(
        (run.workspace_id, str(run.id), run.run_id, run.status, run.elapsed_ms, run.clock_skew)
        for run in question.of(runs)
    )
    started = [datetime.fromisoformat(run["started_at"]) for run in listed]
    assert started == sorted(started, reverse=True)
    assert sum(run["total_tokens"] or 0 for run in listed) == usage["total_tokens"]


def _identity(answer: dict[str, Any]) -> tuple[object, ...]:
    names = ("workspace_id", "id", "run_id", "status", "duration_ms", "clock_skew")
    return tuple(answer[name] for name in names)


def _all_pages(door: Door, asked: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    page = door.get("/api/v1/runs", limit=2, **asked)
    while page["has_more"]:
        found += page["data"]
        page = door.get("/api/v1/runs", limit=2, cursor=page["next_cursor"], **asked)
    assert page["next_cursor"] is None
    return [*found, *page["data"]]

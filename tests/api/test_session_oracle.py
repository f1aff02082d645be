"""Sessions by plain arithmetic: over the edges of a range, in two workspaces, delivered again, and not over yet."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from api.door import Door, run
from api.query_oracle import World, instant, measures
from runtally.events import RunSnapshot
from runtally.fields import STATUSES
from runtally_api.use_answers import SESSION_MEASURES, SESSION_TOTALS

from api import oracle

FIRST, LAST, NOW = date(2026, 11, 3), date(2026, 11, 6), datetime(2026, 11, 6, 18, 20, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")
RANGE = {"from": str(FIRST), "to": str(LAST), "timezone": ZONE.key}
WORKSPACES = ("acme", "beta")
# Some are of one workspace, most of both: the same id there is another session.
SESSIONS = ("", "s1", "s2", "s3", "s'4\\", "ß5")
ASKED = ("runs", "sessions", "avg_session_lifespan_ms", "active_ms_per_session", "ratings", "active_users")


def snapshots(draw: random.Random) -> list[dict[str, Any]]:
    """Of each run some, in any order and again: their starts lie about the edges of the range and of its days."""
    found = []
    for number in range(40):
        edge = datetime.combine(FIRST, datetime.min.time(), ZONE) + timedelta(days=draw.randint(0, 4))
        started = edge.astimezone(UTC) + timedelta(milliseconds=draw.choice([-1, 0, 1, draw.randint(-(10**7), 10**7)]))
        workspace, session = draw.choice(WORKSPACES), draw.choice(SESSIONS)
        for version in range(draw.randint(1, 3)):
            ended = started + timedelta(milliseconds=draw.randint(-2000, 10**8))
            found.append(
                run(
                    f"r{number}",
                    workspace_id=workspace,
                    session_id=session if draw.random() < 0.9 else draw.choice(SESSIONS),
                    status=draw.choice(["running", draw.choice(STATUSES)]),
                    started_at=started.isoformat(),
                    updated_at=(started + timedelta(seconds=version)).isoformat(),
                    finished_at=draw.choice([None, ended.isoformat()]),
                    duration_ms=draw.choice([None, 0, 77, 10**8]),
                    user_id=draw.choice(["", "u1", "u2"]),
                    deleted=draw.random() < 0.05,
                )
            )
    found += draw.choices(found, k=20)
    draw.shuffle(found)
    return found


def world(door: Door, draw: random.Random) -> World:
    """Runs as the API has them, in two batches. It is late on the last day: what runs since the first has stalled."""
    sent = snapshots(draw)
    door.now = NOW
    door.post(*sent[:50])
    door.post(*sent[50:])
    return World(oracle.current(RunSnapshot.model_validate(each) for each in sent), (), NOW)


def day_of(one: RunSnapshot) -> date:
    return one.start.astimezone(ZONE).date()


def ask(door: Door, **body: Any) -> list[dict[str, Any]]:
    response = door.client.post("/api/v1/query", json={"measures": list(ASKED), "time": RANGE, **body})
    assert response.status_code == 200, response.text
    rows: list[dict[str, Any]] = response.json()["data"]
    return rows


def expected(runs: list[RunSnapshot], world: World, names: tuple[str, ...] = ASKED) -> dict[str, Any]:
    all_measures = measures(runs, world, 1.0)
    return {name: all_measures[name] for name in names}


@pytest.mark.parametrize("seed", range(5))
def test_lifespans_are_those_of_each_session_within_what_is_asked(door: Door, seed: int) -> None:
    draw = random.Random(seed)
    known = world(door, draw)
    inside = [one for one in known.runs if FIRST <= day_of(one) <= LAST]
    assert any(known.status(one) == "stalled" for one in inside)
    assert len(inside) < len(known.runs)
    (total,) = ask(door)
    assert total == expected(inside, known)
    for row in ask(door, time={**RANGE, "granularity": "day"}):
        of_day = [one for one in inside if str(day_of(one)) == row["time"][:10]]
        assert {name: row[name] for name in ASKED} == expected(of_day, known)
    order = [{"by": "avg_session_lifespan_ms", "direction": "desc"}]
    for dimension in ("workspace_id", "user_id", "status"):
        rows = ask(door, dimensions=[dimension], limit=2, order=order)
        told = {row[dimension] for row in rows if not row["other"]}
        for row in rows:
            of_group = [one for one in inside if _is_of(one, row, dimension, known, told)]
            assert {name: row[name] for name in ASKED} == expected(of_group, known)
        lifespans = [row["avg_session_lifespan_ms"] for row in rows if not row["other"]]
        assert lifespans == sorted(lifespans, key=lambda value: -1 if value is None else value, reverse=True)


def _is_of(one: RunSnapshot, row: dict[str, Any], dimension: str, known: World, told: set[str]) -> bool:
    own = known.status(one) if dimension == "status" else getattr(one, dimension)
    return own not in told if row["other"] else own == row[dimension]


@pytest.mark.parametrize("seed", range(5))
def test_the_list_has_each_session_once_and_whole(door: Door, seed: int) -> None:
    known = world(door, random.Random(seed))
    inside = [one for one in known.runs if FIRST <= day_of(one) <= LAST]
    own: dict[tuple[str, str], list[RunSnapshot]] = {}
    for one in inside:
        if one.session_id:
            own.setdefault((one.workspace_id, one.session_id), []).append(one)
    listed: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while not listed or cursor:
        asked = cursor
        page = door.get("/api/v1/sessions", **RANGE, limit=3, **asked)
        listed += page["data"]
        cursor = {"cursor": page["next_cursor"]} if page["has_more"] else {}
        assert page["totals"] == expected(inside, known, SESSION_TOTALS)
        assert door.get("/api/v1/sessions", **RANGE, limit=3, totals="false", **asked) == {**page, "totals": None}
    assert [(row["workspace_id"], row["session_id"]) for row in listed] == sorted(
        own, key=lambda name: (-len(own[name]), name)
    )
    for row in listed:
        runs = own[row["workspace_id"], row["session_id"]]
        assert {name: row[name] for name in SESSION_MEASURES} == expected(runs, known, SESSION_MEASURES)
        assert row["first_run_at"] == instant(min(one.start for one in runs))


def test_compared_lifespans_are_of_the_sessions_within_the_other_period(door: Door) -> None:
    known = world(door, random.Random(7))
    (row,) = ask(door, time={**RANGE, "from": "2026-11-05"}, compare="previous_period")
    for found, first in ((row, date(2026, 11, 5)), (row["compare"], date(2026, 11, 3))):
        days = (first, first + timedelta(days=1))
        of_days = [one for one in known.runs if day_of(one) in days]
        assert {name: found[name] for name in ASKED} == expected(of_days, known)

"""Feedback and transitions against plain arithmetic: drawn events, delivered again and again, in any order."""

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import Any

import httpx
import pytest
from api.door import Door, assert_problem, run

RANGE = {"from": "2026-11-01", "to": "2026-11-20"}
FIRST = datetime(2026, 10, 25, tzinfo=UTC)
AGENTS = [("acme", "planner"), ("acme", "coder"), ("beta", "planner")]
STATES = ("draft", "active", "paused", "retired")
Event = dict[str, Any]


def moment(draw: random.Random) -> datetime:
    """Some time in the 30 days around the range; often a tie."""
    return FIRST + timedelta(minutes=draw.choice([draw.randrange(30 * 1440), 20_000]))


def deliver(door: Door, path: str, events: list[Event], draw: random.Random) -> None:
    """Each at least once, some thrice, in several requests of any order."""
    sent = [*events, *draw.choices(events, k=len(events))]
    draw.shuffle(sent)
    for place in range(0, len(sent), 7):
        response = door.client.post(path, json=sent[place : place + 7])
        assert response.status_code == 202, response.text


def fleet(door: Door, draw: random.Random) -> dict[tuple[str, str], Event]:
    runs = {}
    for number in range(40):
        workspace_id, agent_id = draw.choice(AGENTS)
        started = moment(draw)
        snapshot = run(
            f"r{number}", workspace_id=workspace_id, agent_id=agent_id, started_at=started.isoformat(),
            updated_at=started.isoformat(), status=draw.choice(["succeeded", "failed"]), model=draw.choice(["a", "b"]),
        )  # fmt: skip
        runs[workspace_id, f"r{number}"] = {**snapshot, "day": started.date().isoformat()}
    door.post(*({name: value for name, value in one.items() if name != "day"} for one in runs.values()))
    return runs


def rated(draw: random.Random, runs: dict[tuple[str, str], Event]) -> list[Event]:
    """What was said of runs, and of some that nobody knows."""
    said = []
    for number in range(60):
        workspace_id, run_id = draw.choice([*runs, ("acme", "unknown")])
        said.append({
            "feedback_id": f"f{number}", "workspace_id": workspace_id, "run_id": run_id, "agent_id": "planner",
            "user_id": "u", "rating": draw.randint(1, 5), "comment": draw.choice(["", "so-so"]),
            "created_at": moment(draw).isoformat(),
        })  # fmt: skip
    return said


def listed(door: Door, **asked: Any) -> list[Event]:
    """All pages, each of seven."""
    found: list[Event] = []
    cursor: dict[str, str] = {}
    while True:
        page = door.get("/api/v1/feedback", limit=7, **asked, **cursor)
        found += page["data"]
        if not page["has_more"]:
            assert page["next_cursor"] is None
            return found
        cursor = {"cursor": page["next_cursor"]}


@pytest.mark.parametrize("seed", range(3))
def test_feedback_is_listed_once_as_the_measure_counts_it(door: Door, seed: int) -> None:
    draw = random.Random(seed)
    runs = fleet(door, draw)
    said = rated(draw, runs)
    deliver(door, "/api/v1/feedback", said, draw)
    for asked in ({}, {"workspace_id": "beta"}, {"status": ["failed"], "model": ["a"]}, {"agent_id": ["coder"]}):
        wanted = {name: [value] if isinstance(value, str) else value for name, value in asked.items()}
        kept = {
            key for key, one in runs.items()
            if RANGE["from"] <= one["day"] <= RANGE["to"] and all(one[name] in any_ for name, any_ in wanted.items())
        }  # fmt: skip
        expected = [one for one in said if (one["workspace_id"], one["run_id"]) in kept]
        found = listed(door, **RANGE, **asked)
        assert sorted(one["feedback_id"] for one in found) == sorted(one["feedback_id"] for one in expected)
        at = [datetime.fromisoformat(one["created_at"]) for one in found]
        assert at == sorted(at, reverse=True)
        filters = [{"dimension": name, "op": "in", "values": values} for name, values in wanted.items()]
        body = {"measures": ["ratings"], "time": RANGE, "filters": filters}
        assert door.client.post("/api/v1/query", json=body).json()["data"][0]["ratings"] == len(found)
        for one in found:
            assert one["agent_id"] == runs[one["workspace_id"], one["run_id"]]["agent_id"]
    low = [one for one in listed(door, **RANGE, rating=[1, 2], only_comments=True)]
    assert {one["rating"] for one in low} <= {1, 2}
    assert all(one["comment"] for one in low)
    everything = [one for one in said if (one["workspace_id"], one["run_id"]) in runs]
    assert len(listed(door)) == len(everything)


def moved(draw: random.Random) -> list[Event]:
    """Transitions, most of which begin where the one before ended."""
    found = []
    for workspace_id, agent_id in AGENTS:
        state = ""
        for number, at in enumerate(sorted(moment(draw) for _ in range(12))):
            before = state if draw.random() < 0.8 else draw.choice(STATES)
            state = draw.choice([one for one in STATES if one != before])
            found.append({
                "event_id": f"{agent_id}-{number:02}", "workspace_id": workspace_id, "agent_id": agent_id,
                "from_state": before, "to_state": state, "at": at.isoformat(),
            })  # fmt: skip
    return found


def expected_stays(events: list[Event], agents: list[tuple[str, str]]) -> dict[tuple[str, str], list[float | None]]:
    """By (from, to), of each transition in the range how long the stay before it was; None where nobody knows."""
    stays: dict[tuple[str, str], list[float | None]] = defaultdict(list)
    for agent in agents:
        own = sorted((one for one in events if (one["workspace_id"], one["agent_id"]) == agent),
                     key=lambda one: (one["at"], one["event_id"]))  # fmt: skip
        for place, one in enumerate(own):
            before = own[place - 1] if place else None
            known = before is not None and before["to_state"] == one["from_state"]
            since = datetime.fromisoformat(before["at"]) if before else None
            length = (datetime.fromisoformat(one["at"]) - since) / timedelta(milliseconds=1) if since else None
            if RANGE["from"] <= one["at"][:10] <= RANGE["to"]:
                stays[one["from_state"], one["to_state"]].append(length if known else None)
    return stays


@pytest.mark.parametrize("seed", range(3))
def test_transitions_and_stays_by_hand(door: Door, seed: int) -> None:
    draw = random.Random(seed)
    events = moved(draw)
    deliver(door, "/api/v1/lifecycle", events, draw)
    for asked, agents in (({}, AGENTS), ({"workspace_id": "acme"}, AGENTS[:2]), ({"agent_id": "coder"}, AGENTS[1:2])):
        stays = expected_stays(events, agents)
        answer = door.get("/api/v1/lifecycle/transitions", **RANGE, **asked)
        found = {(one["from_state"], one["to_state"]): one for one in answer["transitions"]}
        assert {pair: one["transitions"] for pair, one in found.items()} == {p: len(all_) for p, all_ in stays.items()}
        for pair, all_ in stays.items():
            known = [length for length in all_ if length is not None]
            assert found[pair]["known_stays"] == len(known)
            assert found[pair]["avg_stay_ms"] == (pytest.approx(fmean(known)) if known else None)
            assert found[pair]["longest_stay_ms"] == (pytest.approx(max(known)) if known else None)
        in_state = {one["state"]: one["agents"] for one in answer["states"] if one["agents"]}
        assert in_state == last_states(events, agents)
        for one in answer["states"]:
            lengths = [stay for (left, _), all_ in stays.items() if left == one["state"] for stay in all_]
            known = [length for length in lengths if length is not None]
            assert one["avg_stay_ms"] == (pytest.approx(fmean(known)) if known else None)


def last_states(events: list[Event], agents: list[tuple[str, str]]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for agent in agents:
        own = [
            one for one in events if (one["workspace_id"], one["agent_id"]) == agent and one["at"][:10] <= RANGE["to"]
        ]
        if own:
            counts[max(own, key=lambda one: (one["at"], one["event_id"]))["to_state"]] += 1
    return dict(counts)


def test_nothing_was_said_and_nobody_moved(door: Door) -> None:
    assert door.get("/api/v1/feedback")["data"] == []
    answer = door.get("/api/v1/lifecycle/transitions")
    assert (answer["transitions"], answer["states"]) == ([], [])


@pytest.mark.parametrize(
    ("asked", "field"),
    [({"rating": 6}, "rating.0"), ({"cursor": "e30"}, "cursor"), ({"only_comments": "x"}, "only_comments")],
)
def test_what_cannot_be_is_refused(door: Door, api: httpx.Client, asked: Event, field: str) -> None:
    problem = assert_problem(api.get("/api/v1/feedback", params=asked), 422)
    assert [error["field"] for error in problem["errors"]] == [field]

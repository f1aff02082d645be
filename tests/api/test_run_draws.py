"""`GET /api/v1/runs?sample=`: a draw over the whole range instead of a page."""

from typing import Any

import httpx
import pytest
from api.door import Door, assert_problem, run

DAYS = range(1, 21)


@pytest.fixture
def fleet(door: Door) -> Door:
    """Ten runs a day of two workspaces, one in ten of which failed."""
    door.post(
        *(
            run(
                f"r{day}-{number}",
                workspace_id=("acme", "beta")[number % 2],
                status="failed" if number == 4 else "succeeded",
                started_at=f"2026-11-{day:02}T{8 + number:02}:00:00Z",
                cost_usd="0.01",
            )
            for day in DAYS
            for number in range(10)
        )
    )
    return door


def test_a_draw_is_spread_over_the_range(fleet: Door) -> None:
    answer = fleet.get("/api/v1/runs", sample=100)
    assert (len(answer["data"]), answer["meta"]["drawn_from"]) == (100, 200)
    assert (answer["has_more"], answer["next_cursor"]) == (False, None)
    assert answer["meta"]["coverage"]["runs"] == 100
    assert len({entry["id"] for entry in answer["data"]}) == 100
    starts = [entry["started_at"] for entry in answer["data"]]
    assert starts == sorted(starts, reverse=True)
    per_day = [sum(start.startswith(f"2026-11-{day:02}") for start in starts) for day in DAYS]
    assert all(1 <= runs <= 10 for runs in per_day), per_day
    assert fleet.get("/api/v1/runs", sample=100)["data"] == answer["data"]


def test_no_more_runs_than_asked_for_are_all_there(fleet: Door) -> None:
    page = fleet.get("/api/v1/runs", limit=1000)
    answer = fleet.get("/api/v1/runs", sample=200)
    assert sorted(answer["data"], key=str) == sorted(page["data"], key=str)
    assert (answer["meta"]["drawn_from"], page["meta"]["drawn_from"]) == (200, None)


@pytest.mark.parametrize(
    ("asked", "runs"),
    [
        ({"workspace_id": "beta"}, 100),
        ({"status": "failed"}, 20),
        ({"from": "2026-11-20"}, 10),
        ({"from": "2026-11-03", "to": "2026-11-04"}, 20),
        ({"has_error": "true"}, 20),
        ({"hour": 9, "timezone": "Europe/Berlin"}, 20),
        ({"session_id": "none"}, 0),
    ],
)
def test_it_honours_what_a_page_honours(fleet: Door, asked: dict[str, Any], runs: int) -> None:
    page = {entry["id"] for entry in fleet.get("/api/v1/runs", limit=1000, **asked)["data"]}
    answer = fleet.get("/api/v1/runs", sample=15, **asked)
    assert len(page) == answer["meta"]["drawn_from"] == runs
    assert len(answer["data"]) == min(15, runs)
    assert {entry["id"] for entry in answer["data"]} <= page


@pytest.mark.parametrize("asked", [{"sample": 0}, {"sample": 5001}, {"sample": "some"}, {"sample": 5, "cursor": "x"}])
def test_what_is_no_draw_names_its_field(api: httpx.Client, asked: dict[str, Any]) -> None:
    problem = assert_problem(api.get("/api/v1/runs", params=asked), 422)
    assert problem["errors"][0]["field"] == "sample"


def test_an_empty_store_has_none_to_draw(door: Door) -> None:
    answer = door.get("/api/v1/runs", sample=10)
    assert (answer["data"], answer["meta"]["drawn_from"]) == ([], 0)

"""`GET /api/v1/errors/patterns` and `/errors/{type}`: where errors concentrate, and one of them alone."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from api.door import Door, assert_problem, run
from api.test_strange_input import STRANGE, quoted

RANGE = {"from": "2026-11-20", "to": "2026-11-21", "timezone": "Asia/Kathmandu"}


def many(name: str, number: int, **fields: Any) -> Iterator[dict[str, Any]]:
    for place in range(number):
        yield run(f"{name}-{place}", **{"agent_version": "1.0", "model": "m-1", **fields})


@pytest.fixture
def fleet(door: Door) -> Door:
    """Twelve of twenty runs of model m-2 fail, six each in two versions of coder; four of forty others do."""
    bad = {"status": "failed", "error_type": "RateLimit/429", "model": "m-2", "agent_id": "coder"}
    door.post(
        *many("bad", 6, **bad, agent_version="2.0", started_at="2026-11-20T06:20:00Z"),
        *many("worse", 6, **bad, agent_version="", started_at="2026-11-20T06:20:00Z"),
        *many("fine", 8, model="m-2"),
        *many("some", 4, status="timed_out"),
        *many("good", 36),
    )
    return door


def test_patterns_are_where_errors_concentrate(fleet: Door) -> None:
    answer = fleet.get("/api/v1/errors/patterns", **RANGE)
    assert answer["totals"] == {"runs": 60, "runs_with_errors": 16, "share_with_errors": 16 / 60}
    found = {name: rows for name, rows in answer.items() if name.startswith("by_")}
    assert {name: len(rows) for name, rows in found.items()} == {
        "by_hour": 1, "by_agent": 1, "by_model": 1, "by_version": 1,
    }  # fmt: skip
    (model,) = found["by_model"]
    assert (model["model"], model["runs"], model["runs_with_errors"]) == ("m-2", 20, 12)
    assert (model["share_with_errors"], model["share_of_errors"], model["share_of_runs"]) == (0.6, 0.75, 20 / 60)
    assert model["concentration"] == 2.25
    assert "m-2" in model["suggestion"]
    # Kathmandu is 5:45 ahead.
    assert (found["by_hour"][0]["hour"], found["by_hour"][0]["runs"]) == (12, 12)
    assert "12:00" in found["by_hour"][0]["suggestion"]
    assert found["by_agent"][0]["agent_id"] == "coder"
    # A version that is not known is none.
    assert (found["by_version"][0]["agent_version"], found["by_version"][0]["runs"]) == ("2.0", 6)


def test_each_look_is_a_question_that_finds_the_errors(fleet: Door) -> None:
    answer = fleet.get(
        "/api/v1/errors/patterns", **RANGE, workspace_id=["acme", "beta"], status=["failed", "succeeded"]
    )
    looks = [row for name, rows in answer.items() if name.startswith("by_") for row in rows]
    assert len(looks) == 4
    for row in looks:
        response = fleet.client.post(row["look"]["path"], json=row["look"]["body"])
        assert response.status_code == 200, response.text
        told = response.json()
        assert sum(entry["runs"] for entry in told["data"]) == row["runs_with_errors"], row
        assert told["meta"]["from"] == answer["meta"]["from"]


def test_few_errors_or_everywhere_are_no_pattern(door: Door) -> None:
    assert door.get("/api/v1/errors/patterns")["totals"]["share_with_errors"] is None
    door.post(*many("few", 4, status="failed", model="m-2"), *many("good", 40))
    assert not any(rows for name, rows in door.get("/api/v1/errors/patterns").items() if name.startswith("by_"))
    door.post(*many("all", 44, status="failed"), *many("few", 4, status="failed", model="m-2"))
    assert not any(rows for name, rows in door.get("/api/v1/errors/patterns").items() if name.startswith("by_hour"))


def test_one_error_is_as_the_list_has_it(fleet: Door) -> None:
    answer = fleet.get(f"/api/v1/errors/{quote('RateLimit/429', safe='')}", **RANGE)
    (listed,) = [row for row in fleet.get("/api/v1/errors", **RANGE)["by_type"] if row["error_type"] == "RateLimit/429"]
    assert {name: answer[name] for name in listed if name != "other"} == {
        name: value for name, value in listed.items() if name != "other"
    }
    assert [row["time"] for row in answer["series"]][:1] == ["2026-11-20T00:00:00+05:45"]
    assert sum(row["runs"] for row in answer["series"]) == sum(row["errors"] for row in answer["series"]) == 12
    assert [(row["agent_version"], row["runs"], row["share"]) for row in answer["by_version"]] == [
        ("", 6, 0.5),
        ("2.0", 6, 0.5),
    ]
    for name in ("agent", "model", "version", "category", "severity"):
        assert sum(row["runs"] for row in answer[f"by_{name}"]) == 12, name
    assert len(answer["recent_runs"]) == 10
    assert {entry["error_type"] for entry in answer["recent_runs"]} == {"RateLimit/429"}
    assert answer["meta"]["coverage"]["runs"] == 12


def test_any_text_is_an_error_type(door: Door) -> None:
    names = [*STRANGE, "patterns/", "patterns", "{type}"]
    door.post(*(run(f"r{place}", status="failed", error_type=name) for place, name in enumerate(names)))
    for place, name in enumerate(names):
        if name != "patterns":  # the fixed name wins
            answer = door.get(f"/api/v1/errors/{quoted(name)}")
            assert (answer["error_type"], answer["runs"]) == (name, 1), name
            assert [entry["run_id"] for entry in answer["recent_runs"]] == [f"r{place}"]
    assert "totals" in door.get("/api/v1/errors/patterns")


def test_an_error_that_no_run_has_is_not_found(fleet: Door) -> None:
    for path in ("nothing", "%FF", "%00", "x" * 3000):
        assert_problem(fleet.client.get(f"/api/v1/errors/{path}"), 404)
    path = f"/api/v1/errors/{quoted('RateLimit/429')}"
    assert_problem(fleet.client.get(path, params={"workspace_id": "beta"}), 404)
    elsewhere = fleet.get(path, **{"from": "2026-11-01", "to": "2026-11-02"})
    assert (elsewhere["runs"], elsewhere["share"], elsewhere["by_agent"], elsewhere["recent_runs"]) == (0, None, [], [])

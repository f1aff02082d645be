"""RUNTALLY_STALLED_AFTER_HOURS counts in every answer: 24 hours where it is not set, and computed when asked."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from api.door import Door, run
from runtally_api.settings import ApiSettings
from runtally_clickhouse.measures.definitions import STATUSES


@pytest.fixture
def fleet(door: Door) -> Iterator[Door]:
    """One run began 25 hours ago, one 23, one just now; it is 9:30 on 21 November."""
    parts = door.app.state.parts
    door.post(
        run("a", status="running", started_at="2026-11-20T08:30:00Z"),
        run("b", status="running", started_at="2026-11-20T10:30:00Z"),
        run("c", status="running", started_at="2026-11-21T09:30:00Z"),
        run("d", started_at="2026-11-20T08:30:00Z"),
    )
    yield door
    door.app.state.parts = parts


def counts(door: Door) -> dict[str, tuple[int, int]]:
    """Running and stalled runs, as each way to ask tells them."""
    body = {"measures": ["running", "stalled"], "time": {"from": "2026-11-20", "to": "2026-11-21"}}
    queried = door.client.post("/api/v1/query", json=body).json()["data"][0]
    by_status = {**body, "measures": ["runs"], "dimensions": ["status"]}
    grouped = {row["status"]: row["runs"] for row in door.client.post("/api/v1/query", json=by_status).json()["data"]}
    listed = [entry["stalled"] for entry in door.get("/api/v1/runs")["data"] if entry["status"] == "running"]
    (agent,) = door.get("/api/v1/agents")["data"]
    (workspace,) = door.get("/api/v1/workspaces")["data"]
    health = door.get("/api/v1/workspaces/acme/health")["values"]
    answers: dict[str, dict[str, Any]] = {
        "analytics": door.get("/api/agents/analytics")["totals"]["status_counts"],
        "query": queried,
        "agents": agent["status_counts"],
        "workspaces": workspace["status_counts"],
        "health": health,
    }
    return {
        **{name: (values["running"], values["stalled"]) for name, values in answers.items()},
        "groups": (grouped.get("running", 0), grouped.get("stalled", 0)),
        "runs": (listed.count(False), listed.count(True)),
    }


def filtered(door: Door) -> dict[str, tuple[int, int]]:
    """Running and stalled runs, as each way to filter lets them through."""

    def queried(status: str) -> int:
        only = {"dimension": "status", "op": "in", "values": [status]}
        body = {"measures": ["runs"], "filters": [only], "time": {"from": "2026-11-20", "to": "2026-11-21"}}
        found: int = door.client.post("/api/v1/query", json=body).json()["data"][0]["runs"]
        return found

    ways: dict[str, Callable[[str], int]] = {
        "query": queried,
        "runs": lambda status: len(door.get("/api/v1/runs", status=status)["data"]),
        "analytics": lambda status: door.get("/api/agents/analytics", status=status)["totals"]["runs"],
        "usage": lambda status: door.get("/api/v1/analytics/usage", status=status)["total_messages"],
        "stats": lambda status: door.get("/api/v1/stats", status=status)["totals"]["runs"],
        "sum": lambda status: door.get("/api/v1/stats")["totals"]["runs"] - others(door, status),
    }
    return {name: (way("running"), way("stalled")) for name, way in ways.items()}


def others(door: Door, status: str) -> int:
    """The runs of all other statuses, by the filter of a GET: each run passes that of one status."""
    found: int = door.get("/api/v1/stats", status=[name for name in STATUSES if name != status])["totals"]["runs"]
    return found


@pytest.mark.parametrize(("hours", "stalled"), [(None, 1), ("22.5", 2), ("26", 0), ("0.0001", 2)])
def test_every_answer_counts_stalled_runs_alike(
    fleet: Door, monkeypatch: pytest.MonkeyPatch, hours: str | None, stalled: int
) -> None:
    if hours:
        monkeypatch.setenv("RUNTALLY_STALLED_AFTER_HOURS", hours)
    parts = fleet.app.state.parts
    fleet.app.state.parts = replace(parts, settings=ApiSettings())
    assert set(counts(fleet).values()) == {(3 - stalled, stalled)}, counts(fleet)
    assert set(filtered(fleet).values()) == {(3 - stalled, stalled)}, filtered(fleet)

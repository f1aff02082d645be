"""RUNTALLY_STALLED_AFTER_HOURS counts in every answer: 24 hours where it is not set, and computed when asked."""

from collections.abc import Iterator
from typing import Any

import pytest
from api.door import Door, run
from runtally_api.settings import ApiSettings


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
    listed = [entry["stalled"] for entry in door.get("/api/v1/runs", status="running")["data"]]
    (agent,) = door.get("/api/v1/agents")["data"]
    (workspace,) = door.get("/api/v1/workspaces")["data"]
    in_totals = door.get("/api/agents/analytics", status="stalled")["totals"]["runs"]
    in_list = len(door.get("/api/v1/runs", status="stalled")["data"])
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
        "filter": (3 - in_totals, in_list),
    }


@pytest.mark.parametrize(("hours", "stalled"), [(None, 1), ("22.5", 2), ("26", 0), ("0.0001", 2)])
def test_every_answer_counts_stalled_runs_alike(
    fleet: Door, monkeypatch: pytest.MonkeyPatch, hours: str | None, stalled: int
) -> None:
    if hours:
        monkeypatch.setenv("RUNTALLY_STALLED_AFTER_HOURS", hours)
    parts = fleet.app.state.parts
    fleet.app.state.parts = type(parts)(ApiSettings(), parts.store, parts.publisher, parts.readiness, parts.now)
    assert set(counts(fleet).values()) == {(3 - stalled, stalled)}, counts(fleet)

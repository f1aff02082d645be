"""Recorded runs through the whole stack: the answers equal what others counted, money to the last digit."""

from decimal import Decimal
from typing import Any

import httpx
import pytest
from integration.answers import analytics, totals_until
from integration.recorded import metr_snapshots, needs_recorded_runs, truth, vexp_snapshots
from integration.stacks import RunningStack

pytestmark = needs_recorded_runs
METR_DAYS = {"from": "2024-10-01", "to": "2025-01-31"}
VEXP_DAY = {"from": "2026-03-22", "to": "2026-03-22"}


def _post(client: httpx.Client, snapshots: list[dict[str, Any]]) -> tuple[int, int]:
    """Accepted and rejected."""
    accepted = rejected = 0
    for items in _chunks(snapshots, 2000):
        answer = client.post("/api/v1/runs", json=items).json()
        accepted += answer["accepted"]
        rejected += answer["rejected"]
    return accepted, rejected


def test_coding_agent_runs_equal_their_truth(stack: RunningStack) -> None:
    expected = truth("vexp_swebench")["all"]
    with stack.client() as client:
        assert _post(client, vexp_snapshots()) == (100, 0)
        totals = totals_until(client, expected["runs"], workspace_id="vexp", **VEXP_DAY)
        assert _post(client, vexp_snapshots()) == (100, 0)  # again: nothing may change
        (day,) = analytics(client, workspace_id="vexp", **VEXP_DAY)["runs_per_day"]
    assert totals["status_counts"]["succeeded"] == expected["success"] == day["succeeded"]
    assert totals["status_counts"]["failed"] == expected["failure"] == day["failed"]
    assert totals["success_rate"] == pytest.approx(float(expected["success_rate_all"]))
    assert totals["input_tokens"] == 114_041_929
    assert totals["output_tokens"] == expected["tok_out"]["sum"]
    assert Decimal(totals["cost_usd"]) == Decimal("67.20689725") == Decimal(day["cost_usd"])
    assert totals["avg_duration_ms"] == pytest.approx(float(expected["duration_s"]["mean"]) * 1000, rel=1e-12)
    assert totals["coverage"] == {"duration": 100, "tokens": 100, "cost": 100}


def test_agent_runs_over_38_days_equal_their_truth(stack: RunningStack) -> None:
    expected = truth("metr")
    snapshots = metr_snapshots()
    with stack.client() as client:
        assert _post(client, snapshots) == (6852, 211)  # the human rows claim to have begun in 1970
        totals = totals_until(client, expected["agents_only"]["runs"], workspace_id="metr", **METR_DAYS)
        answer = analytics(client, workspace_id="metr", **METR_DAYS)
    _equals(totals, expected["agents_only"])
    by_model = {name: counts for name, counts in expected["by_model"].items() if name != "human"}
    assert {agent["agent_id"] for agent in answer["agents"]} == set(by_model)
    for agent in answer["agents"]:
        _equals(agent, by_model[agent["agent_id"]])
    days: dict[str, dict[str, int]] = {}
    for entry in answer["runs_per_day"]:
        day = days.setdefault(entry["date"], {"runs": 0, "success": 0})
        day["runs"] += entry["runs"]
        day["success"] += entry["succeeded"]
    assert len(days) == 123  # dense: every day of the range
    assert {date: day for date, day in days.items() if day["runs"]} == expected["by_day_utc"]


def _equals(answer: dict[str, Any], expected: dict[str, Any]) -> None:
    assert answer["runs"] == expected["runs"]
    assert answer["status_counts"]["succeeded"] == expected["success"]
    assert answer["status_counts"]["failed"] == expected["failure"]
    assert answer["success_rate"] == pytest.approx(float(expected["success_rate_known"]))
    assert answer["avg_duration_ms"] == pytest.approx(float(expected["duration_s"]["mean"]) * 1000, rel=1e-12)
    assert answer["cost_usd"] is None
    assert answer["coverage"]["cost"] == 0
    assert answer["total_tokens"] is None


def _chunks(items: list[dict[str, Any]], size: int) -> list[list[dict[str, Any]]]:
    return [items[start : start + size] for start in range(0, len(items), size)]

"""Many threads post at once: each run is there exactly once, whole, with its own values."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from integration.answers import all_runs, post, totals_until
from integration.stacks import RunningStack

RUNS_EACH = 12


def _run(workspace: str, thread: int, number: int) -> dict[str, Any]:
    value = thread * RUNS_EACH + number
    return {
        "run_id": f"run-{thread}-{number}",
        "workspace_id": workspace,
        "agent_id": f"agent-{thread % 7}",
        "status": "succeeded" if value % 3 else "failed",
        "started_at": f"2026-05-{1 + value % 28:02d}T10:00:00.{value % 1000:03d}Z",
        "updated_at": "2026-06-01T00:00:00Z",
        "duration_ms": value,
        "input_tokens": value * 3,
        "output_tokens": value * 5,
        "cost_usd": f"0.{value:09d}",
        "tags": {"thread": str(thread)},
    }


@pytest.mark.parametrize("threads", [10, 100])
def test_each_run_is_there_once_and_whole(stack: RunningStack, threads: int) -> None:
    workspace = f"threads-{threads}"
    sent = {(t, n): _run(workspace, t, n) for t in range(threads) for n in range(RUNS_EACH)}

    def send(thread: int) -> None:
        with stack.client() as client:
            post(client, [sent[thread, n] for n in range(0, RUNS_EACH, 2)])
            for n in range(1, RUNS_EACH, 2):
                post(client, sent[thread, n])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(send, range(threads)))

    scope = {"workspace_id": workspace, "from": "2026-05-01", "to": "2026-05-31"}
    with stack.client() as client:
        totals = totals_until(client, len(sent), **scope)
        found = {run["run_id"]: run for run in all_runs(client, workspace_id=workspace, limit=1000)}
    assert set(found) == {run["run_id"] for run in sent.values()}
    for run in sent.values():
        stored = found[run["run_id"]]
        same = ("agent_id", "status", "duration_ms", "input_tokens", "output_tokens", "tags")
        assert {name: stored[name] for name in same} == {name: run[name] for name in same}
        assert Decimal(stored["cost_usd"]) == Decimal(run["cost_usd"])
        assert stored["total_tokens"] == run["input_tokens"] + run["output_tokens"]
    values = list(sent.values())
    assert totals["status_counts"]["failed"] == sum(run["status"] == "failed" for run in values)
    assert totals["input_tokens"] == sum(run["input_tokens"] for run in values)
    assert Decimal(totals["cost_usd"]) == sum(Decimal(run["cost_usd"]) for run in values)
    assert totals["avg_duration_ms"] == pytest.approx(sum(run["duration_ms"] for run in values) / len(values))

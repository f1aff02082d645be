"""`runtally erase` and `runtally retention` where something runs: what goes stays away when all topics are replayed."""

import asyncio
import json
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from backends.waiting import eventually
from clickhouse.withdrawing_records import ACTIVITY, RUNS, event_message, run_message
from integration.stacks import RUNTALLY, RunningStack, local_stack, server_stack
from runtally_clickhouse.withdrawals import EVENT_TABLES

RANGE = {"from": "2026-08-01", "to": "2026-11-21"}
OLD = {"started_at": "2024-08-01T09:00:00Z", "updated_at": "2024-08-01T09:01:00Z"}


def _run(environment: Mapping[str, str], *arguments: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*RUNTALLY, *arguments],
        env=dict(environment),
        input=answer,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def _runs(stack: RunningStack, **filters: str) -> int:
    with stack.client() as client:
        answer = client.get("/api/agents/analytics", params={**RANGE, **filters}).json()
    runs: int = answer["totals"]["runs"]
    return runs


def _stored(stack: RunningStack) -> int:
    with stack.client() as client:
        answer: Any = client.get("/api/v1/runs", params={"limit": 1000}).json()
    return len(answer["data"])


def _fill(stack: RunningStack) -> None:
    async def publish() -> None:
        runs = [run_message(f"run-{n}", "ann" if n % 3 else "bob", "acme" if n % 2 else "beta") for n in range(60)]
        runs += [run_message(f"old-{n}", "bob", **OLD) for n in range(5)]
        async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap, acks="all") as producer:
            for n, value in enumerate(runs):
                await producer.send(RUNS, value, partition=n % 3)
            await producer.send_and_wait(ACTIVITY, event_message(ACTIVITY, "e", "ann"))

    asyncio.run(publish())
    eventually(lambda: _stored(stack) == 65, 60, "all runs in the answers")


def _goes_and_stays_away(stack: RunningStack) -> None:
    _fill(stack)
    dry = _run(stack.environment, "erase", "--user", "ann", "--dry-run")
    assert "40 rows in agent_runs" in dry.stdout
    refused = _run(stack.environment, "erase", "--user", "ann", answer="n\n")
    assert (refused.returncode, _runs(stack)) == (0, 60)
    done = json.loads(_run(stack.environment, "erase", "--user", "ann", "--yes", "--json").stdout)
    assert (done["job"]["state"], done["counts"]["agent_runs"], done["counts"]["user_activity"]) == ("done", 40, 1)
    assert _run(stack.environment, "erase", "--workspace", "beta", "--yes").returncode == 0
    with stack.client() as client:
        audited = client.get("/api/v1/audit", params={"act": "erase"}).json()["data"]
    assert [one["target"] for one in audited][1:] == [f"erasure:{done['job']['id']}"]
    assert (_runs(stack), _runs(stack, user_id="ann"), _runs(stack, workspace_id="beta")) == (10, 0, 0)
    planned = _run(stack.environment, "retention", "--older-than-days", "365", answer="n\n")
    assert "agent_runs 2024-08: 5 rows" in planned.stdout
    assert _stored(stack) == 15
    dropped = _run(stack.environment, "retention", "--older-than-days", "365", answer="y\n")
    assert "dropped 1 months of 5 rows, for good" in dropped.stdout
    with stack.client() as client:
        (entry,) = client.get("/api/v1/audit", params={"act": "retention"}).json()["data"]
    assert (entry["outcome"], entry["workspaces"], entry["actor"].startswith("command:")) == ("done", ["*"], True)
    assert (entry["source_address"], entry["details"]["tables"]) == (socket.gethostname(), " ".join(EVENT_TABLES))
    for _ in range(2):
        assert (_runs(stack), _runs(stack, user_id="ann"), _runs(stack, workspace_id="beta")) == (10, 0, 0)
        assert _stored(stack) == 10
        replayed = _run(stack.environment, "replay", "--from", "0")
        assert replayed.returncode == 0, replayed
        assert f"{RUNS}: 65 records: added 0, superseded 0" in replayed.stdout
    assert _run(stack.environment, "verify").returncode == 0
    left = json.loads(_run(stack.environment, "erase", "--user", "ann", "--dry-run", "--json").stdout)
    assert set(left["counts"].values()) == {0}


def test_a_local_stack(tmp_path: Path) -> None:
    with local_stack(tmp_path) as stack:
        _goes_and_stays_away(stack)


@pytest.mark.usefixtures("native_servers")
def test_servers(tmp_path: Path) -> None:
    with server_stack(tmp_path) as stack:
        _goes_and_stays_away(stack)


def test_what_cannot_be_is_said_before_anything_is_asked(tmp_path: Path) -> None:
    environment = {"RUNTALLY_DATA_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    nobody = _run(environment, "erase", "--yes")
    assert (nobody.returncode, "say whom or what to erase" in nobody.stderr) == (2, True)
    unknown = _run(environment, "retention", "--older-than-days", "30", "--table", "ingest_ledger")
    assert (unknown.returncode, "no table of events: ingest_ledger" in unknown.stderr) == (2, True)
    assert _run(environment, "retention", "--yes").returncode == 2
    nothing = _run(environment, "erase", "--user", "ann", "--yes")
    assert (nothing.returncode, "there is no store" in nothing.stderr) == (1, True)

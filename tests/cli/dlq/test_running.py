"""`runtally dlq` where something runs: a local stack, the same folder held by nobody, servers."""

import asyncio
import json
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from backends.waiting import eventually
from consumer.samples import NOT_JSON, RUNS, StoredRecord, run_value
from integration.stacks import RUNTALLY, RunningStack, local_stack, server_stack
from runtally.violations import Violation
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation
from runtally_consumer.dead_letters import DeadLetter, mirror_rows
from runtally_consumer.records import Partition

NO_COST = run_value(1, cost_usd=-1)
LONG = run_value(2, status="done", error_message="x" * 100_000)


def _run(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*RUNTALLY, "dlq", *arguments], env=dict(environment), capture_output=True, text=True, timeout=90, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def _listed(environment: Mapping[str, str], *arguments: str) -> list[dict[str, Any]]:
    done = _run(environment, "list", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    letters: list[dict[str, Any]] = json.loads(done.stdout)
    return letters


def _publish(bootstrap: str, values: Sequence[bytes]) -> None:
    async def publish() -> None:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
            for value in values:
                await producer.send_and_wait(RUNS, value, key=b"k\x00", partition=0, headers=[("trace", b"t-1")])

    asyncio.run(publish())


def _refused(stack: RunningStack) -> None:
    _publish(stack.bootstrap, [run_value(0), NO_COST, LONG, NOT_JSON])
    eventually(lambda: len(_listed(stack.environment)) == 3, 60, "three dead letters in the store")


def _as_if_refused_before(location: StoreLocation) -> None:
    """A letter of an earlier version, whose record this one accepts."""
    violation = Violation(field="cost_usd", message="was refused", remedy="wait for the next version")
    record = StoredRecord(1000, run_value(50, workspace_id="returned"), key=b"r")
    with closing(Store(location)) as store:
        store.insert(
            "dead_letters", mirror_rows("s", [DeadLetter(Partition(RUNS, 7), record, (violation,))], datetime.now(UTC))
        )


def test_a_local_stack_then_nobody_then_the_next_start(tmp_path: Path) -> None:
    with local_stack(tmp_path) as stack:
        assert _run(stack.environment, "list").stdout == "no dead letters\n"
        _refused(stack)
        assert [one["offset"] for one in _listed(stack.environment, "--field", "cost_usd")] == [1]
        assert [one["offset"] for one in _listed(stack.environment, "--field", "record")] == [3]
        assert _listed(stack.environment, "--since", "2100-01-01T00:00:00") == []
        assert len(_run(stack.environment, "list", "--limit", "2").stdout.splitlines()) == 2

        shown = _run(stack.environment, "show", RUNS, "0", "1").stdout
        for text in ("cost_usd", "remedy", "header    trace: t-1", "runtally.errors.field", NO_COST.decode()):
            assert text in shown
        assert "key       hex 6b00" in shown
        dry = _run(stack.environment, "replay", "--dry-run")
        assert dry.stdout.startswith("would publish 0, left 3 that would be refused again, not found 0\n"), dry.stdout
        environment = stack.environment

    held_by_nobody = _run(environment, "show", RUNS, "0", "2")
    assert "100" in held_by_nobody.stdout
    assert "cut" in held_by_nobody.stdout
    alone = _run(environment, "replay", "--dry-run")
    assert alone.returncode == 1
    assert "left 2 that would be refused again, not found 1" in alone.stdout
    assert _run(environment, "replay").stderr.startswith("runtally: no broker to publish to")
    nowhere = _run(environment, "show", RUNS, "0", "99")
    assert (nowhere.returncode, "no dead letter" in nowhere.stderr) == (1, True)

    _as_if_refused_before(StoreLocation.embedded(tmp_path))
    with local_stack(tmp_path) as stack:
        for _ in range(2):
            assert "published 1, left" in _run(stack.environment, "replay").stdout

        with stack.client() as client:
            done = client.post("/api/v1/dead-letters/replay", json={"topic": RUNS}).json()
        assert (done["letters"], done["published"]) == (4, 1), done
        assert {one["because"] for one in done["left"]} == {"contract", "incomplete"}

        def runs() -> int:
            with stack.client() as client:
                scope = {"workspace_id": "returned", "from": "2026-08-01", "to": "2026-08-02"}
                return len(client.get("/api/v1/runs", params=scope).json()["data"])

        eventually(lambda: runs() == 1, 60, "the run in the answers")


@pytest.mark.usefixtures("native_servers")
def test_servers_take_back_what_is_accepted_now_and_count_it_once(tmp_path: Path) -> None:
    with server_stack(tmp_path) as stack:
        _refused(stack)
        location = StoreLocation.server(stack.environment["RUNTALLY_CLICKHOUSE_URL"])
        _as_if_refused_before(location)
        with closing(Store(location)) as store:

            def returned() -> int:
                sql = "SELECT count() AS n FROM agent_runs WHERE workspace_id = 'returned'"
                return int(store.query(sql, {})[0]["n"])

            def written() -> int:
                return sum(row["accepted"] for row in store.query("SELECT accepted FROM ingest_ledger", {}))

            assert "would publish 1, left 3" in _run(stack.environment, "replay", "--dry-run").stdout
            assert returned() == 0
            for times in (1, 2):
                done = _run(stack.environment, "replay", "--topic", RUNS)
                assert (done.returncode, done.stdout.split(",")[0]) == (0, "published 1"), done
                eventually(lambda wanted=1 + times: written() == wanted, 60, "the record in the ledger")  # type: ignore[misc] # bound at once
                assert returned() == 1
        assert len(_listed(stack.environment)) == 4

"""`runtally dlq resume` where something runs: one partition stops for its dead letters, is listed, and goes on."""

import asyncio
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from backends.waiting import eventually
from consumer.samples import NOT_JSON, RUNS, run_value
from integration.stacks import RUNTALLY, RunningStack, free_ports, local_stack, server_stack, start, stop, wait_ready

BAD = 300


def _run(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*RUNTALLY, *arguments], env=dict(environment), capture_output=True, text=True, timeout=120, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def _publish(bootstrap: str, partition: int, values: Sequence[bytes]) -> None:
    async def publish() -> None:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=50) as producer:
            sent = [await producer.send(RUNS, value, partition=partition) for value in values]
            await asyncio.gather(*sent)

    asyncio.run(publish())


def _runs(stack: RunningStack) -> int:
    with stack.client() as client:
        scope = {"workspace_id": "acme", "from": "2026-08-01", "to": "2026-08-02", "limit": "1000"}
        return len(client.get("/api/v1/runs", params=scope).json()["data"])


def _not_ready(ports: Sequence[str]) -> str:
    return " ".join(httpx.get(f"http://127.0.0.1:{port}/ready", timeout=5).text for port in ports)


def _stop_and_resume(stack: RunningStack, ports: Sequence[str]) -> None:
    assert _run(stack.environment, "dlq", "resume").stdout == "no partition is stopped\n"
    # Bad ones first and in one go, so that too few of them can pass before the others make them too many.
    _publish(stack.bootstrap, 0, [*[NOT_JSON] * BAD, *(run_value(number) for number in range(10))])
    eventually(lambda: f"{RUNS}-0 stopped" in _not_ready(ports), 60, "/ready tells")
    _publish(stack.bootstrap, 1, [run_value(number) for number in range(100, 150)])
    eventually(lambda: _runs(stack) == 50, 60, "the other partition's runs")
    listed = _run(stack.environment, "dlq", "resume")
    assert (listed.returncode, listed.stdout.count("it stands before offset")) == (0, 1), listed
    assert "is not stopped" in _run(stack.environment, "dlq", "resume", RUNS, "1").stdout
    assert f"{RUNS}-0 stopped" in _not_ready(ports)
    assert _runs(stack) == 50
    resumed = _run(stack.environment, "dlq", "resume", RUNS, "0")
    assert (resumed.returncode, "goes on" in resumed.stdout) == (0, True), resumed
    eventually(lambda: _runs(stack) == 60, 60, "the runs behind the bad records")
    eventually(lambda: "stopped" not in _not_ready(ports), 60, "ready again")
    assert _run(stack.environment, "dlq", "resume", "--all").stdout == "no partition is stopped\n"
    assert len(_run(stack.environment, "dlq", "list", "--limit", "1000").stdout.splitlines()) == BAD
    proven = _run(stack.environment, "verify")
    assert proven.returncode == 0, proven.stdout


def test_a_local_stack(tmp_path: Path) -> None:
    assert "no broker runs" in _run(free_ports(tmp_path / "none"), "dlq", "resume").stderr
    with local_stack(tmp_path) as stack:
        _stop_and_resume(stack, [stack.environment["RUNTALLY_CONSUMER_PORT"]])


@pytest.mark.usefixtures("native_servers")
def test_servers_with_two_consumers_one_of_which_is_asked_by_nobody(tmp_path: Path) -> None:
    with server_stack(tmp_path) as stack, ExitStack() as second:
        port = free_ports(tmp_path)["RUNTALLY_CONSUMER_PORT"]
        process = start(["consume"], {**stack.environment, "RUNTALLY_CONSUMER_PORT": port}, tmp_path / "second.log")
        second.callback(stop, process)
        wait_ready(process, f"http://127.0.0.1:{port}", tmp_path / "second.log")
        _stop_and_resume(stack, [stack.environment["RUNTALLY_CONSUMER_PORT"], port])


def test_a_place_is_named_whole_or_not_at_all(tmp_path: Path) -> None:
    for wrong in (["resume", RUNS], ["resume", RUNS, "0", "--all"]):
        assert _run(free_ports(tmp_path), "dlq", *wrong).returncode == 2

"""`runtally replay` where something runs: no answer changes, and what was lost in the store comes back."""

import asyncio
import re
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from backends.waiting import eventually
from consumer.samples import FEEDBACK, NOT_JSON, RUNS, feedback_value, run_value
from integration.stacks import RUNTALLY, RunningStack, local_stack, server_stack
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation
from runtally_clickhouse.rollup_levels import LEVELS

RANGE = {"from": "2026-08-01", "to": "2026-08-03"}


def _run(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*RUNTALLY, *arguments], env=dict(environment), capture_output=True, text=True, timeout=120, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def _replay(stack: RunningStack, *arguments: str) -> dict[str, list[int]]:
    """The numbers of each topic's line: records, added, superseded, stored, dead."""
    done = _run(stack.environment, "replay", *arguments)
    assert done.returncode == 0, done
    lines = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    return {topic: [int(number) for number in re.findall(r"\d+", rest)] for topic, rest in lines.items()}


def _publish(bootstrap: str, topic: str, values: Sequence[bytes]) -> None:
    async def publish() -> None:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=20) as producer:
            sent = [await producer.send(topic, value, partition=n % 3) for n, value in enumerate(values)]
            await asyncio.gather(*sent)

    asyncio.run(publish())


def _answer(stack: RunningStack) -> Any:
    with stack.client() as client:
        answer = client.get("/api/agents/analytics", params=RANGE).json()
    return {name: part for name, part in answer.items() if name != "meta"}


def _fill(stack: RunningStack) -> Any:
    _publish(
        stack.bootstrap, RUNS, [*(run_value(n, "running") for n in range(50)), *(run_value(n) for n in range(200))]
    )
    _publish(stack.bootstrap, RUNS, [NOT_JSON] * 3)
    _publish(stack.bootstrap, FEEDBACK, [feedback_value(n) for n in range(5)])
    eventually(lambda: _answer(stack)["totals"]["status_counts"]["succeeded"] == 200, 60, "all runs in the answers")
    eventually(lambda: len(_run(stack.environment, "dlq", "list").stdout.splitlines()) == 3, 60, "the dead letters")
    return _answer(stack)


def test_a_local_stack(tmp_path: Path) -> None:
    with local_stack(tmp_path) as stack:
        before = _fill(stack)
        dry = _replay(stack, "--from", "0", "--dry-run")
        assert dry[RUNS] == [253, 0, 0, 250, 3]
        assert _replay(stack, "--from", "2026-01-01") == dry
        assert _replay(stack, "--from", "2999-01-01", "--topic", RUNS) == {RUNS: [0, 0, 0, 0, 0]}
        assert _replay(stack, "--from", "0", "--to", "10", "--topic", RUNS, "--partition", "0") == {
            RUNS: [10, 0, 0, 10, 0]
        }
        assert _answer(stack) == before
        assert _run(stack.environment, "verify").returncode == 0


@pytest.mark.usefixtures("native_servers")
def test_servers_three_times_from_the_beginning_and_after_a_loss(tmp_path: Path) -> None:
    with server_stack(tmp_path) as stack:
        before = _fill(stack)
        letters = _run(stack.environment, "dlq", "list").stdout
        unchanged = {RUNS: [253, 0, 0, 250, 3], FEEDBACK: [5, 0, 0, 5, 0]}
        for _ in range(3):
            assert _replay(stack, "--from", "0").items() >= unchanged.items()
            assert _answer(stack) == before
        assert _run(stack.environment, "dlq", "list").stdout == letters
        with closing(Store(StoreLocation.server(stack.environment["RUNTALLY_CLICKHOUSE_URL"]))) as store:
            store.command("TRUNCATE TABLE agent_runs")
            for level in LEVELS:  # what was rolled up by now would still answer
                store.command(f"TRUNCATE TABLE {level.published}")
        assert _answer(stack) != before
        dry = _replay(stack, "--from", "2026-01-01", "--topic", RUNS, "--dry-run")
        assert dry == {RUNS: [253, 200, 0, 50, 3]}
        assert _answer(stack) != before
        assert _replay(stack, "--from", "2026-01-01", "--topic", RUNS) == dry
        assert _answer(stack) == before
        assert _run(stack.environment, "verify").returncode == 0

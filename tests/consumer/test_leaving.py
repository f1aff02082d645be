"""A consumer that is told to leave while its store has stopped to answer: gone within its budget, nothing committed."""

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from backends.clickhouse_native import ClickHouseOptions, NativeClickHouse
from backends.waiting import eventually
from consumer.samples import RUNS
from consumer.stack import Stack
from integration.stacks import RUNTALLY, free_ports, start, wait_ready
from runtally.connection import KafkaConnection
from runtally_cli.local.kafka import KafkaBroker
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation
from runtally_consumer.settings import ConsumerSettings
from runtally_consumer.threads import in_daemon_thread

DRAIN_SECONDS = 2
# An insert gives up after 130 s: leaving must not wait for that. Generous for a busy machine.
LEAVING_SECONDS = 40


def test_a_consumer_whose_insert_hangs_leaves_within_its_budget(
    private_kafka: KafkaBroker,
    private_clickhouse: Callable[[ClickHouseOptions | None], NativeClickHouse],
    tmp_path: Path,
) -> None:
    server = private_clickhouse(None)
    log = tmp_path / "consume.log"
    environment = {
        **free_ports(tmp_path),
        "RUNTALLY_KAFKA_BOOTSTRAP": private_kafka.bootstrap,
        "RUNTALLY_CLICKHOUSE_URL": server.url,
        "RUNTALLY_DRAIN_SECONDS": str(DRAIN_SECONDS),
        "RUNTALLY_LINGER_MS": "50",
    }
    subprocess.run([*RUNTALLY, "migrate"], env=environment, capture_output=True, timeout=60, check=True)
    process = start(["consume"], environment, log)
    health = f"http://127.0.0.1:{environment['RUNTALLY_CONSUMER_PORT']}"
    try:
        wait_ready(process, health, log)
        assert server.pid is not None
        store = Store(StoreLocation.server(server.url))
        stack = Stack(KafkaConnection(private_kafka.bootstrap), store, ConsumerSettings())
        # Its partitions are placed, which asks the store, before that falls silent.
        asyncio.run(stack.produce(RUNS, stack.runs(0, 10)))
        eventually(lambda: _committed(stack) == 10, 60, "the first ten committed")
        os.kill(server.pid, signal.SIGSTOP)  # connections are accepted, and never answered
        asyncio.run(stack.produce(RUNS, stack.runs(10, 20)))
        eventually(lambda: _buffer_bytes(health) > 0, 30, "records held")
        process.send_signal(signal.SIGTERM)
        assert process.wait(LEAVING_SECONDS) == 0, log.read_text()
        assert "left with records unwritten" in log.read_text()
        os.kill(server.pid, signal.SIGCONT)
        assert _committed(stack) == 10
        store.close()
    finally:
        process.kill()
        process.wait()


def _committed(stack: Stack) -> int:
    return sum(offset or 0 for offset in asyncio.run(stack.committed()).values())


def test_what_the_call_returns_or_raises_arrives() -> None:
    def fail() -> None:
        raise ValueError("told")

    async def story() -> None:
        assert await in_daemon_thread(divmod, 7, 2) == (3, 1)
        with pytest.raises(ValueError, match="told"):
            await in_daemon_thread(fail)

    asyncio.run(story())


def test_a_loop_ends_without_a_call_that_does_not_and_its_late_answer_disturbs_nobody() -> None:
    release = threading.Event()

    def hang() -> None:
        release.wait(60)

    async def story() -> None:
        hanging = asyncio.create_task(in_daemon_thread(hang))
        await asyncio.sleep(0)
        hanging.cancel()

    asyncio.run(story())
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "runtally-hang"]
    assert thread.daemon
    release.set()
    thread.join(60)
    assert not thread.is_alive()


def _buffer_bytes(health: str) -> float:
    lines = httpx.get(f"{health}/metrics", timeout=5).text.splitlines()
    (held,) = [line for line in lines if line.startswith("runtally_consumer_buffer_bytes ")]
    return float(held.split()[1])

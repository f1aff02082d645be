"""From Kafka into ClickHouse: Runtally with everything on against ClickHouse's own Kafka engine. Prints JSON lines.

Native Kafka and native ClickHouse, the same messages, the same table. Hypothesis: Runtally, with its checks,
versions, marks, ledger and commits, is at least twice as fast as the engine at its best of one and two consumers.
The two take turns, so that what else the machine does hits both; Runtally's figure is the median of its turns,
the engine's the best of its own. Before that, how fresh the answers are, and what a slow store does to memory.
Ends with 0 only when each of the runs was counted exactly once, in every turn.

    python tests/benchmarks/bench_ingest.py [--messages 1000000]
    python tests/benchmarks/bench_ingest.py --engine-sets    (the sets of settings that the engine's were chosen from)
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from backends.clickhouse_native import ClickHouseOptions, NativeClickHouse
from benchmarks import ingest_engine
from benchmarks.ingest_freshness import freshness
from benchmarks.ingest_load import PARTITIONS, Expected, publish
from runtally.connection import KafkaConnection
from runtally_cli.local import ports
from runtally_cli.local.kafka import KafkaBroker, KafkaOptions
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation
from runtally_clickhouse.migrations import create_database, migrate
from runtally_consumer.settings import ConsumerSettings
from runtally_consumer.topics import TopicLayout, create_topics

TOPIC = "agent-runs.v1"
# The turns: the engine's number of consumers, 0 is Runtally.
TURNS = (0, 2, 0, 1, 0, 2, 0)
LIMIT_SECONDS = 600.0
UNMARKED = """
    SELECT uniqExact(toStartOfFifteenMinutes(started_at)) AS buckets FROM agent_runs
    WHERE toStartOfFifteenMinutes(started_at) NOT IN (SELECT bucket FROM bucket_changes)
"""
SLOW_INSERT_SECONDS = 2.0
SLOW_SECONDS = 15.0
# The library has the pools of a command-line tool: with these the Kafka engine has threads to run in.
THREADS = """
  <background_schedule_pool_size>16</background_schedule_pool_size>
  <background_message_broker_schedule_pool_size>16</background_message_broker_schedule_pool_size>
  <background_buffer_flush_schedule_pool_size>4</background_buffer_flush_schedule_pool_size>
"""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Servers:
    """The servers, and what was published."""

    broker: KafkaBroker
    clickhouse: NativeClickHouse
    expected: Expected
    ends: dict[int, int]

    async def until_committed(self, group: str, began: float) -> float:
        """The seconds from `began` until the group has committed all."""
        async with admin(self.broker.bootstrap) as client:
            while time.monotonic() - began < LIMIT_SECONDS:
                if await self._lag(client, group) == 0:
                    return time.monotonic() - began
                await asyncio.sleep(0.05)
        raise TimeoutError(f"{group} had not committed all within {LIMIT_SECONDS:g} s")

    async def _lag(self, client: Any, group: str) -> int:
        places = {number: TopicPartition(TOPIC, number) for number in self.ends}
        committed = await client.list_consumer_group_offsets(group, partitions=list(places.values()))
        done = {place.partition: one.offset for place, one in committed.items()}
        return sum(end - max(0, done.get(number, 0)) for number, end in self.ends.items())

    def cpu(self) -> dict[str, float]:
        return {"clickhouse": cpu_seconds(self.clickhouse.pid), "kafka": cpu_seconds(self.broker.pid)}


@dataclass
class Outcome:
    """One contestant's run: how long it took, whether the table holds what it must, and what else there is to say."""

    seconds: float
    exact: bool
    told: dict[str, object] = field(default_factory=dict)


@asynccontextmanager
async def admin(bootstrap: str) -> AsyncIterator[Any]:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def until_groups_work(bootstrap: str) -> None:
    """The first question about a group makes the broker's own topic for offsets: that is nobody's time."""
    async with admin(bootstrap) as client:
        while True:
            with suppress(KafkaError):
                await client.list_consumer_group_offsets("nobody")
                return
            await asyncio.sleep(0.1)


def cpu_seconds(pid: int | None) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def database(servers: Servers, name: str) -> Iterator[Store]:
    """A store with the schema. Dropped at the end, so that its merges are nobody else's burden."""
    location = StoreLocation.server(f"{servers.clickhouse.url}/{name}")
    create_database(location)
    store = Store(location, max_execution_seconds=120)
    try:
        migrate(store)
        yield store
        store.command(f"DROP DATABASE {name} SYNC")
    finally:
        store.close()


async def measured(servers: Servers, run: Callable[[Store], Awaitable[float]], store: Store) -> Outcome:
    before = servers.cpu()
    seconds = await run(store)
    cpu = {name: round(after - before[name], 2) for name, after in servers.cpu().items()}
    found = store.query(servers.expected.question("agent_runs"), {})[0]
    parts = store.unmerged("SELECT count() AS n FROM system.parts WHERE database = currentDatabase() AND active")
    exact = found == servers.expected.row()
    told: dict[str, object] = {"seconds": round(seconds, 2), "server_cpu_s": cpu, "parts": parts[0]["n"]}
    if not exact:
        told |= {"found": found, "expected": servers.expected.row()}
    return Outcome(seconds, exact, told)


@asynccontextmanager
async def consumer(servers: Servers, name: str, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A consumer in a process of its own, put together and waiting for a line."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("ingest_consumer.py")),
        servers.broker.bootstrap,
        f"{servers.clickhouse.url}/{name}",
        *options,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "RUNTALLY_CONSUMER_GROUP": name},
    )
    assert child.stdout is not None
    try:
        while (line := await child.stdout.readline()) != b"ready\n":
            assert line, "the consumer ended before it began"
        yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def tell(child: asyncio.subprocess.Process, line: bytes) -> None:
    assert child.stdin is not None
    child.stdin.write(line)
    await child.stdin.drain()


async def last_words(child: asyncio.subprocess.Process) -> dict[str, Any]:
    await tell(child, b"stop\n")
    assert child.stdout is not None
    *_, last = (await child.stdout.read()).splitlines()
    await child.wait()
    said: dict[str, Any] = json.loads(last)
    return said


async def run_runtally(servers: Servers, group: str) -> Outcome:
    details: dict[str, Any] = {}

    async def run(store: Store) -> float:
        async with consumer(servers, group) as child:
            began = time.monotonic()
            await tell(child, b"go\n")
            seconds = await servers.until_committed(group, began)
            details.update(await last_words(child))
        return seconds

    with database(servers, group) as store:
        outcome = await measured(servers, run, store)
        covered = store.query("SELECT sum(accepted) AS accepted, sum(dead) AS dead FROM ingest_ledger", {})[0]
        outcome.exact &= covered == {"accepted": servers.expected.messages, "dead": 0}
        outcome.exact &= store.query(UNMARKED, {})[0]["buckets"] == 0
    outcome.told |= details
    return outcome


async def memory_under_a_slow_store(servers: Servers) -> dict[str, object]:
    """What a consumer holds whose store takes its time, with all messages there to be read."""
    with database(servers, "slow"):
        async with consumer(servers, "slow", str(SLOW_INSERT_SECONDS)) as child:
            await tell(child, b"go\n")
            await asyncio.sleep(SLOW_SECONDS)
            memory = (await last_words(child))["memory"]
    budget = ConsumerSettings().buffer_bytes // 1024 // 1024
    within = memory["held_mb"] <= budget
    return {"bench": "ingest_memory", "insert_s": SLOW_INSERT_SECONDS, "budget_mb": budget, "within": within, **memory}


async def run_engine(servers: Servers, group: str, consumers: int, settings: str) -> Outcome:
    async def run(store: Store) -> float:
        ingest_engine.create_queue(store, servers.broker.bootstrap, TOPIC, group, consumers, settings)
        began = time.monotonic()
        ingest_engine.start_reading(store)
        seconds = await servers.until_committed(group, began)
        store.command("DROP VIEW runs_view SYNC")
        store.command("DROP TABLE runs_queue SYNC")
        return seconds

    with database(servers, group) as store:
        return await measured(servers, run, store)


async def compare(servers: Servers) -> bool:
    """Print a line for each turn, and the comparison last. Returns whether all were exact."""
    seconds: dict[int, list[float]] = {consumers: [] for consumers in sorted(set(TURNS))}
    exact = True
    for turn, consumers in enumerate(TURNS, start=1):
        if consumers:
            who = f"kafka_engine_{consumers}"
            outcome = await run_engine(servers, f"turn_{turn}", consumers, ingest_engine.CHOSEN)
        else:
            who = "runtally"
            outcome = await run_runtally(servers, f"turn_{turn}")
        seconds[consumers].append(outcome.seconds)
        exact &= outcome.exact
        say({"bench": "ingest_split", "turn": turn, "who": who, "exact": outcome.exact, **outcome.told})
    messages = servers.expected.messages
    own = messages / statistics.median(seconds.pop(0))
    rates = {str(consumers): messages / min(turns) for consumers, turns in seconds.items()}
    say(
        {
            "bench": "ingest",
            "messages": messages,
            "runtally_per_s": round(own),
            "kafka_engine_per_s": {name: round(rate) for name, rate in rates.items()},
            "ratio": round(own / max(rates.values()), 2),
        }
    )
    return exact


async def compare_engine_sets(servers: Servers) -> bool:
    """Print a line for each set of the engine's settings and each number of consumers."""
    exact = True
    for name in ingest_engine.SETS:
        for consumers in (1, 2):
            outcome = await run_engine(servers, f"{name}_{consumers}", consumers, name)
            exact &= outcome.exact
            rate = round(servers.expected.messages / outcome.seconds)
            told = {"settings": name, "consumers": consumers, "per_s": rate, "exact": outcome.exact, **outcome.told}
            say({"bench": "ingest_engine_sets", **told})
    return exact


def say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def main(messages: int, engine_sets: bool) -> int:
    if not engine_sets:
        with tempfile.TemporaryDirectory(prefix="bench-freshness-") as folder:
            say(await asyncio.to_thread(freshness, Path(folder)))
    with tempfile.TemporaryDirectory(prefix="bench-ingest-") as folder, ExitStack() as stack:
        properties = {"group.initial.rebalance.delay.ms": "0"}
        broker = stack.enter_context(
            KafkaBroker(Path(folder, "kafka"), ports.pick_free(), KafkaOptions(heap_mb=1024, properties=properties))
        )
        clickhouse = NativeClickHouse(
            Path(folder, "clickhouse"), ClickHouseOptions(memory_mb=6000, extra_config=THREADS)
        )
        stack.callback(clickhouse.kill)
        clickhouse.start()
        await create_topics(KafkaConnection(bootstrap=broker.bootstrap), TopicLayout(partitions=PARTITIONS))
        await until_groups_work(broker.bootstrap)
        expected, ends = await publish(broker.bootstrap, TOPIC, messages)
        servers = Servers(broker, clickhouse, expected, ends)
        if engine_sets:
            return 0 if await compare_engine_sets(servers) else 1
        say(await memory_under_a_slow_store(servers))
        return 0 if await compare(servers) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--engine-sets", action="store_true")
    arguments = parser.parse_args()
    sys.exit(asyncio.run(main(arguments.messages, arguments.engine_sets)))

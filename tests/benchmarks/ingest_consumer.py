"""The consumer of the ingest benchmark, in a process of its own.

Says "ready" once it is put together, starts on a line of its standard input, drains at its end, and then says
in one line of JSON where its time and memory went.
`python ingest_consumer.py BOOTSTRAP STORE_URL [SECONDS]`: so long each insert waits before it begins.
"""

import asyncio
import json
import os
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
from runtally.connection import KafkaConnection
from runtally_clickhouse.client import Store, check_writes_count_twice
from runtally_clickhouse.location import StoreLocation
from runtally_clickhouse.migrations import require_schema
from runtally_consumer.composition import compose_consumer
from runtally_consumer.settings import ConsumerSettings

_TICKS = os.sysconf("SC_CLK_TCK")


class SlowStore(Store):
    """A store that is slow to take what it is given."""

    def __init__(self, location: StoreLocation, seconds: float) -> None:
        super().__init__(location)
        self.seconds = 0.0
        self._seconds_when_slow = seconds

    def slow_down(self) -> None:
        self.seconds = self._seconds_when_slow

    def insert(self, table: str, rows: pa.Table) -> None:
        time.sleep(self.seconds)
        super().insert(table, rows)


async def consume(bootstrap: str, url: str, slow_seconds: float) -> None:
    store = SlowStore(StoreLocation.server(url), slow_seconds)
    require_schema(store)
    check_writes_count_twice(store)
    async with compose_consumer(KafkaConnection(bootstrap=bootstrap), store, ConsumerSettings()) as parts:
        before = {"process": time.process_time(), **cpu_by_thread()}
        store.slow_down()
        say("ready")
        await asyncio.to_thread(sys.stdin.readline)
        running = asyncio.create_task(parts.consumer.run())
        stopping = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
        memory = {"start_mb": memory_mb("VmRSS"), "held_mb": 0}
        while not (running.done() or stopping.done()):
            held = next(iter(parts.metrics.buffer_bytes.collect())).samples[0].value
            memory["held_mb"] = max(memory["held_mb"], round(held / 1024 / 1024))
            await asyncio.sleep(0.1)
        after = {"process": time.process_time(), **cpu_by_thread()}
        cpu = {name: seconds - before[name] for name, seconds in after.items()}
        parts.consumer.stop()
        await running
        steps = {
            sample.labels["step"]: sample.value
            for metric in parts.metrics.step_seconds.collect()
            for sample in metric.samples
            if sample.name.endswith("_total")
        }
    store.close()
    say(
        json.dumps(
            {"wall_s": rounded(steps), "cpu_s": rounded(cpu), "memory": {**memory, "peak_mb": memory_mb("VmHWM")}}
        )
    )


def cpu_by_thread() -> dict[str, float]:
    """CPU of the thread that polls, decides and commits; of those that decode and insert; and of pyarrow's."""
    ours = {thread.native_id for thread in threading.enumerate()}
    seconds = {"event_loop": 0.0, "writers": 0.0, "libraries": 0.0}
    for folder in Path("/proc/self/task").iterdir():
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        main = int(folder.name) == os.getpid()
        kind = "event_loop" if main else "writers" if int(folder.name) in ours else "libraries"
        seconds[kind] += (int(fields[11]) + int(fields[12])) / _TICKS
    return seconds


def memory_mb(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(name + ":")[2].split()[0]) // 1024


def rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(figure, 2) for name, figure in figures.items()}


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(consume(sys.argv[1], sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 0.0))

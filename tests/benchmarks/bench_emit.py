"""What emitting costs an agent, while its broker is well, slow or away. Prints JSON lines.

Hypothesis: an emit costs the agent's thread less than 20 µs at p99 whatever the broker does, as checks, encoding
and sending happen in the background; and the buffer's memory stays under its bound.

    python tests/benchmarks/bench_emit.py [RUNS]
"""

import asyncio
import gc
import json
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from runtally import (
    EmitterSettings,
    KafkaConnection,
    KafkaTransport,
    Receipt,
    Record,
    Run,
    RunEmitter,
    TransportUnavailable,
)
from runtally.transport import Transport

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
WARM_UP = 500
MEGABYTE = 1024 * 1024


class Instant:
    """Delivers at once and keeps nothing."""

    async def send(self, records: Sequence[Record]) -> Receipt:
        return Receipt()

    async def close(self) -> None:
        pass

    def after_fork(self) -> None:
        pass


class Slow(Instant):
    """Needs a second for each batch."""

    async def send(self, records: Sequence[Record]) -> Receipt:
        await asyncio.sleep(1.0)
        return Receipt()


class Away(Instant):
    async def send(self, records: Sequence[Record]) -> Receipt:
        raise TransportUnavailable("away")


def describe(run: Run) -> None:
    run.update(provider="openai", model="gpt-5", session_id="s-1", user_id="u-1", input_tokens=1200, output_tokens=300)
    run.update(cost_usd="0.0123", llm_calls=2, tool_calls=3, tags={"team": "ops", "tier": "gold"})


def emitter_over(transport: Transport, **given: Any) -> RunEmitter:
    quiet: dict[str, Any] = {"flush_seconds": 0.0, "workspace_id": "acme", "agent_id": "planner", "environment": "prod"}
    return RunEmitter(EmitterSettings(**(quiet | given)), transport=transport)


def measure(name: str, emit: Callable[[], object], pause: float = 0.0) -> None:
    """Time each call; in the `pause` between two of them an agent waits for its model."""
    for _ in range(WARM_UP):
        emit()
    times, own = [], []
    for _ in range(RUNS if not pause else RUNS // 4):
        if pause:
            time.sleep(pause)
        before, own_before = time.perf_counter_ns(), time.thread_time_ns()
        emit()
        own.append(time.thread_time_ns() - own_before)
        times.append(time.perf_counter_ns() - before)
    times.sort()
    own.sort()
    report(
        name,
        p50_us=times[len(times) // 2] / 1000,
        p99_us=times[len(times) * 99 // 100] / 1000,
        p999_us=times[len(times) * 999 // 1000] / 1000,
        own_cpu_p50_us=own[len(own) // 2] / 1000,
        own_cpu_p99_us=own[len(own) * 99 // 100] / 1000,
    )


def report(name: str, **figures: Any) -> None:
    rounded = {key: round(value, 2) if isinstance(value, float) else value for key, value in figures.items()}
    sys.stdout.write(json.dumps({"bench": name, **rounded}) + "\n")
    sys.stdout.flush()


def emits(spool: Path) -> None:
    cases: list[tuple[str, Transport, dict[str, Any]]] = [
        ("well, drop", Instant(), {}),
        ("slow, drop", Slow(), {}),
        ("away, drop", Away(), {}),
        ("away, drop, full buffer", Away(), {"buffer_bytes": MEGABYTE}),
        ("away, spool", Away(), {"overflow": "spool", "spool_dir": spool}),
    ]
    for name, transport, given in cases:
        for pace, pause in (("flat out", 0.0), ("1 000 a second", 0.001)):
            emitter = emitter_over(transport, **given)
            run = emitter.run().start()
            describe(run)
            measure(f"emit, {name}, {pace}", run.publish, pause)
            stats = emitter.stats
            report(f"after {name}, {pace}", sent=stats.sent, dropped=stats.dropped, spooled=stats.spooled)
            emitter.close(0.0)


def control() -> None:
    """What the machine itself does to so short a piece of work, for comparison."""
    fields = dict.fromkeys("abcdefghijklmnopqrst", 1)
    for pace, pause in (("flat out", 0.0), ("1 000 a second", 0.001)):
        measure(f"control: copy a dictionary, {pace}", fields.copy, pause)


def whole_runs() -> None:
    emitter = emitter_over(Away())

    def one() -> None:
        with emitter.run() as run:
            describe(run)

    measure("a whole run (two snapshots, two updates), away", one)
    emitter.close(0.0)


def throughput(bootstrap: str | None) -> None:
    transport: Transport = KafkaTransport(KafkaConnection(bootstrap=bootstrap)) if bootstrap else Instant()
    emitter = emitter_over(transport, overflow="block")
    run = emitter.run().start()
    describe(run)
    emitter.flush(30)
    before, cpu_before = time.perf_counter(), time.process_time()
    for _ in range(RUNS):
        run.publish()
    emitter.flush(120)
    seconds, cpu = time.perf_counter() - before, time.process_time() - cpu_before
    to = f"Kafka at {bootstrap}" if bootstrap else "nowhere"
    report(f"throughput to {to}", snapshots_per_second=RUNS / seconds, snapshots_per_cpu_second=RUNS / cpu)
    emitter.close(5.0)


def memory() -> None:
    bound = 16 * MEGABYTE
    emitter = emitter_over(Away(), buffer_bytes=bound)
    run = emitter.run().start()
    describe(run)
    gc.collect()
    tracemalloc.start()
    while not emitter.stats.dropped:
        run.update(error_message=f"{time.perf_counter_ns()} {'x' * 100}", trace_id=f"{time.perf_counter_ns():040}")
        run.publish()
    gc.collect()
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    stats = emitter.stats
    report(
        "memory of a full buffer",
        bound_mb=bound / MEGABYTE,
        counted_mb=stats.buffer_bytes / MEGABYTE,
        held_mb=held / MEGABYTE,
        peak_mb=peak / MEGABYTE,
        snapshots=stats.buffered,
    )
    emitter.close(0.0)


def main() -> None:
    import logging

    logging.getLogger("runtally").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as spool:
        emits(Path(spool))
    control()
    whole_runs()
    memory()
    throughput(None)
    with tempfile.TemporaryDirectory() as folder:
        from runtally_cli.local import ports
        from runtally_cli.local.tansu import TansuBroker

        with TansuBroker(Path(folder), ports.pick_free()) as broker:
            throughput(broker.bootstrap)
    from benchmarks.post_latency import measure_posts

    report("POST /api/v1/runs at ten clients", **measure_posts(2000))


if __name__ == "__main__":
    main()

"""How soon a run can be asked for, under a steady load: from the broker's acknowledgement to the API's answer."""

import asyncio
import json
import math
import time
from pathlib import Path

import httpx
from aiokafka import AIOKafkaProducer
from benchmarks.bench_decode import run_messages
from integration.stacks import RunningStack, server_stack

RUNS_PER_SECOND = 5_000
SECONDS = 20
TARGET_SECONDS = 2.0
_SENDS_PER_SECOND = 50
_PROBE_EVERY = 1_000
_ASK_AGAIN_SECONDS = 0.05
_LOST_SECONDS = 30.0


def freshness(folder: Path) -> dict[str, object]:
    """Whole services over native servers; what is told is the API's answer to a question for one run."""
    with server_stack(folder) as stack:
        delays = sorted(asyncio.run(_measure(stack)))
    return {
        "bench": "ingest_freshness",
        "runs_per_s": RUNS_PER_SECOND,
        "probes": len(delays),
        "p50_s": round(delays[len(delays) // 2], 2),
        "p99_s": round(delays[math.ceil(len(delays) * 0.99) - 1], 2),
        "max_s": round(delays[-1], 2),
        "target_p99_s": TARGET_SECONDS,
    }


async def _measure(stack: RunningStack) -> list[float]:
    """The delay of each probe: one run in so many, asked for until it is there."""
    runs = run_messages(RUNS_PER_SECOND * SECONDS)
    values = [json.dumps(run, separators=(",", ":")).encode() for run in runs]
    probes: list[asyncio.Task[float]] = []
    step = RUNS_PER_SECOND // _SENDS_PER_SECOND
    async with (
        AIOKafkaProducer(
            bootstrap_servers=stack.bootstrap, acks="all", compression_type="lz4", linger_ms=5
        ) as producer,
        httpx.AsyncClient(base_url=stack.api_url, timeout=30) as api,
    ):
        began = time.monotonic()
        for turn, start in enumerate(range(0, len(runs), step)):
            await asyncio.sleep(max(0.0, began + turn / _SENDS_PER_SECOND - time.monotonic()))
            for at in range(start, start + step):
                run_id = str(runs[at]["run_id"])
                sent = await producer.send("agent-runs.v1", values[at], key=run_id.encode())
                if at % _PROBE_EVERY == _PROBE_EVERY - 1:
                    probes.append(asyncio.create_task(_delay(api, run_id, sent)))
        return await asyncio.gather(*probes)


async def _delay(api: httpx.AsyncClient, run_id: str, sent: "asyncio.Future[object]") -> float:
    await sent
    acknowledged = time.monotonic()
    while time.monotonic() - acknowledged < _LOST_SECONDS:
        answer = await api.get(f"/api/v1/runs/{run_id}")
        if answer.status_code == httpx.codes.OK:
            return time.monotonic() - acknowledged
        await asyncio.sleep(_ASK_AGAIN_SECONDS)
    raise TimeoutError(f"run {run_id} was acknowledged, and is not there after {_LOST_SECONDS:g} s")

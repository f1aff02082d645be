"""How long `POST /api/v1/runs` takes at ten clients at once: each request is one run, acknowledged by the broker."""

import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from integration.stacks import RunningStack, local_stack

CLIENTS = 10
TARGET_P99_MS = 50.0


def measure_posts(requests: int) -> dict[str, Any]:
    """The measurement over a local stack of its own; `requests` in all, after as many again to warm up."""
    with tempfile.TemporaryDirectory() as folder, local_stack(Path(folder)) as stack:
        _post_all(stack, requests, "warm")
        started = time.perf_counter()
        milliseconds = sorted(_post_all(stack, requests, "run"))
        elapsed = time.perf_counter() - started
    p99 = milliseconds[int(len(milliseconds) * 0.99)]
    return {
        "clients": CLIENTS,
        "requests": len(milliseconds),
        "requests_per_s": round(len(milliseconds) / elapsed),
        "p50_ms": round(statistics.median(milliseconds), 2),
        "p99_ms": round(p99, 2),
        "target_p99_ms": TARGET_P99_MS,
        "met": p99 < TARGET_P99_MS,
    }


def _post_all(stack: RunningStack, requests: int, prefix: str) -> list[float]:
    together = threading.Barrier(CLIENTS)

    def client(number: int) -> list[float]:
        found = []
        with httpx.Client(base_url=stack.api_url, timeout=30) as http:
            together.wait()
            for count in range(requests // CLIENTS):
                run = {
                    "run_id": f"{prefix}-{number}-{count}",
                    "workspace_id": "bench",
                    "agent_id": "poster",
                    "status": "succeeded",
                    "started_at": "2026-11-01T00:00:00Z",
                    "input_tokens": count,
                }
                began = time.perf_counter()
                response = http.post("/api/v1/runs", json=run)
                found.append((time.perf_counter() - began) * 1000)
                if response.status_code != 202:
                    raise RuntimeError(response.text)
        return found

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [one for each in pool.map(client, range(CLIENTS)) for one in each]

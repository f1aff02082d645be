"""Each panel of the dashboard through the API, out of rollups and out of raw rows. Prints JSON lines.

Native ClickHouse; 30 million runs in 50 workspaces made inside the store, one in a hundred written again late, then
rolled up by the product's own recomputation. Hypothesis: cells make a panel at least five times faster than FINAL over
the raw rows, and ten times the runs cost less than 1.5 times the time. Nothing is answered from memory here: the API is
composed without its cache; only the state of the buckets is kept between questions, while nothing is written.
`after_change` are questions that have to work the state out, as the first one after each batch has. Ends with 0 only
when each panel's answer equals the raw one, and each target is met: those for times hold at 30 million runs, and for
the panels that cells of days answer.
With `--baseline postgres`, or BASELINE=postgres, the same panels in PostgreSQL as well, at 10 million runs.

    python tests/benchmarks/bench_query.py [--runs 30000000] [--turns 40] [--baseline postgres]
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from api.asgi_client import running
from api.door import StoringPublisher
from backends.clickhouse_native import ClickHouseOptions, NativeClickHouse
from benchmarks import postgres_baseline
from benchmarks.query_load import LARGEST, NOW
from benchmarks.rolled_up_store import rolled_up_store
from fastapi import FastAPI
from runtally_api.app import QUESTION_THREADS, make_app
from runtally_api.dependencies import ApiParts
from runtally_api.identity.authentication import OpenDoor
from runtally_api.settings import ApiSettings
from runtally_clickhouse.client import Store
from runtally_clickhouse.measures.clean_buckets import CleanBuckets
from runtally_clickhouse.measures.kept_state import KeptState

DAYS = {"from": "2026-10-23", "to": "2026-11-21"}
LARGEST_MS, ALL_MS, CLIENTS_MS = 60.0, 150.0, 500.0
TIMES_FASTER, GROWTH = 5.0, 1.5
CLIENTS = 10
RUNS_OF_TARGETS = 30_000_000
RUNS_OF_BASELINE = 10_000_000
RAW_TURNS = 1  # after a first: those of all workspaces take up to half a minute


def _panel(*measures: str, by: tuple[str, ...] = (), granularity: str = "none", **more: Any) -> dict[str, Any]:
    time_asked = {**DAYS, "granularity": granularity}
    return {"measures": list(measures), "dimensions": list(by), "time": time_asked, **more}


PANELS: dict[str, dict[str, Any]] = {
    "tiles": _panel("runs", "success_rate", "avg_duration_ms", "p95_duration_ms", "total_tokens", "cost_usd"),
    "runs_by_day": _panel("runs", "succeeded", "errors", granularity="day"),
    "cost_by_agent_and_day": _panel("cost_usd", "runs", by=("agent_id",), granularity="day", limit=8),
    "busiest_agents": _panel("runs", "success_rate", "avg_duration_ms", "cost_usd", by=("agent_id",), limit=20),
    "latency_by_day": _panel("p50_duration_ms", "p95_duration_ms", "p99_duration_ms", granularity="day"),
    "errors_by_type": _panel("errors", by=("error_type",)),
    "models": _panel("runs", "total_tokens", "cost_usd", by=("model",)),
}

# What cells of days do not hold: hours of the week stand in those of hours, users in single runs only. Told beside the
# others, and compared with the raw truth like them, but without a target for their times.
BESIDE: dict[str, dict[str, Any]] = {
    "failures_by_hour_of_week": _panel("runs", "errors", by=("weekday", "hour"), limit=168),
    "users_with_errors": _panel("active_users", filters=[{"dimension": "has_error", "op": "in", "values": [True]}]),
}


@dataclass(frozen=True)
class Times:
    """The milliseconds of a panel's turns."""

    taken: list[float]

    @property
    def p50(self) -> float:
        return round(statistics.median(self.taken), 1)

    @property
    def p95(self) -> float:
        return round(sorted(self.taken)[max(0, -(-len(self.taken) * 95 // 100) - 1)], 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=RUNS_OF_TARGETS)
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--memory-mb", type=int, default=8000)
    parser.add_argument("--baseline", choices=("", "postgres"), default=os.environ.get("BASELINE", ""))
    parser.add_argument("--baseline-runs", type=int, default=RUNS_OF_BASELINE)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="runtally-bench-") as folder:
        server = NativeClickHouse(Path(folder), ClickHouseOptions(memory_mb=arguments.memory_mb))
        server.start()
        try:
            missed = _bench(server, arguments)
            if arguments.baseline:
                missed += _beside_postgres(server, arguments)
        finally:
            server.stop()
    if missed:
        _tell({"missed": missed})
    return 1 if missed else 0


def _bench(server: NativeClickHouse, arguments: argparse.Namespace) -> list[str]:
    whole = rolled_up_store(server, arguments.runs)
    missed: list[str] = []
    times = _measure(whole, arguments, missed)
    slow = _clients(whole, arguments.turns)
    missed += slow if _are_targets(arguments.runs) else []
    whole.close()
    tenth = rolled_up_store(server, arguments.runs // 10)
    small = _measure(tenth, arguments, missed, compare=False)
    tenth.close()
    ratio = statistics.median(times[name].p50 / small[name].p50 for name in times)
    _tell({"growth_of_ten_times_the_runs": round(ratio, 2), "target": GROWTH})
    if ratio > GROWTH and _are_targets(arguments.runs):
        missed.append(f"ten times the runs cost {ratio:.2f} times the time")
    return missed


def _tell(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _are_targets(runs: int) -> bool:
    """Whether the targets are about this size: below it, what does not depend on the size is most of the time."""
    return runs >= RUNS_OF_TARGETS


class Forgetting(KeptState):
    """As if something were marked before each question."""

    def clean(self, fingerprint: str, days: tuple[int, int], read: Callable[[], CleanBuckets]) -> CleanBuckets:
        return read()


@contextmanager
def _api(store: Store, *, use_rollups: bool = True, keeps_state: bool = True) -> Iterator[httpx.Client]:
    """The application as composed for production, but for the cache: with it the second turn would read nothing."""
    publisher = StoringPublisher(store)
    settings = ApiSettings(use_rollups=use_rollups)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> Any:
        with ThreadPoolExecutor(QUESTION_THREADS) as pool:
            app.state.parts = ApiParts(
                settings,
                store,
                publisher,
                (),
                lambda: NOW,
                pool=pool,
                authenticator=OpenDoor(),
                kept_state=KeptState() if keeps_state else Forgetting(),
            )
            yield

    with running(make_app(lifespan, settings)) as client:
        yield client


def _measure(
    store: Store, arguments: argparse.Namespace, missed: list[str], *, compare: bool = True
) -> dict[str, Times]:
    found: dict[str, Times] = {}
    with _api(store) as rolled_up, _api(store, keeps_state=False) as changed, _api(store, use_rollups=False) as raw:
        for workspace in (LARGEST, None):
            for name, body in {**PANELS, **(BESIDE if compare else {})}.items():
                asked = _of_workspace(body, workspace)
                told = f"{name} of {workspace or 'all'}"
                answer, cells = _asked(rolled_up, asked, RAW_TURNS if name in BESIDE else arguments.turns)
                if name in PANELS:
                    found[told] = cells
                line: dict[str, Any] = {"panel": name, "workspace": workspace or "all", "read": _read(answer["meta"])}
                line |= {"p50_ms": cells.p50, "p95_ms": cells.p95}
                _, after = _asked(changed, asked, max(1, arguments.turns // 4))
                line["after_change"] = {"p50_ms": after.p50, "p95_ms": after.p95}
                if compare:
                    truth, final = _asked(raw, asked, RAW_TURNS)
                    line |= {"raw_p50_ms": final.p50, "raw_p95_ms": final.p95, "equal": answer["data"] == truth["data"]}
                    line["times_faster"] = round(final.p50 / cells.p50, 1)
                    missed += _misses(told, line, arguments.runs)
                _tell(line)
    return found


def _beside_postgres(server: NativeClickHouse, arguments: argparse.Namespace) -> list[str]:
    """Each panel there and here, at the same size; here through the API."""
    missed = []
    store = rolled_up_store(server, arguments.baseline_runs)
    with postgres_baseline.running_postgres() as postgres, _api(store) as client:
        began = time.monotonic()
        postgres.load(server.url, store.location.database)
        _tell(
            {
                "baseline": "postgres",
                "runs": arguments.baseline_runs,
                "load_seconds": round(time.monotonic() - began, 1),
            }
        )
        for workspace in (LARGEST, None):
            for name, body in PANELS.items():
                answer, ours = _asked(client, _of_workspace(body, workspace), arguments.turns)
                rows, taken = postgres.ask(name, workspace, max(3, arguments.turns // 5))
                equal = postgres_baseline.equals(rows, answer["data"])
                theirs = Times(taken)
                line = {"baseline": "postgres", "panel": name, "workspace": workspace or "all", "equal": equal}
                line |= {"postgres_p50_ms": theirs.p50, "postgres_p95_ms": theirs.p95}
                line |= {"p50_ms": ours.p50, "p95_ms": ours.p95, "times_faster": round(theirs.p50 / ours.p50, 1)}
                _tell(line)
                missed += [] if equal else [f"{name} of {workspace or 'all'} differs from PostgreSQL"]
    store.close()
    return missed


def _read(meta: dict[str, Any]) -> dict[str, int]:
    """How many buckets of which width the answer came out of."""
    return {name: count for name, count in meta["buckets"].items() if count}


def _misses(told: str, line: dict[str, Any], runs: int) -> list[str]:
    found = [] if line["equal"] else [f"{told} differs from the raw truth"]
    if line["panel"] in BESIDE or not _are_targets(runs):
        return found
    target = LARGEST_MS if line["workspace"] == LARGEST else ALL_MS
    if line["p95_ms"] > target:
        found.append(f"{told}: p95 {line['p95_ms']} ms is over {target:g}")
    if line["times_faster"] < TIMES_FASTER:
        found.append(f"{told}: only {line['times_faster']} times faster than raw")
    return found


def _of_workspace(body: dict[str, Any], workspace: str | None) -> dict[str, Any]:
    if workspace is None:
        return body
    of_one = {"dimension": "workspace_id", "op": "in", "values": [workspace]}
    return {**body, "filters": [*body.get("filters", []), of_one]}


def _asked(client: httpx.Client, body: dict[str, Any], turns: int) -> tuple[dict[str, Any], Times]:
    """The answer, and the times of the turns after a first one."""
    answer = _post(client, body)
    taken = []
    for _ in range(turns):
        began = time.perf_counter()
        _post(client, body)
        taken.append((time.perf_counter() - began) * 1000)
    return answer, Times(taken)


def _post(client: httpx.Client, body: dict[str, Any]) -> dict[str, Any]:
    response = client.post("/api/v1/query", json=body)
    if response.status_code != 200:
        raise RuntimeError(f"{response.status_code}: {response.text[:500]}")
    answer: dict[str, Any] = response.json()
    return answer


def _clients(store: Store, turns: int) -> list[str]:
    """Ten at once, each asking all panels of the largest workspace."""
    bodies = [_of_workspace(body, LARGEST) for body in PANELS.values()]
    with _api(store) as client, ThreadPoolExecutor(CLIENTS) as pool:

        def one(number: int) -> list[float]:
            order = random.Random(number).sample(bodies, len(bodies)) * max(1, turns // 5)
            return [time_taken for body in order for time_taken in _asked_once(client, body)]

        times = Times([taken for told in pool.map(one, range(CLIENTS)) for taken in told])
    _tell({"clients": CLIENTS, "p50_ms": times.p50, "p95_ms": times.p95})
    return [f"{CLIENTS} clients: p95 {times.p95} ms"] if times.p95 > CLIENTS_MS else []


def _asked_once(client: httpx.Client, body: dict[str, Any]) -> Iterator[float]:
    began = time.perf_counter()
    _post(client, body)
    yield (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    sys.exit(main())

"""What one tenant's heavy questions do to another's, and what the row filters cost. Prints one JSON line.

Native ClickHouse with the deployment's users; runs of 50 workspaces, rolled up. A quiet tenant asks the dashboard's
panels, one after the other; a heavy one, the largest, asks for its users and sessions run by run, as many at once as it
may. They take turns: the quiet one alone, then beside the heavy one. Nothing is answered from memory. Hypothesis: the
quiet one's p95 stays within twice its quiet value. `--unfair` leaves turns and priorities out: what they are for.

    python tests/benchmarks/bench_tenants.py [--runs 3000000] [--turns 6] [--heavy 8] [--unfair]
"""

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from api.asgi_client import running
from api.door import StoringPublisher
from backends.clickhouse_native import ClickHouseOptions, NativeClickHouse
from backends.deployed_clickhouse import PASSWORDS, USERS
from benchmarks.bench_query import DAYS, PANELS, Times
from benchmarks.query_load import LARGEST, NOW
from benchmarks.rolled_up_store import rolled_up_store
from fastapi import FastAPI
from runtally_api.app import QUESTION_THREADS, make_app
from runtally_api.dependencies import ApiParts
from runtally_api.identity.caller import Caller
from runtally_api.identity.permissions import Permission
from runtally_api.settings import ApiSettings
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation

QUIET = "workspace-01"
TARGET = 2.0
ROUNDS = 4
MOST_SECONDS = 120
_OWN_USER = "<default><password/><networks><ip>127.0.0.1</ip></networks></default></users>"
HEAVY = {
    "measures": ["active_users", "sessions"],
    "dimensions": ["provider", "user_id"],
    "time": DAYS,
    "limit": 50,
}


@dataclass
class ByName:
    """The token is the workspace."""

    is_open: bool = False

    async def caller(self, authorization: str | None) -> Caller:
        name = (authorization or "").removeprefix("Bearer ")
        return Caller(name, "", frozenset(Permission), None if name == "all" else frozenset({name}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3_000_000)
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--heavy", type=int, default=8)
    parser.add_argument("--unfair", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="runtally-bench-") as folder:
        server = NativeClickHouse(Path(folder), ClickHouseOptions(memory_mb=6000, users=_users(arguments.runs)))
        os.environ.update({f"CLICKHOUSE_{user.upper()}_PASSWORD": word for user, word in PASSWORDS.items()})
        server.start()
        try:
            line = _bench(server, arguments)
        finally:
            server.stop()
    sys.stdout.write(json.dumps(line) + "\n")
    return 0 if arguments.unfair or line["ratio"] <= TARGET else 1


def _users(runs: int) -> str:
    """The deployment's users over the benchmark's database."""
    database = f"runs_{runs}"
    text = USERS.replace("default.*", f"{database}.*")
    head, filters = text.split("<databases>")
    filters = filters.replace("<default>", f"<{database}>").replace("</default>", f"</{database}>")
    return f"{head}<databases>{filters}".replace("</users>", _OWN_USER)


def _bench(server: NativeClickHouse, arguments: argparse.Namespace) -> dict[str, Any]:
    unfiltered = rolled_up_store(server, arguments.runs)
    address = f"reader:{PASSWORDS['reader']}@127.0.0.1:{server.http_port}/runs_{arguments.runs}"
    reader = Store(StoreLocation.server(f"http://{address}"), MOST_SECONDS)
    try:
        told = _beside_heavy(reader, arguments)
        return {**told, "row_filters": _row_filters(reader, unfiltered, arguments.turns)}
    finally:
        reader.close()
        unfiltered.close()


@contextmanager
def _api(store: Store, *, unfair: bool = False) -> Iterator[httpx.Client]:
    settings = ApiSettings(reads_per_minute=0, max_query_seconds=MOST_SECONDS)
    if unfair:
        settings = settings.model_copy(update={"questions_at_once": 38, "tenant_questions_at_once": 38})

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> Any:
        with ThreadPoolExecutor(QUESTION_THREADS) as pool:
            app.state.parts = ApiParts(
                settings, store, StoringPublisher(store), (), lambda: NOW, pool=pool, authenticator=ByName(unfair)
            )
            yield

    with running(make_app(lifespan, settings)) as client:
        yield client


def _ask(client: httpx.Client, who: str, body: dict[str, Any]) -> float:
    began = time.perf_counter()
    answer = client.post("/api/v1/query", json=body, headers={"Authorization": f"Bearer {who}"}, timeout=300)
    assert answer.status_code == 200, answer.text
    return (time.perf_counter() - began) * 1000


def _panels(client: httpx.Client, who: str, rounds: int) -> list[float]:
    return [_ask(client, who, body) for _ in range(rounds) for body in PANELS.values()]


@dataclass
class Heavy:
    """Threads that ask without a pause while `asking` is set."""

    client: httpx.Client
    asking: threading.Event = field(default_factory=threading.Event)
    leaving: threading.Event = field(default_factory=threading.Event)
    taken: list[float] = field(default_factory=list)
    under_way: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        while not self.leaving.is_set():
            if not self.asking.wait(0.05):
                continue
            with self._lock:
                self.under_way += 1
            try:
                self.taken.append(_ask(self.client, LARGEST, HEAVY))
            finally:
                with self._lock:
                    self.under_way -= 1

    def wait_idle(self) -> None:
        self.asking.clear()
        while self.under_way:
            time.sleep(0.02)


def _beside_heavy(store: Store, arguments: argparse.Namespace) -> dict[str, Any]:
    quiet, beside = list[float](), list[float]()
    with _api(store, unfair=arguments.unfair) as client, ThreadPoolExecutor(arguments.heavy) as pool:
        heavy = Heavy(client)
        alone_ms = min(_ask(client, LARGEST, HEAVY) for _ in range(2))
        _panels(client, QUIET, 1)
        threads = [pool.submit(heavy.run) for _ in range(arguments.heavy)]
        for _ in range(arguments.turns):
            quiet += _panels(client, QUIET, ROUNDS)
            heavy.asking.set()
            time.sleep(0.5)
            beside += _panels(client, QUIET, ROUNDS)
            heavy.wait_idle()
        heavy.leaving.set()
        for thread in threads:
            thread.result()
    alone, loaded = Times(quiet), Times(beside)
    return {
        "benchmark": "tenants",
        "runs": arguments.runs,
        "heavy_at_once": arguments.heavy,
        "fair": not arguments.unfair,
        "quiet_ms": {"p50": alone.p50, "p95": alone.p95},
        "beside_heavy_ms": {"p50": loaded.p50, "p95": loaded.p95},
        "ratio": round(loaded.p95 / alone.p95, 2),
        "target": TARGET,
        "heavy_ms": {"alone": round(alone_ms, 1), "p50": Times(heavy.taken).p50},
        "heavy_answers": len(heavy.taken),
    }


def _row_filters(reader: Store, unfiltered: Store, turns: int) -> dict[str, Any]:
    """The panels by turns with the deployment's reader, who has row filters, and with a user who has none."""
    found: dict[str, Any] = {}
    with _api(reader) as filtered, _api(unfiltered) as plain:
        for who in (LARGEST, "all"):
            with_filters, without = list[float](), list[float]()
            for _ in range(turns + 1):
                without += _panels(plain, who, 1)
                with_filters += _panels(filtered, who, 1)
            first = len(PANELS)
            ours, theirs = Times(with_filters[first:]), Times(without[first:])
            found[who] = {"p50": ours.p50, "without_p50": theirs.p50, "p95": ours.p95, "without_p95": theirs.p95}
    return found


if __name__ == "__main__":
    sys.exit(main())

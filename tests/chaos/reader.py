"""Someone who never stops asking: each answer of the API is held against what was acknowledged and published."""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import httpx
from chaos.bounds import Tally, outside, repeated
from chaos.fleet import FIRST, LAST, TOPIC, Fleet, Place
from integration.answers import all_runs
from runtally_clickhouse.client import Store
from runtally_clickhouse.errors import StoreError

Figures = Mapping[str, int | Decimal]
PAUSE_SECONDS = 0.1
# Of records that are not acknowledged yet these may tell less than a moment before: rollups that were made before them.
OF_CELLS = frozenset({"cells", "analytics", "agents"})
RANGE = {"from": FIRST.date().isoformat(), "to": LAST.date().isoformat()}
LEDGER = "SELECT `partition`, first_offset, last_offset FROM ingest_ledger WHERE topic = {topic:String}"


class Acknowledged:
    """What the ledger says is durable, of one fleet's records."""

    def __init__(self, store: Store, fleet: Fleet) -> None:
        self._store = store
        self._fleet = fleet
        self._ranges: set[tuple[int, int, int]] = set()
        self._covered: dict[int, set[int]] = defaultdict(set)
        self._told: set[Place] = set()
        self.tally = Tally()

    def look(self) -> None:
        """Read the ledger. Raises `StoreError`."""
        rows = self._store.query(LEDGER, {"topic": TOPIC})
        new = {(row["partition"], row["first_offset"], row["last_offset"]) for row in rows} - self._ranges
        self._ranges |= new
        for partition, first, last in new:
            self._covered[partition].update(range(first, last + 1))
        with self._fleet.lock:
            known = dict(self._fleet.known)
        fresh = [place for place in known if place not in self._told and place[1] in self._covered[place[0]]]
        self._told.update(fresh)
        self.tally.add(run for run in map(known.get, fresh) if run is not None)

    def missing(self) -> int:
        """How many of the fleet's records the ledger does not cover yet."""
        return len(self._fleet.known) - len(self._told)


class Reader:
    """Asks in a thread from `start` to `stop`. An answer that fails for the outage at hand is no answer."""

    def __init__(self, api_url: str, store: Store, fleet: Fleet) -> None:
        self._client = httpx.Client(base_url=api_url, timeout=60)
        self._fleet = fleet
        self.acknowledged = Acknowledged(store, fleet)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self._newest: dict[str, int | Decimal] = {}
        self.answers = 0
        self.out_of_rollups = 0
        self.unanswered = 0
        self.newest_outage = "none"
        self.wrong: list[str] = []
        self._trouble: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Raises what a question raised that no outage explains."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._client.close()
        if self._trouble is not None:
            raise self._trouble

    def _run(self) -> None:
        questions = (self._analytics, self._usage, self._cells, self._agents, self._runs, self._cells)
        turn = 0
        try:
            while not self._stopping.wait(PAUSE_SECONDS):
                turn += 1
                self._ask(questions[turn % len(questions)])
        except BaseException as error:
            self._trouble = error

    def _ask(self, question: Callable[[], tuple[str, Figures]]) -> None:
        try:
            self.acknowledged.look()
            least = self.acknowledged.tally.counted
            name, figures = question()
        except (StoreError, httpx.TransportError, Unanswered) as outage:
            self.unanswered += 1
            self.newest_outage = repr(outage)[:500]
            return
        self.answers += 1
        with self._fleet.lock:
            most = self._fleet.published.counted
        self.wrong += [f"{name}: {told}" for told in outside(least, figures, most)]
        if name in OF_CELLS:
            return
        for figure, found in figures.items():
            before = self._newest.get(f"{name}.{figure}", found)
            if found < before:
                self.wrong.append(f"{name}: {figure} fell from {before} to {found}")
            self._newest[f"{name}.{figure}"] = found

    def _get(self, path: str) -> dict[str, Any]:
        return self._answered(self._client.get(path, params={"workspace_id": self._fleet.workspace, **RANGE}))

    def _answered(self, response: httpx.Response) -> dict[str, Any]:
        if response.status_code == 503:
            raise Unanswered(response.text)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def _analytics(self) -> tuple[str, Figures]:
        totals = self._get("/api/agents/analytics")["totals"]
        statuses = totals["status_counts"]
        running = statuses["running"] + statuses["stalled"] + statuses["queued"]
        return "analytics", {
            "runs": totals["runs"],
            "ended": totals["runs"] - running,
            "tokens": totals["total_tokens"] or 0,
            "cost_usd": Decimal(totals["cost_usd"] or 0),
        }

    def _usage(self) -> tuple[str, Figures]:
        answer = self._get("/api/v1/analytics/usage")
        return "usage", {"runs": answer["total_messages"], "tokens": answer["total_tokens"]}

    def _agents(self) -> tuple[str, Figures]:
        answer = self._get("/api/v1/analytics/agents")
        return "agents", {"runs": answer["total_calls"], "tokens": sum(one["total_tokens"] for one in answer["agents"])}

    def _cells(self) -> tuple[str, Figures]:
        """By day, and so out of cells: each bucket of 15 minutes out of its rollup where that is up to date."""
        answer = self._answered(self._client.post("/api/v1/query", json=cells_by_day(self._fleet.workspace)))
        self.out_of_rollups += answer["meta"]["source"] != "raw"
        return "cells", sums_of_cells(answer)

    def _runs(self) -> tuple[str, Figures]:
        try:
            runs = all_runs(self._client, workspace_id=self._fleet.workspace, limit=1000)
        except KeyError:
            raise Unanswered from None
        self.wrong += [f"runs: {id} is listed twice" for id in repeated(run["run_id"] for run in runs)]
        ended = [run for run in runs if run["status"] != "running"]
        spent = sum((Decimal(run["cost_usd"] or 0) for run in runs), Decimal(0))
        return "runs", {"runs": len(runs), "ended": len(ended), "cost_usd": spent}


def cells_by_day(workspace: str) -> dict[str, Any]:
    """A question that rollups hold all of."""
    return {
        "measures": ["runs", "succeeded", "failed", "timed_out", "total_tokens", "cost_usd"],
        "time": {**RANGE, "granularity": "day"},
        "filters": [{"dimension": "workspace_id", "op": "in", "values": [workspace]}],
    }


def sums_of_cells(answer: Mapping[str, Any]) -> Figures:
    """The figures of all days together."""
    days = answer["data"]
    return {
        "runs": sum(day["runs"] for day in days),
        "ended": sum(day["succeeded"] + day["failed"] + day["timed_out"] for day in days),
        "tokens": sum(day["total_tokens"] or 0 for day in days),
        "cost_usd": sum((Decimal(day["cost_usd"] or 0) for day in days), Decimal(0)),
    }


class Unanswered(Exception):
    """The API said that it cannot answer now."""

"""A tiny real HTTP server that answers like the API (shapes of the contract) from seeded cells.

Serve a fleet to look at the dashboard with: `python tests/ui/stub_api.py 8000`.
"""

import json
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ui.fleet import Cell, fleet

Query = dict[str, list[str]]
STATUSES = ("queued", "running", "stalled", "succeeded", "failed", "timed_out", "cancelled", "unknown")
_FILTERS = {"workspace_id": "workspace_id", "agent_id": "agent_id", "model": "model", "status": "status"}


@dataclass
class StubApi:
    """What is served, and what was asked. `failure`, when set, is answered to everything."""

    cells: Sequence[Cell]
    today: date
    failure: dict[str, Any] | None = None
    shape_broken: bool = False
    asked: list[tuple[str, Query]] = field(default_factory=list)

    def answer(self, path: str, query: Query) -> tuple[int, dict[str, Any]]:
        self.asked.append((path, query))
        if self.failure is not None:
            return int(self.failure["status"]), self.failure
        if self.shape_broken:
            return 200, {"totals": "none"}
        if path in ("/api/agents/analytics", "/api/v1/agents/analytics"):
            return 200, self.analytics(query)
        if path == "/api/v1/analytics/models":
            return 200, self.models(query)
        return 404, {"type": "about:blank", "title": "Not found", "status": 404, "detail": path}

    def analytics(self, query: Query) -> dict[str, Any]:
        first, last = self._days(query)
        matching = [cell for cell in self.cells if _matches(cell, query)]
        shown = [cell for cell in matching if first <= cell.day <= last]
        by_agent = _grouped(shown, lambda cell: (cell.workspace_id, cell.agent_id))
        ranked = sorted(by_agent, key=lambda key: (-sum(cell.runs for cell in by_agent[key]), key))
        limit = int(query.get("agent_limit", ["100"])[0])
        agents = [{**_agent_ids(by_agent[key][0]), **_figures(by_agent[key])} for key in ranked[:limit]]
        folded = [cell for key in ranked[limit:] for cell in by_agent[key]]
        days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
        rows = [row for key in ranked[:limit] for row in _daily(by_agent[key], days, _daily_ids(key))]
        if folded:
            other = {"workspace_id": None, "agent_id": None, "other": True}
            agents.append({**other, **_figures(folded)})
            rows += _daily(folded, days, other)
        rows.sort(key=lambda row: str(row["date"]))
        meta = self._meta(query, first, last, matching, shown)
        return {"runs_per_day": rows, "agents": agents, "totals": _figures(shown), "meta": meta}

    def models(self, query: Query) -> dict[str, Any]:
        first, last = self._days(query)
        shown = [cell for cell in self.cells if first <= cell.day <= last and _matches(cell, query)]
        by_model = _grouped(shown, lambda cell: cell.model)
        models = [
            {
                "model_id": model,
                "model_name": model.replace("-", " ").title(),
                "usage_count": sum(cell.runs for cell in cells),
                "total_tokens": sum(cell.input_tokens + cell.output_tokens for cell in cells),
            }
            for model, cells in by_model.items()
        ]
        models.sort(key=lambda model: (-model["usage_count"], model["model_id"]))
        return {"models": models, "total_usage": sum(cell.runs for cell in shown), "meta": {}}

    def _days(self, query: Query) -> tuple[date, date]:
        if "from" not in query:
            return self.today - timedelta(days=29), self.today
        return date.fromisoformat(query["from"][0]), date.fromisoformat(query["to"][0])

    def _meta(
        self, query: Query, first: date, last: date, matching: Sequence[Cell], shown: Sequence[Cell]
    ) -> dict[str, Any]:
        statuses = query.get("status", [])
        found = [cell.day for cell in matching]
        return {
            "from": f"{first}T00:00:00Z",
            "to": f"{last + timedelta(days=1)}T00:00:00Z",
            "timezone": query.get("timezone", ["UTC"])[0],
            "data_as_of": f"{self.today}T09:30:01.120Z" if self.cells else None,
            "freshness_seconds": 0.8 if self.cells else None,
            "truncated": False,
            "hides_failures": bool(statuses) and not {"failed", "timed_out"} <= set(statuses),
            "coverage": {"runs": sum(cell.runs for cell in shown), **_coverage(shown)},
            "data_range": {"first": f"{min(found)}T08:00:00Z", "last": f"{max(found)}T09:29:58Z"} if found else None,
        }


def _matches(cell: Cell, query: Query) -> bool:
    return all(getattr(cell, name) in query[key] for key, name in _FILTERS.items() if key in query)


def _grouped(cells: Sequence[Cell], key: Callable[[Cell], Any]) -> dict[Any, list[Cell]]:
    groups: dict[Any, list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[key(cell)].append(cell)
    return groups


def _agent_ids(cell: Cell) -> dict[str, Any]:
    return {"workspace_id": cell.workspace_id, "agent_id": cell.agent_id, "agent_name": cell.agent_name}


def _daily_ids(key: tuple[str, str]) -> dict[str, Any]:
    return {"workspace_id": key[0], "agent_id": key[1]}


def _figures(cells: Sequence[Cell]) -> dict[str, Any]:
    counts = {status: sum(cell.runs for cell in cells if cell.status == status) for status in STATUSES}
    runs, timed = sum(cell.runs for cell in cells), sum(cell.timed for cell in cells)
    ended = sum(counts[status] for status in ("succeeded", "failed", "timed_out", "cancelled"))
    tokens = sum(cell.with_tokens for cell in cells)
    given, taken = sum(cell.input_tokens for cell in cells), sum(cell.output_tokens for cell in cells)
    return {
        "runs": runs,
        "root_runs": sum(cell.root_runs for cell in cells),
        "status_counts": counts,
        "success_rate": counts["succeeded"] / ended if ended else None,
        "success_rate_all": counts["succeeded"] / runs if runs else None,
        "avg_duration_ms": sum(cell.duration_ms for cell in cells) / timed if timed else None,
        "input_tokens": given if tokens else None,
        "output_tokens": taken if tokens else None,
        "total_tokens": given + taken if tokens else None,
        "cost_usd": _money(cells),
        "coverage": _coverage(cells),
    }


def _coverage(cells: Sequence[Cell]) -> dict[str, int]:
    return {
        "cost": sum(cell.priced for cell in cells),
        "duration": sum(cell.timed for cell in cells),
        "tokens": sum(cell.with_tokens for cell in cells),
    }


def _money(cells: Sequence[Cell]) -> str | None:
    if not any(cell.priced for cell in cells):
        return None
    return f"{sum((cell.cost_usd for cell in cells), Decimal(0)).normalize():f}"


def _daily(cells: Sequence[Cell], days: Sequence[date], ids: dict[str, Any]) -> list[dict[str, Any]]:
    by_day = _grouped(cells, lambda cell: cell.day)
    return [
        {
            "date": day.isoformat(),
            **ids,
            "runs": sum(cell.runs for cell in by_day.get(day, [])),
            "succeeded": sum(cell.runs for cell in by_day.get(day, []) if cell.status == "succeeded"),
            "failed": sum(cell.runs for cell in by_day.get(day, []) if cell.status in ("failed", "timed_out")),
            "cost_usd": _money(by_day.get(day, [])),
        }
        for day in days
    ]


class _Server(ThreadingHTTPServer):
    # A burst of requests must queue, not be refused; and no thread may outlive a test.
    request_queue_size = 64
    daemon_threads = False
    block_on_close = True
    stub: StubApi


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        status, body = self.server.stub.answer(parts.path, parse_qs(parts.query))
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if status < 400 else "application/problem+json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Silent: tests assert on what was asked."""


@contextmanager
def serving(stub: StubApi, port: int = 0) -> Iterator[str]:
    """Serve `stub` until the block ends; yields the base URL."""
    server = _Server(("127.0.0.1", port), _Handler)
    server.stub = stub
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


if __name__ == "__main__":
    demo_day = datetime.now(UTC).date()
    demo_port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    with serving(StubApi(fleet(demo_day), demo_day), demo_port):
        threading.Event().wait()

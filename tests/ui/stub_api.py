"""A tiny real HTTP server that answers like the API (shapes of the contract) from seeded cells.

Serve a fleet to look at the dashboard with: `python tests/ui/stub_api.py 8000`.
"""

import json
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ui.fleet import Cell, fleet
from ui.stub_rights import missing_right

from ui import stub_adoption, stub_agents, stub_errors, stub_feedback, stub_live, stub_pipeline, stub_query, stub_runs

Query = dict[str, list[str]]
STATUSES = ("queued", "running", "stalled", "succeeded", "failed", "timed_out", "cancelled", "unknown")
_FILTERS = (
    "workspace_id", "agent_id", "model", "status", "environment", "user_id", "error_type", "error_category",
    "error_severity", "agent_version", "hour",
)  # fmt: skip
QUERY = "/api/v1/query"
RELATED = ("session_id", "parent_run_id")


@dataclass
class StubApi:
    """What is served, and what was asked. `failure`, when set, is answered to everything; questions for a path of
    `failing_paths`, or for one of `failing_measures` or `failing_dimensions`, fail alone; `failing_parts` are those of
    an agent's analytics. What is `faulty` are the checks of integrity; None is a caller who may not see all workspaces.
    Who asks has the `permissions`, in the `workspaces`; `how_known` is what differs from an API that asks for tokens.
    Nothing is answered while `may_answer` is not set.
    """

    cells: Sequence[Cell]
    today: date
    failure: dict[str, Any] | None = None
    failing_paths: Sequence[str] = ()
    failing_measures: Sequence[str] = ()
    failing_dimensions: Sequence[str] = ()
    failing_parts: Sequence[str] = ()
    permissions: Sequence[str] = ("view_analytics", "export_analytics", "ingest_runs")
    workspaces: Sequence[str] = "*"
    shape_broken: bool = False
    faulty: bool | None = False
    replay_refused_because: str | None = None
    how_known: dict[str, bool] = field(default_factory=dict)
    may_answer: threading.Event = field(default_factory=lambda: _set(threading.Event()))
    asked: list[tuple[str, Query]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    queries: list[dict[str, Any]] = field(default_factory=list)

    def refusal(self, path: str, authorization: str | None) -> tuple[int, dict[str, Any]] | None:
        """What somebody is told who may not ask; anybody may here."""
        return None

    def answer(self, path: str, query: Query) -> tuple[int, dict[str, Any]]:
        if path == "/api/v1/auth" and self.failure is None:
            return 200, {"is_open": False, "has_local_users": False, "listens_wider": False, **self.how_known}
        self.asked.append((path, query))
        self.may_answer.wait(30)
        if self.failure is not None:
            return int(self.failure["status"]), self.failure
        if path in self.failing_paths:
            return 500, {"title": "This part is broken", "status": 500, "detail": "Others stand."}
        if self.shape_broken:
            return 200, {"totals": "none"}
        if missing := missing_right(path, query, self.permissions):
            self.refused.append(path)
            return 403, {"title": "Forbidden", "status": 403, "detail": missing}
        if path in ("/api/agents/analytics", "/api/v1/agents/analytics"):
            return 200, self.analytics(query)
        if path == "/api/v1/analytics/models":
            return 200, self.models(query)
        if path == "/api/v1/errors":
            return 200, stub_errors.errors(query, self.query)
        if path == "/api/v1/errors/patterns":
            return 200, stub_errors.patterns(query, self.query)
        if path == "/api/v1/agents":
            return 200, stub_agents.listed(self._shown(query), query)
        if path.startswith("/api/v1/agents/"):
            return self.agent(unquote(path.removeprefix("/api/v1/agents/").removesuffix("/analytics")), query)
        if path == "/api/v1/sessions":
            return 200, stub_adoption.sessions(self._shown(query), query)
        if path == "/api/v1/metrics/execution/realtime":
            return 200, stub_live.realtime([cell for cell in self.cells if _matches(cell, query)], self.today)
        if path == "/api/v1/feedback":
            return 200, stub_feedback.comments(self._shown(query), query)
        if path == "/api/v1/lifecycle/transitions":
            return 200, stub_feedback.transitions(self._shown(query))
        if path == "/api/v1/dead-letters":
            return 200, stub_pipeline.dead_letters(self.today, self.faulty, query, self.replay_refused_because)
        if path == "/api/v1/dead-letters/replay":
            return 200, stub_pipeline.replayed(self.queries[-1])
        if path.startswith("/api/v1/ingestion/"):
            return 200, stub_pipeline.ingestion(path, self.today, self.faulty)
        if path == "/api/v1/integrity":
            return 200, stub_pipeline.integrity(self._shown(query), self.today, self.faulty)
        if path == "/api/v1/latency":
            return 200, stub_agents.latency(self._shown(query))
        if path == "/api/v1/auth/me":
            return 200, {"subject": "ann", "permissions": self.permissions, "workspaces": [*self.workspaces]}
        if path == "/api/v1/meta":
            return 200, stub_query.catalogue()
        if path == "/api/v1/runs":
            return 200, self.runs(query)
        if path.startswith("/api/v1/runs/"):
            return self.run(unquote(path.removeprefix("/api/v1/runs/")), query)
        return 404, {"type": "about:blank", "title": "Not found", "status": 404, "detail": path}

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """As `answer`, for questions with a body."""
        self.queries.append(body)
        self.may_answer.wait(30)
        wanted = self.failure or self.shape_broken or path in self.failing_paths or path != QUERY
        if wanted or missing_right(path, {}, self.permissions):
            return self.answer(path, {})
        named = {*body["measures"], *body["dimensions"]}
        if named & {*self.failing_measures, *self.failing_dimensions}:
            return 500, {"title": "This part is broken", "status": 500, "detail": "Others stand."}
        errors = stub_query.unknown_names(body)
        if errors:
            return 422, {"title": "Invalid query", "status": 422, "detail": "Unknown names.", "errors": errors}
        return 200, self.query(body)

    def query(self, body: dict[str, Any]) -> dict[str, Any]:
        as_of = f"{self.today}T09:30:01.120Z" if self.cells else None
        cells = [replace(cell, runs=cell.root_runs) for cell in self.cells] if body.get("root_only") else self.cells
        return stub_query.answer(cells, body, {"data_as_of": as_of, "truncated": False})

    def runs(self, query: Query) -> dict[str, Any]:
        """One run for each cell, the newest first: enough to look at."""
        first, last = self._days(query) if "from" in query else (date.min, date.max)
        cells = [cell for cell in self.cells if first <= cell.day <= last and _matches(cell, query)]
        related = {name: query[name] for name in RELATED if name in query}
        found = [run for run in map(_run, cells) if all(run[name] in values for name, values in related.items())]
        found.sort(key=lambda run: str(run["started_at"]), reverse=True)
        return stub_runs.page(found, query)

    def run(self, run_id: str, query: Query) -> tuple[int, dict[str, Any]]:
        for cell in self.cells:
            run = _run(cell)
            if run["run_id"] == run_id and cell.workspace_id in query.get("workspace_id", [cell.workspace_id]):
                return 200, {**run, "meta": {}}
        return 404, {"title": "Not found", "status": 404, "detail": f"no run '{run_id}'"}

    def agent(self, agent_id: str, query: Query) -> tuple[int, dict[str, Any]]:
        first, last = self._days(query)
        length = last - first + timedelta(days=1)
        # Its workspace is compared, so the filter for agents does not count.
        others = [cell for cell in self.cells if _matches(cell, {**query, "agent_id": [cell.agent_id]})]
        now = [cell for cell in others if first <= cell.day <= last]
        back = timedelta(days=7) if query.get("compare") == ["previous_week"] else length
        then = [cell for cell in others if first - back <= cell.day <= last - back]
        return stub_agents.analytics(agent_id, others, now, then, self.failing_parts)

    def _shown(self, query: Query) -> list[Cell]:
        first, last = self._days(query)
        return [cell for cell in self.cells if first <= cell.day <= last and _matches(cell, query)]

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
        shown = self._shown(query)
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
        return date.fromisoformat(query["from"][0][:10]), date.fromisoformat(query["to"][0][:10])

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


def _set(event: threading.Event) -> threading.Event:
    event.set()
    return event


def _matches(cell: Cell, query: Query) -> bool:
    told = {"weekday": str(cell.day.isoweekday()), "has_error": str(stub_query.has_error(cell)).lower(),
            "has_cost": str(cell.priced > 0).lower()}  # fmt: skip
    own = all(value in query[name] for name, value in told.items() if name in query)
    return own and all(str(getattr(cell, name)) in query[name] for name in _FILTERS if name in query)


def _run(cell: Cell) -> dict[str, Any]:
    run_id = f"{cell.agent_id}-{cell.day}-{cell.status}"
    tokens = round((cell.input_tokens + cell.output_tokens) / cell.with_tokens) if cell.with_tokens else None
    return {
        "run_id": run_id,
        "id": f"key-of-{run_id}",
        "workspace_id": cell.workspace_id,
        "agent_id": cell.agent_id,
        "agent_name": cell.agent_name,
        "agent_version": cell.agent_version,
        "environment": cell.environment,
        "user_id": cell.user_id,
        "session_id": cell.session_id,
        "parent_run_id": cell.parent_run_id,
        "model": cell.model,
        "status": cell.status,
        "stalled": False,
        "started_at": f"{cell.day}T{cell.hour:02}:00:00Z",
        "duration_ms": round(cell.duration_ms / cell.timed) if cell.timed else None,
        "total_tokens": tokens,
        "llm_calls": round(cell.llm_calls / cell.runs),
        "tool_calls": round(cell.tool_calls / cell.runs),
        "retries": 0,
        "cost_usd": f"{cell.cost_usd / cell.priced:.6f}" if cell.priced else None,
        "cost_source": "reported" if cell.priced else "unknown",
        "error_type": cell.error_type,
        "error_category": cell.error_category,
        "error_severity": cell.error_severity,
        "recovered": cell.recovered if cell.error_type else None,
        "error_message": "It broke. " * 40 if cell.error_type else "",
        "tags": {"team": "<b>blue</b>"},
    }


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
        path, _, query = self.path.partition("?")
        self._send(*(self._refusal() or self.server.stub.answer(path, parse_qs(query, keep_blank_values=True))))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._send(*(self._refusal() or self.server.stub.post(urlsplit(self.path).path, body)))

    def _refusal(self) -> tuple[int, dict[str, Any]] | None:
        return self.server.stub.refusal(urlsplit(self.path).path, self.headers.get("Authorization"))

    def _send(self, status: int, body: dict[str, Any]) -> None:
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

"""Users, sessions and hand-offs of the stub. Every tenth run of a successful cell was handed off."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from ui.fleet import Cell

MEASURES = {
    "sessions": ("Distinct sessions.", "session", "count"),
    "runs_per_user": ("Runs of known users, for each of them.", "run/user", "number"),
    "sessions_per_user": ("Sessions of known users, for each of them.", "session/user", "number"),
    "avg_session_lifespan_ms": ("Mean time from a session's first start to its last end.", "ms", "duration"),
    "active_ms_per_session": ("Known duration of a session's runs.", "ms", "duration"),
    "handoff_rate": ("Ended runs that were handed off.", "fraction", "share"),
    "post_handoff_iteration_rate": ("Hand-offs that were followed.", "fraction", "share"),
}
_HOUR_MS = 3_600_000


def measure(cells: Sequence[Cell], name: str) -> Any:
    users = {cell.user_id for cell in cells if cell.user_id}
    sessions = {cell.session_id for cell in cells}
    of_users = [cell for cell in cells if cell.user_id]
    ended = sum(cell.runs for cell in cells if cell.status != "running")
    handed = sum(cell.runs // 10 for cell in cells if cell.status == "succeeded")
    values = {
        "sessions": len(sessions),
        "runs_per_user": sum(cell.runs for cell in of_users) / len(users) if users else None,
        "sessions_per_user": len({cell.session_id for cell in of_users}) / len(users) if users else None,
        "avg_session_lifespan_ms": _HOUR_MS if sessions else None,
        "active_ms_per_session": sum(cell.duration_ms for cell in cells) / len(sessions) if sessions else None,
        "handoff_rate": handed / ended if ended else None,
        "post_handoff_iteration_rate": 0.5 if handed else None,
    }
    return values[name]


def sessions(cells: Sequence[Cell], query: dict[str, list[str]]) -> dict[str, Any]:
    """`GET /api/v1/sessions`; the cursor is a place in the list."""
    groups: dict[tuple[str, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[cell.workspace_id, cell.session_id].append(cell)
    ranked = sorted(groups, key=lambda key: (-sum(cell.runs for cell in groups[key]), key))
    limit, start = int(query.get("limit", ["100"])[0]), int(query.get("cursor", ["0"])[0])
    more = len(ranked) > start + limit
    return {
        "data": [_session(*key, groups[key]) for key in ranked[start : start + limit]],
        "totals": {},
        "next_cursor": str(start + limit) if more else None,
        "has_more": more,
        "meta": {},
    }


def _session(workspace_id: str, session_id: str, cells: Sequence[Cell]) -> dict[str, Any]:
    return {
        "workspace_id": workspace_id,
        "session_id": session_id,
        "runs": sum(cell.runs for cell in cells),
        "succeeded": sum(cell.runs for cell in cells if cell.status == "succeeded"),
        "errors": sum(cell.runs for cell in cells if cell.status in ("failed", "timed_out")),
        "first_run_at": f"{cells[0].day}T08:00:00Z",
        "last_run_at": f"{cells[0].day}T09:00:00Z",
        "active_agents": 1,
        "active_users": len({cell.user_id for cell in cells if cell.user_id}),
        "avg_session_lifespan_ms": _HOUR_MS,
        "active_ms_per_session": sum(cell.duration_ms for cell in cells),
        "total_tokens": None,
        "cost_usd": None,
    }

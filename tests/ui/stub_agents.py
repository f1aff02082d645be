"""Agents in the stub: the list, one agent's analytics, and latency, from the same cells as `/query`."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ui.fleet import Cell
from ui.stub_query import measures

LISTED = (
    "runs", "errors", "success_rate", "failure_rate", "avg_duration_ms", "p50_duration_ms", "p95_duration_ms",
    "total_tokens", "cost_usd", "cost_per_run_usd",
)  # fmt: skip
COMPARED = {
    "runs": "highest", "success_rate": "highest", "failure_rate": "lowest", "p95_duration_ms": "lowest",
    "cost_usd": "highest", "cost_per_run_usd": "lowest",
}  # fmt: skip
BARS_MS = (0, 1, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000)
STARS = {1: 2, 2: 3, 3: 10, 4: 25, 5: 60}
Agents = dict[tuple[str, str], list[Cell]]


def by_agent(cells: Sequence[Cell]) -> Agents:
    found: Agents = defaultdict(list)
    for cell in cells:
        found[cell.workspace_id, cell.agent_id].append(cell)
    return found


def listed(cells: Sequence[Cell], query: dict[str, list[str]]) -> dict[str, Any]:
    """A page; the cursor is a place in the list."""
    sort, direction = query.get("sort", ["runs"])[0], query.get("direction", ["desc"])[0]
    limit, start = int(query.get("limit", ["100"])[0]), int(query.get("cursor", ["0"])[0])
    rows = [{**_who(members), **measures(members, LISTED)} for members in by_agent(cells).values()]
    known = [row for row in rows if row[sort] is not None]
    known.sort(key=lambda row: (float(row[sort]), row["agent_id"]), reverse=direction == "desc")
    rows = [*known, *(row for row in rows if row[sort] is None)]
    more = len(rows) > start + limit
    return {
        "data": rows[start : start + limit],
        "totals": measures(cells, LISTED),
        "next_cursor": str(start + limit) if more else None,
        "has_more": more,
        "meta": {},
    }


def analytics(
    agent_id: str, ever: Sequence[Cell], now: Sequence[Cell], then: Sequence[Cell], failing: Sequence[str]
) -> tuple[int, dict[str, Any]]:
    """Of the cells of a range and of the one before; whom the id means is told by those of any time. A part of
    `failing` is null, as in the API.
    """
    agents = {key: members for key, members in by_agent(ever).items() if key[1] == agent_id}
    if len(agents) != 1:
        if not agents:
            return 404, {"title": "Not found", "status": 404, "detail": f"no agent '{agent_id}'"}
        detail = f"agent '{agent_id}' is used by {len(agents)} workspaces"
        return 409, {"title": "Ambiguous", "status": 409, "detail": detail}
    ((key, known),) = agents.items()
    own = [cell for cell in now if (cell.workspace_id, cell.agent_id) == key]
    parts: dict[str, Any] = {
        "resources": {"models": _groups(own, "model")},
        "errors": {**measures(own, ("errors", "failure_rate", "recovery_rate")), "mean_time_to_recovery_ms": None,
                   "types": _groups([cell for cell in own if cell.error_type], "error_type")},
        "users": _users(own),
        "comparisons": _comparisons(key, own, now, then),
    }  # fmt: skip
    failed = [{"part": name, "type": "", "status": 422, "detail": "It needs more memory."} for name in failing]
    return 200, {**_who(known), **parts, **dict.fromkeys(failing), "failed_parts": failed, "meta": {}}


def latency(cells: Sequence[Cell]) -> dict[str, Any]:
    """Every run of a cell taking the cell's mean."""
    known = [(cell.duration_ms / cell.timed, cell.timed) for cell in cells if cell.timed]
    bars = [
        {"from_ms": low, "to_ms": high, "runs": sum(runs for took, runs in known if low <= took < high)}
        for low, high in pairwise(BARS_MS)
    ]
    while bars and not bars[0]["runs"]:
        bars = bars[1:]
    while bars and not bars[-1]["runs"]:
        bars = bars[:-1]
    levels = measures(cells, [f"p{level}_duration_ms" for level in (50, 90, 95, 99)])
    timed = sum(runs for _, runs in known)
    return {"runs": sum(cell.runs for cell in cells), "duration": {"known_runs": timed, "histogram": bars, **levels}}


def _who(cells: Sequence[Cell]) -> dict[str, Any]:
    first, last = min(cell.day for cell in cells), max(cell.day for cell in cells)
    return {
        "workspace_id": cells[0].workspace_id,
        "agent_id": cells[0].agent_id,
        "agent_name": cells[0].agent_name,
        "first_run_at": f"{first}T08:00:00Z",
        "last_run_at": f"{last}T09:00:00Z",
    }


def _groups(cells: Sequence[Cell], name: str) -> list[dict[str, Any]]:
    found: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        found[getattr(cell, name)].append(cell)
    names = ("runs", "errors", "total_tokens", "cost_usd")
    rows = [{name: value, "other": False, **measures(members, names)} for value, members in found.items()]
    return sorted(rows, key=lambda row: -int(row["runs"]))


def _users(cells: Sequence[Cell]) -> dict[str, Any]:
    rated = sum(cell.runs for cell in cells if cell.status == "succeeded") // 9
    stars = {f"ratings_{number}": rated * share // 100 for number, share in STARS.items()}
    ratings = sum(stars.values())
    total = sum(number * stars[f"ratings_{number}"] for number in STARS)
    users = [row for row in _groups(cells, "user_id") if row["user_id"]]
    runs = sum(row["runs"] for row in users)
    return {
        "active_users": len(users), "runs_per_user": runs / len(users) if users else None,
        "sessions": len({cell.session_id for cell in cells}), "handoff_rate": 0.04,
        "ratings": ratings, "avg_rating": total / ratings if ratings else None, **stars, "users": users,
    }  # fmt: skip


def _comparisons(
    key: tuple[str, str], own: Sequence[Cell], now: Sequence[Cell], then: Sequence[Cell]
) -> list[dict[str, Any]]:
    peers = {peer: members for peer, members in by_agent(now).items() if peer[0] == key[0]}
    whole = [cell for members in peers.values() for cell in members]
    earlier = [cell for cell in then if (cell.workspace_id, cell.agent_id) == key]
    found = []
    for name, first in COMPARED.items():
        values = {peer: measures(members, (name,))[name] for peer, members in peers.items()}
        known = {peer: float(value) for peer, value in values.items() if value is not None}
        value, average = measures(own, (name,))[name], measures(whole, (name,))[name]
        before = [one for one in known.values() if key in known and (one > known[key]) == (first == "highest")
                  and one != known[key]]  # fmt: skip
        found.append({
            "measure": name, "value": value,
            "workspace_average": average / len(peers) if isinstance(average, int) else average,
            "first_is": first, "rank": len(before) + 1 if key in known else None, "ranked_agents": len(known),
            "percentile": (len(known) - 1 - len(before)) / (len(known) - 1) if len(known) > 1 else None,
            "previous": measures(earlier, (name,))[name], "change": None,
        })  # fmt: skip
    return found

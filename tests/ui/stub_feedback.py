"""Ratings of the stub: one of twenty runs of a cell is rated, by all users of an agent alike."""

from collections.abc import Sequence
from typing import Any

from ui.fleet import Cell

MEASURES = {
    "ratings": ("Ratings that users gave the runs.", "rating", "count"),
    "avg_rating": ("Mean rating, of 1 to 5.", "point", "number"),
    **{f"ratings_{stars}": (f"Ratings of {stars}.", "rating", "count") for stars in range(1, 6)},
}


def stars_of(cell: Cell) -> int:
    return 1 + len(cell.agent_id) % 5


def measure(cells: Sequence[Cell], name: str) -> Any:
    counts = {stars: sum(cell.runs // 20 for cell in cells if stars_of(cell) == stars) for stars in range(1, 6)}
    ratings = sum(counts.values())
    if name == "ratings":
        return ratings
    if name == "avg_rating":
        return sum(stars * count for stars, count in counts.items()) / ratings if ratings else None
    return counts[int(name[-1])]


def comments(cells: Sequence[Cell], query: dict[str, list[str]]) -> dict[str, Any]:
    """`GET /api/v1/feedback`: one comment for each rated cell; the cursor is a place in the list."""
    said = sorted((cell for cell in cells if cell.runs >= 20), key=lambda cell: (cell.day, cell.agent_id), reverse=True)
    limit, start = int(query.get("limit", ["100"])[0]), int(query.get("cursor", ["0"])[0])
    more = len(said) > start + limit
    return {
        "data": [_comment(cell) for cell in said[start : start + limit]],
        "next_cursor": str(start + limit) if more else None,
        "has_more": more,
        "meta": {},
    }


def _comment(cell: Cell) -> dict[str, Any]:
    return {
        "feedback_id": f"of-{cell.agent_id}-{cell.day}",
        "workspace_id": cell.workspace_id,
        "run_id": f"{cell.agent_id}-{cell.day}-{cell.status}",
        "agent_id": cell.agent_id,
        "agent_name": cell.agent_name,
        "agent_version": cell.agent_version,
        "user_id": cell.user_id,
        "rating": stars_of(cell),
        "comment": "It was <b>so-so</b>. " * 40,
        "category": "quality",
        "sentiment": "",
        "created_at": f"{cell.day}T09:00:00Z",
    }


def transitions(cells: Sequence[Cell]) -> dict[str, Any]:
    """`GET /api/v1/lifecycle/transitions`: every agent was drafted, and is active since."""
    agents = len({(cell.workspace_id, cell.agent_id) for cell in cells})
    if not agents:
        return {"transitions": [], "states": [], "meta": {}}
    first = min(cell.day for cell in cells)
    stays = {"known_stays": agents, "avg_stay_ms": 190_800_000.0, "longest_stay_ms": 7_200_000.0}
    none = {"known_stays": 0, "avg_stay_ms": None, "longest_stay_ms": None}
    moved = {"transitions": agents, "agents": agents, "last_at": f"{first}T08:00:00Z"}
    return {
        "transitions": [
            {"from_state": "draft", "to_state": "active", **moved, **stays},
            {"from_state": "", "to_state": "draft", **moved, **none},
        ],
        "states": [
            {"state": "active", "agents": agents, "longest_since": f"{first}T08:00:00Z", **none},
            {"state": "draft", "agents": 0, "longest_since": None, **stays},
        ],
        "meta": {},
    }

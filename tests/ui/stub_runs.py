"""`GET /api/v1/runs` of the stub: a page of a list, or a draw out of it."""

from collections.abc import Mapping, Sequence
from typing import Any


def page(found: Sequence[dict[str, Any]], query: Mapping[str, list[str]]) -> dict[str, Any]:
    """`found` are the newest first; the cursor is a place in it. A draw takes runs at even distances."""
    if "sample" in query:
        sample = min(int(query["sample"][0]), len(found))
        drawn = [found[place * len(found) // sample] for place in range(sample)]
        return {"data": drawn, "next_cursor": None, "has_more": False, "meta": {"drawn_from": len(found)}}
    limit, start = int(query.get("limit", ["100"])[0]), int(query.get("cursor", ["0"])[0])
    more = len(found) > start + limit
    return {
        "data": [{**run, "error_message": run["error_message"][:99] + "…" * (run["error_message"] != "")}
                 for run in found[start : start + limit]],
        "next_cursor": str(start + limit) if more else None, "has_more": more, "meta": {},
    }  # fmt: skip

"""Asking a running stack, and waiting until it has what was published."""

from collections.abc import Callable
from typing import Any

import httpx
from backends.waiting import eventually

Answer = dict[str, Any]
QUERYABLE_SECONDS = 60.0


def analytics(client: httpx.Client, **parameters: Any) -> Answer:
    """CONTRACT 3.1 for the given parameters."""
    response = client.get("/api/agents/analytics", params=parameters)
    assert response.status_code == 200, response.text
    answer: Answer = response.json()
    return answer


def totals_until(client: httpx.Client, runs: int, **parameters: Any) -> Answer:
    """The totals, once they count `runs` runs; more of them is an error at once."""

    def counted() -> bool:
        found = analytics(client, **parameters)["totals"]["runs"]
        assert found <= runs, f"{found} runs counted, {runs} published"
        return bool(found == runs)

    eventually(counted, QUERYABLE_SECONDS, f"{runs} runs of {parameters}")
    totals: Answer = analytics(client, **parameters)["totals"]
    return totals


def all_runs(client: httpx.Client, **parameters: Any) -> list[Answer]:
    """Every run that the filters match, page by page."""
    runs: list[Answer] = []
    cursor: str | None = None
    while True:
        page = client.get("/api/v1/runs", params={**parameters, **({"cursor": cursor} if cursor else {})}).json()
        runs += page["data"]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            return runs


def post(client: httpx.Client, items: object, expect: int = 202) -> Answer:
    """Post to /api/v1/runs."""
    response = client.post("/api/v1/runs", json=items)
    assert response.status_code == expect, response.text
    answer: Answer = response.json()
    return answer


def until(condition: Callable[[], bool], what: str) -> None:
    """`eventually`, with the patience of a pipeline."""
    eventually(condition, QUERYABLE_SECONDS, what)

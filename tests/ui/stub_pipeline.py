"""`GET /api/v1/integrity` of the stub."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from ui.fleet import Cell

_GAP = {"stream": "s", "topic": "agent-runs.v1", "partition": 3, "first_offset": 17, "last_offset": 20}


def integrity(cells: Sequence[Cell], today: date, faulty: bool | None) -> dict[str, Any]:
    """`faulty` is None for a caller who may not see all workspaces."""
    faults = 1 if faulty else 0
    found = {
        "split_runs": faults, "duplicates_held": 17, "ledger_gaps": None if faulty is None else faults,
        "rollup_drift": None if faulty is None else faults, "freshness_seconds": 0.8 if cells else None,
    }  # fmt: skip
    checked = ("split_runs", "ledger_gaps", "rollup_drift")
    runs = sum(cell.runs for cell in cells)
    split = {"workspace_id": "acme", "run_id": "bar-1", "stored_runs": 2, "first_started_at": f"{today}T09:00:00.123Z",
             "last_started_at": f"{today}T09:00:07Z"}  # fmt: skip
    checks = [
        {"name": name, "ok": value == 0 if name in checked and value is not None else None, "value": value,
         "meaning": f"What {name} means."}
        for name, value in found.items()
    ]  # fmt: skip
    return {
        "ok": not faults,
        **{name: found[name] for name in found if name != "freshness_seconds"},
        "checks": checks,
        "split": [split] * faults,
        "stored": {"rows": runs + 17 if runs else 0, "runs": runs, "deleted_runs": 0},
        "ledger": None if faulty is None else _ledger(faults),
        "rollups": None if faulty is None else {"compared": 14400, "drifted": [f"{today}T08:00:00Z"] * faults},
        "meta": {"data_as_of": f"{today}T09:30:01.120Z" if cells else None},
    }


def _ledger(faults: int) -> dict[str, Any]:
    return {"streams": 1, "partitions": 12, "missing_offsets": 4 * faults, "gaps": [_GAP] * faults}


def dead_letters(
    today: date, faulty: bool | None, query: dict[str, list[str]], replay_refused_because: str | None
) -> dict[str, Any]:
    """`GET /api/v1/dead-letters`: thirty letters of one reason, where there are faults."""
    number = 30 if faulty else 0
    limit, start = int(query["limit"][0]), int(query.get("cursor", ["0"])[0])
    shown = "with_values" in query
    letters = [
        {"stream": "s", "topic": "agent-runs.v1", "partition": 2, "offset": offset, "recorded_at": f"{today}T09:31:07Z",
         "reason": "invalid field", "field": "workspace_id", "message": "workspace_id must be a string, got 42",
         "value_bytes": 118, "key": "k" if shown else None, "value": '{"workspace_id": 42}' if shown else None}
        for offset in range(number)
    ]  # fmt: skip
    reason = {"topic": "agent-runs.v1", "field": "workspace_id", "letters": number, "first_at": f"{today}T09:31:07Z",
              "last_at": f"{today}T09:31:07Z", "example": "workspace_id must be a string, got 42"}  # fmt: skip
    more = number > start + limit
    return {"data": letters[start : start + limit], "reasons": [reason] if number else [], "has_more": more,
            "next_cursor": str(start + limit) if more else None, "meta": {},
            "replay_refused_because": replay_refused_because}  # fmt: skip


def replayed(body: dict[str, Any]) -> dict[str, Any]:
    """`POST /api/v1/dead-letters/replay`: three of the thirty would be refused again."""
    left = {"topic": body["topic"], "because": "contract", "field": "workspace_id", "message": "is required",
            "remedy": "add the field", "letters": 3}  # fmt: skip
    return {"dry_run": body["dry_run"], "letters": 30, "published": 27, "left": [left]}


def ingestion(path: str, today: date, faulty: bool | None) -> dict[str, Any]:
    """`GET /api/v1/ingestion/minutes` or `/lag`."""
    return lag(faulty) if path.endswith("/lag") else minutes(today, faulty)


def minutes(today: date, faulty: bool | None) -> dict[str, Any]:
    """`GET /api/v1/ingestion/minutes`."""
    told = {"time": f"{today}T09:29:00Z", "topic": "agent-runs.v1", "accepted": 480, "dead": 3, "batches": 2}
    return {"minutes": None if faulty is None else [told], "meta": {}}


def lag(faulty: bool | None) -> dict[str, Any]:
    """`GET /api/v1/ingestion/lag`: three partitions, one of which is behind where there are faults."""
    if faulty is None:
        return {"behind": None, "partitions": None, "is_at_least": False, "unknown_because": "it is of all", "meta": {}}
    waits = 1234 if faulty else 0
    partitions = [
        {"topic": "agent-runs.v1", "partition": number, "committed": 5000, "end": 5000 + waits * (number == 1),
         "behind": waits * (number == 1)}
        for number in range(3)
    ]  # fmt: skip
    return {"behind": waits, "partitions": partitions, "is_at_least": False, "unknown_because": None, "meta": {}}

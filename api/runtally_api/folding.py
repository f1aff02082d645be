"""From per-agent sums to the answer of `/api/agents/analytics`: rates, averages, the fold into `other`. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from runtally_api.formats import money, ratio

Row = Mapping[str, Any]
AgentKey = tuple[str, str]
STATUSES = ("queued", "running", "stalled", "succeeded", "failed", "timed_out", "cancelled", "unknown")
_COUNTS = (*STATUSES, "runs", "root_runs", "known_durations", "known_tokens", "known_costs")
_SUMS = ("duration_ms", "input_tokens", "output_tokens", "total_tokens", "cost_usd")


def add_up(rows: Iterable[Row]) -> dict[str, Any]:
    """The counts and sums of several rows in one. A sum stays None while nothing of it is known."""
    total: dict[str, Any] = dict.fromkeys(_COUNTS, 0) | dict.fromkeys(_SUMS)
    for row in rows:
        for name in _COUNTS:
            total[name] += row[name]
        for name in _SUMS:
            if row[name] is not None:
                total[name] = row[name] if total[name] is None else total[name] + row[name]
    return total


def totals(row: Row) -> dict[str, Any]:
    """What an agent's row and the totals share, from counts and sums. Formulas: CONTRACT section 2, "Success"."""
    ended = row["succeeded"] + row["failed"] + row["timed_out"] + row["cancelled"]
    return {
        "runs": row["runs"],
        "root_runs": row["root_runs"],
        "status_counts": {name: row[name] for name in STATUSES},
        "success_rate": ratio(row["succeeded"], ended),
        "success_rate_all": ratio(row["succeeded"], row["runs"]),
        "avg_duration_ms": None if row["duration_ms"] is None else ratio(row["duration_ms"], row["known_durations"]),
        "input_tokens": row["input_tokens"],
        "output_tokens": row["output_tokens"],
        "total_tokens": row["total_tokens"],
        "cost_usd": money(row["cost_usd"]),
        "coverage": {
            "duration": row["known_durations"],
            "tokens": row["known_tokens"],
            "cost": row["known_costs"],
        },
    }


def split_busiest(rows: Sequence[Row], limit: int) -> tuple[Sequence[Row], Sequence[Row]]:
    """The `limit` busiest agents, and the rest. `rows` come busiest first."""
    return rows[:limit], rows[limit:]


def agent_totals(listed: Sequence[Row], rest: Sequence[Row]) -> list[dict[str, Any]]:
    """One entry for each listed agent, and one for the rest together when there is any."""
    entries = [
        {
            "workspace_id": row["workspace_id"],
            "agent_id": row["agent_id"],
            "agent_name": row["agent_name"],
            **totals(row),
        }
        for row in listed
    ]
    if rest:
        entries.append(
            {
                "workspace_id": None,
                "agent_id": None,
                "agent_name": None,
                "other": True,
                **totals(add_up(rest)),
            }
        )
    return entries


def runs_per_day(
    rows: Iterable[Row], listed: Sequence[Row], days: Mapping[int, date], *, with_other: bool
) -> list[dict[str, Any]]:
    """Every listed agent on every day, zeros where nothing ran, and the agents not listed together as `other`."""
    keys: list[AgentKey | None] = [(row["workspace_id"], row["agent_id"]) for row in listed]
    known = set(keys)
    cells: dict[tuple[int, AgentKey | None], dict[str, Any]] = {}
    for row in rows:
        key = (row["workspace_id"], row["agent_id"])
        cell = cells.setdefault((row["day_start_ms"], key if key in known else None), _empty_cell())
        for name in ("runs", "succeeded", "failed"):
            cell[name] += row[name]
        if row["cost_usd"] is not None:
            cell["cost_usd"] = (cell["cost_usd"] or Decimal(0)) + row["cost_usd"]
    if with_other:
        keys.append(None)
    empty = _empty_cell()
    return [_day_entry(day, key, cells.get((start, key), empty)) for start, day in days.items() for key in keys]


def _empty_cell() -> dict[str, Any]:
    return {"runs": 0, "succeeded": 0, "failed": 0, "cost_usd": None}


def _day_entry(day: date, key: AgentKey | None, cell: Row) -> dict[str, Any]:
    entry: dict[str, Any] = {"date": day.isoformat(), "workspace_id": None, "agent_id": None}
    if key is None:
        entry["other"] = True
    else:
        entry["workspace_id"], entry["agent_id"] = key
    return {
        **entry,
        "runs": cell["runs"],
        "succeeded": cell["succeeded"],
        "failed": cell["failed"],
        "cost_usd": money(cell["cost_usd"]),
    }

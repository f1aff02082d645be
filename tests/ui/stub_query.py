"""`POST /api/v1/query` and `GET /api/v1/meta` of the stub: answers computed from the seeded cells, plainly."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

from ui.fleet import Cell

from ui import stub_adoption, stub_feedback

ENDED = ("succeeded", "failed", "timed_out", "cancelled")
ERRORS = ("failed", "timed_out")
_SUMS = (
    "input_tokens", "output_tokens", "cache_read_tokens", "llm_calls", "tool_calls", "retries",
)  # fmt: skip
_MEASURES = {
    "runs": ("Runs, sub-runs included; each counts once.", "run", "count"),
    "root_runs": ("Runs that no other run started.", "run", "count"),
    **{status: (f"Runs that are {status}.", "run", "count") for status in (*ENDED, "running")},
    "errors": ("Runs that failed or timed out.", "run", "count"),
    "success_rate": ("Succeeded of those that succeeded, failed, timed out or were cancelled.", "fraction", "share"),
    "failure_rate": ("Failed or timed out of those that ended.", "fraction", "share"),
    "avg_duration_ms": ("Mean duration.", "ms", "duration"),
    "p50_duration_ms": ("The duration that 50% of the runs do not exceed.", "ms", "duration"),
    "p95_duration_ms": ("The duration that 95% of the runs do not exceed.", "ms", "duration"),
    "p90_duration_ms": ("The duration that 90% of the runs do not exceed.", "ms", "duration"),
    "p99_duration_ms": ("The duration that 99% of the runs do not exceed.", "ms", "duration"),
    **{name: (f"Sum of {name}.", "token", "count") for name in (*_SUMS, "total_tokens")},
    "cache_hit_rate": ("Input tokens out of a cache, of the input tokens.", "fraction", "share"),
    "cost_usd": ("Known cost; a run's own, without its sub-runs'.", "usd", "money"),
    "cost_per_run_usd": ("Known cost for each run whose cost is known.", "usd/run", "money"),
    "cost_per_success_usd": ("Known cost of all runs, for each that succeeded.", "usd/run", "money"),
    "cost_coverage": ("Runs whose cost is known, of all.", "fraction", "share"),
    "avg_files_modified": ("Mean number of files that a run modified.", "file", "number"),
    "recovery_rate": ("Runs that recovered, of those with an error type.", "fraction", "share"),
    "runs_with_errors": ("Runs that failed, timed out or name an error type.", "run", "count"),
    "mean_time_to_recovery_ms": ("Mean time of the runs that recovered.", "ms", "duration"),
    "first_run_at": ("When the first of the runs started.", "instant", "instant"),
    "last_run_at": ("When the last of the runs started.", "instant", "instant"),
    "active_agents": ("Distinct agents.", "agent", "count"),
    "active_users": ("Distinct users.", "user", "count"),
    **stub_adoption.MEASURES,
    **stub_feedback.MEASURES,
}
DIMENSIONS = (
    "workspace_id", "agent_id", "agent_name", "agent_version", "model", "status", "environment", "user_id",
    "error_type", "error_category", "error_severity", "hour", "weekday", "is_root", "session_id", "parent_run_id",
    "has_error", "has_cost", "run_id", "duration_ms",
)  # fmt: skip
_STEPS = {"hour": timedelta(hours=1), "quarter_hour": timedelta(minutes=15), "minute": timedelta(minutes=1)}


def catalogue() -> dict[str, Any]:
    return {
        "measures": [
            {"name": name, "meaning": meaning, "unit": unit, "format": form}
            for name, (meaning, unit, form) in _MEASURES.items()
        ],
        "dimensions": [{"name": name, "meaning": ""} for name in DIMENSIONS],
    }


def unknown_names(body: dict[str, Any]) -> list[dict[str, str]]:
    """What the real API would refuse."""
    errors = [
        {"field": f"measures[{place}]", "message": f"unknown measure '{name}'"}
        for place, name in enumerate(body["measures"])
        if name not in _MEASURES
    ]
    names = [*body.get("dimensions", []), *(entry["dimension"] for entry in body.get("filters", []))]
    return errors + [
        {"field": "dimensions", "message": f"unknown dimension '{name}'"} for name in names if name not in DIMENSIONS
    ]


def answer(cells: Sequence[Cell], body: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
    """The rows, dense in time: every chosen group at every step. `meta` is what every answer says of itself."""
    body = body | {"dimensions": _with_workspace(body.get("dimensions", []))}
    zone = ZoneInfo(body["time"].get("timezone", "UTC"))
    start, end = _range(body["time"], zone)
    matching = [cell for cell in cells if matches(cell, body)]
    shown = [cell for cell in matching if start <= started(cell) < end]
    granularity = _granularity(body["time"].get("granularity", "none"), end - start)
    earlier_start = _earlier(start, end, body.get("compare"))
    then = [cell for cell in matching if earlier_start <= started(cell) < earlier_start + (end - start)]
    names, groups = body.get("dimensions", []), _groups(shown, body)
    data = []
    for begin, finish in _steps(start, end, granularity):
        for key, is_other, members in groups:
            here = [cell for cell in members if granularity == "none" or begin <= started(cell) < finish]
            row: dict[str, Any] = {} if granularity == "none" else {"time": begin.isoformat().replace("+00:00", "Z")}
            row |= dict(zip(names, key, strict=True)) | ({"other": is_other} if names else {})
            row |= measures(here, body["measures"])
            if body.get("compare"):
                moved = start - earlier_start
                before = [cell for cell in then if not names or _key(cell, names) == key]
                before = [
                    cell for cell in before if granularity == "none" or begin - moved <= started(cell) < finish - moved
                ]
                row["compare"] = measures(before, body["measures"])
                row["change"] = {name: _change(row[name], row["compare"][name]) for name in body["measures"]}
            data.append(row)
    found = [cell.day for cell in matching]
    totals = measures(shown, body["measures"])
    if body.get("compare"):
        totals["compare"] = measures(then, body["measures"])
    return {
        "data": data,
        "columns": [],
        "totals": totals,
        "meta": meta
        | {
            "granularity": granularity,
            "coverage": _known(shown, body["measures"]),
            "approximate": {},
            "data_range": {"first": f"{min(found)}T08:00:00Z", "last": f"{max(found)}T09:29:58Z"} if found else None,
        },
    }


def _with_workspace(names: Sequence[str]) -> list[str]:
    """Agents of one name in two workspaces are two."""
    return ["workspace_id", *names] if "agent_id" in names and "workspace_id" not in names else list(names)


def started(cell: Cell) -> datetime:
    return datetime.combine(cell.day, time(cell.hour), ZoneInfo("UTC"))


def matches(cell: Cell, body: dict[str, Any]) -> bool:
    for entry in body.get("filters", []):
        if entry["dimension"] == "duration_ms":
            if not _is_within(cell, entry):
                return False
            continue
        inside = _value(cell, entry["dimension"]) in entry["values"]
        if inside == (entry.get("op", "in") == "not_in"):
            return False
    return True


def _is_within(cell: Cell, entry: dict[str, Any]) -> bool:
    """Every run of a cell takes the cell's mean."""
    if not cell.timed:
        return False
    mean, (bound,) = cell.duration_ms / cell.timed, entry["values"]
    return bool(mean >= bound if entry["op"] == "gte" else mean < bound)


def measures(cells: Sequence[Cell], names: Sequence[str]) -> dict[str, Any]:
    return {name: _measure(cells, name) for name in names}


def _change(now: Any, then: Any) -> float | None:
    return None if now is None or not then else (float(now) - float(then)) / float(then)


def _measure(cells: Sequence[Cell], name: str) -> Any:
    runs = sum(cell.runs for cell in cells)
    counts = {status: sum(cell.runs for cell in cells if cell.status == status) for status in (*ENDED, "running")}
    ended, errors = sum(counts[status] for status in ENDED), sum(counts[status] for status in ERRORS)
    priced, timed = sum(cell.priced for cell in cells), sum(cell.timed for cell in cells)
    cost = sum((cell.cost_usd for cell in cells), Decimal(0))
    known = sum(cell.with_tokens for cell in cells)
    if name in counts:
        return counts[name]
    if name in _SUMS:
        return sum(getattr(cell, name) for cell in cells) if known else None
    if name.startswith("p") and name.endswith("_duration_ms"):
        return _percentile(cells, int(name[1:3]) / 100)
    given = sum(cell.input_tokens for cell in cells)
    with_files = sum(cell.runs for cell in cells if cell.files_modified is not None)
    with_error = sum(cell.runs for cell in cells if cell.error_type)
    computed: dict[str, Callable[[], Any]] = {
        "runs": lambda: runs,
        "root_runs": lambda: sum(cell.root_runs for cell in cells),
        "errors": lambda: errors,
        "success_rate": lambda: counts["succeeded"] / ended if ended else None,
        "failure_rate": lambda: errors / ended if ended else None,
        "avg_duration_ms": lambda: sum(cell.duration_ms for cell in cells) / timed if timed else None,
        "total_tokens": lambda: sum(cell.input_tokens + cell.output_tokens for cell in cells) if known else None,
        "cache_hit_rate": lambda: sum(cell.cache_read_tokens for cell in cells) / given if given else None,
        "cost_usd": lambda: _text(cost) if priced else None,
        "cost_per_run_usd": lambda: _text(cost / priced) if priced else None,
        "cost_per_success_usd": lambda: _text(cost / counts["succeeded"]) if priced and counts["succeeded"] else None,
        "cost_coverage": lambda: priced / runs if runs else None,
        "avg_files_modified": lambda: (
            sum((cell.files_modified or 0) * cell.runs for cell in cells) / with_files if with_files else None
        ),
        "recovery_rate": lambda: (
            sum(cell.runs for cell in cells if cell.error_type and cell.recovered) / with_error if with_error else None
        ),
        "active_agents": lambda: len({(cell.workspace_id, cell.agent_id) for cell in cells}),
        "active_users": lambda: len({cell.user_id for cell in cells if cell.user_id}),
        "runs_with_errors": lambda: sum(cell.runs for cell in cells if has_error(cell)),
        "mean_time_to_recovery_ms": lambda: _mean_recovery_ms(cells),
        "first_run_at": lambda: _instant(min(map(started, cells), default=None)),
        "last_run_at": lambda: _instant(max(map(started, cells), default=None)),
    }
    for told in (stub_adoption, stub_feedback):
        if name in told.MEASURES:
            return told.measure(cells, name)
    return computed[name]()


def has_error(cell: Cell) -> bool:
    return bool(cell.error_type) or cell.status in ERRORS


def _mean_recovery_ms(cells: Sequence[Cell]) -> float | None:
    recovered = [cell for cell in cells if cell.error_type and cell.recovered]
    runs = sum(cell.runs for cell in recovered)
    return sum(cell.runs * (2500 + 100 * len(cell.error_type)) for cell in recovered) / runs if runs else None


def _instant(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat().replace("+00:00", "Z")


def _sortable(value: Any) -> float:
    return datetime.fromisoformat(value).timestamp() if isinstance(value, str) and ":" in value else float(value or 0)


def _known(cells: Sequence[Cell], names: Sequence[str]) -> dict[str, dict[str, int]]:
    runs = sum(cell.runs for cell in cells)
    known = {
        "cost_usd": sum(cell.priced for cell in cells),
        "avg_duration_ms": sum(cell.timed for cell in cells),
        "total_tokens": sum(cell.with_tokens for cell in cells),
    }
    return {name: {"known": known[name], "runs": runs} for name in names if name in known}


def _groups(cells: Sequence[Cell], body: dict[str, Any]) -> list[tuple[tuple[Any, ...], bool, list[Cell]]]:
    names = body.get("dimensions", [])
    if not names:
        return [((), False, list(cells))]
    by_key: dict[tuple[Any, ...], list[Cell]] = defaultdict(list)
    for cell in cells:
        by_key[_key(cell, names)].append(cell)
    ranked = sorted(by_key, key=lambda key: (-sum(cell.runs for cell in by_key[key]), key))
    for entry in reversed(body.get("order", [])):
        ranked.sort(key=lambda key: _sortable(_measure(by_key[key], entry["by"])), reverse=entry["direction"] == "desc")
    limit = body.get("limit", 100)
    groups = [(key, False, by_key[key]) for key in ranked[:limit]]
    rest = [cell for key in ranked[limit:] for cell in by_key[key]]
    if rest and body.get("other", True):
        groups.append((tuple(None for _ in names), True, rest))
    return groups


def _key(cell: Cell, names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(_value(cell, name) for name in names)


def _value(cell: Cell, name: str) -> Any:
    computed = {
        "weekday": cell.day.isoweekday(), "session_id": cell.session_id, "parent_run_id": cell.parent_run_id,
        "has_error": has_error(cell), "has_cost": cell.priced > 0,
        "run_id": f"{cell.agent_id}-{cell.day}-{cell.status}",
    }  # fmt: skip
    return computed[name] if name in computed else getattr(cell, name)


def _range(asked: dict[str, str], zone: ZoneInfo) -> tuple[datetime, datetime]:
    return _bound(asked["from"], zone, timedelta()), _bound(asked["to"], zone, timedelta(days=1))


def _bound(text: str, zone: ZoneInfo, more: timedelta) -> datetime:
    if len(text) == 10:
        return datetime.combine(date.fromisoformat(text) + more, time(), zone)
    return datetime.fromisoformat(text).astimezone(zone)


def _granularity(asked: str, length: timedelta) -> str:
    if asked != "auto":
        return asked
    if length <= timedelta(hours=25):
        return "quarter_hour"
    if length <= timedelta(days=7, hours=1):
        return "hour"
    return "day" if length <= timedelta(days=100) else "week"


def _steps(start: datetime, end: datetime, granularity: str) -> list[tuple[datetime, datetime]]:
    if granularity == "none":
        return [(start, end)]
    if granularity in _STEPS:
        count = ceil((end - start) / _STEPS[granularity])
        edges = [start + _STEPS[granularity] * place for place in range(count + 1)]
        return list(pairwise(edges))
    day = start.replace(hour=0)
    if granularity == "week":
        day -= timedelta(days=day.weekday())
    if granularity == "month":
        day = day.replace(day=1)
    found = []
    while day < end:
        following = day + timedelta(days=7 if granularity == "week" else 1)
        if granularity == "month":
            following = (day + timedelta(days=32)).replace(day=1)
        found.append((day, following))
        day = following
    return found


def _earlier(start: datetime, end: datetime, compare: str | None) -> datetime:
    if compare == "previous_week":
        return start - timedelta(days=7)
    if compare == "previous_year":
        return start.replace(year=start.year - 1)
    return start - (end - start)


def _percentile(cells: Sequence[Cell], level: float) -> float | None:
    """Nearest rank, every run of a cell taking the cell's mean."""
    known = sorted((cell.duration_ms / cell.timed, cell.timed) for cell in cells if cell.timed)
    rank = ceil(level * sum(runs for _, runs in known))
    for value, runs in known:
        rank -= runs
        if rank <= 0:
            return value
    return None


def _text(value: Decimal) -> str:
    return f"{round(value, 9).normalize():f}"

"""`GET /api/v1/metrics/execution/realtime` of the stub: what began at nine today began just now."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from ui.fleet import Cell


def realtime(cells: Sequence[Cell], today: date) -> dict[str, Any]:
    recent = [cell for cell in cells if cell.day == today and cell.hour == 9]
    runs = sum(cell.runs for cell in recent)
    errors = sum(cell.runs for cell in recent if cell.status in ("failed", "timed_out"))
    ended = sum(cell.runs for cell in recent if cell.status != "running")
    five = {
        "runs": runs, "succeeded": ended - errors, "errors": errors, "failure_rate": errors / ended if ended else None,
        "runs_per_minute": runs / 5,
    }  # fmt: skip
    counts = {
        name: sum(cell.runs for cell in cells if cell.status == name) for name in ("queued", "running", "stalled")
    }
    return {
        "now": counts,
        "last_minute": {**five, "runs": runs // 5},
        "last_five_minutes": five,
        "meta": {"data_as_of": f"{today}T09:30:01.120Z"},
    }

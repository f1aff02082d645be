"""The arithmetic and naming behind `/api/v1/analytics/*` (CONTRACT 3.2), where a message is a run. Pure."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from runtally_api.formats import ratio

Row = Mapping[str, Any]


def mean_ms(row: Row) -> float | None:
    """The mean of the known durations, to two decimals."""
    mean = ratio(row["duration_ms"] or 0, row["known_durations"])
    return None if mean is None else round(mean, 2)


def daily_usage(rows: Iterable[Row], days: Mapping[int, date]) -> list[dict[str, Any]]:
    """One entry for each day, zeros where nothing ran."""
    by_day = {row["day_start_ms"]: row for row in rows}
    empty = {"messages": 0, "tokens": 0, "sessions": 0}
    return [
        {"date": day.isoformat(), **{name: by_day.get(start, empty)[name] for name in empty}}
        for start, day in days.items()
    ]


def agent_usage(row: Row) -> dict[str, Any]:
    """An agent's entry from its sums; `error_rate` is a percentage, the only one in the API."""
    errors = row["failed"] + row["timed_out"]
    return {
        "usage_count": row["runs"],
        "total_tokens": row["total_tokens"] or 0,
        "avg_response_time_ms": mean_ms(row),
        "error_count": errors,
        "error_rate": round(100 * errors / row["runs"], 2) if row["runs"] else 0.0,
    }


def model_name(model_id: str) -> str:
    """A readable name: "models/llama-2-7b_chat.gguf" is "Llama 2 7B Chat"."""
    last_segment = model_id.rstrip("/").rpartition("/")[2]
    return re.sub(r"[-_]", " ", re.sub(r"\.(gguf|bin)(?![A-Za-z0-9])", "", last_segment)).title()

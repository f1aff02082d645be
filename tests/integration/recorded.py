"""The recorded runs of ../shared/data as snapshots: read where they lie, never copied into the project."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_recorded_runs = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"NOT TESTED against recorded runs: there is no {DATA.parent.name}/{DATA.name} here"
)
Row = dict[str, Any]


def truth(name: str) -> Row:
    """The answers that a set must give, money as exact decimals."""
    found: Row = json.loads((DATA / name / "truth.json").read_text(), parse_float=Decimal)
    return found


def rows(name: str, file: str) -> Iterator[Row]:
    for line in (DATA / name / file).read_text().splitlines():
        yield json.loads(line, parse_float=Decimal)


def vexp_snapshots() -> list[Row]:
    """100 coding-agent runs with tokens and cost; all have the one nominal time that the source gives."""
    return [
        {
            "run_id": row["instanceId"],
            "workspace_id": "vexp",
            "agent_id": row["agent"],
            "model": row["model"],
            "status": "succeeded" if row["resolved"] else "failed",
            "started_at": row["timestamp"],
            "updated_at": row["timestamp"],
            "duration_ms": row["durationMs"],
            "input_tokens": row["inputTokens"] + row["cacheReadTokens"] + row["cacheCreationTokens"],
            "output_tokens": row["outputTokens"],
            "cache_read_tokens": row["cacheReadTokens"],
            "cache_write_tokens": row["cacheCreationTokens"],
            "cost_usd": str(row["costUsd"]),
            "llm_calls": row["numTurns"],
            "tool_calls": sum((row["toolCalls"] or {}).values()),
        }
        for row in rows("vexp_swebench", "runs.jsonl")
    ]


def metr_snapshots() -> list[Row]:
    """Agent runs with real times over 38 days, and human rows that claim to have begun in 1970."""
    return [
        {
            "run_id": str(row["run_id"]),
            "workspace_id": "metr",
            "agent_id": row["alias"],
            "model": row["model"],
            "status": "succeeded" if row["score_binarized"] else "failed",
            "error_type": row["fatal_error_from"] or "",
            "started_at": _instant(row["started_at"]),
            "finished_at": _instant(row["completed_at"]),
            "updated_at": _instant(row["completed_at"]),
            "tags": {"family": row["task_family"]},
        }
        for row in rows("metr", "all_runs.jsonl")
    ]


def _instant(epoch_ms: int) -> str:
    return (EPOCH + timedelta(milliseconds=int(epoch_ms))).isoformat()

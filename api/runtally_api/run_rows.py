"""A run as the answers show it (CONTRACT 3.4), and the cursor to the page after it. Pure."""

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from runtally_clickhouse.catalogue import LAST_INSTANT, unix_ms
from runtally_clickhouse.run_lists import LastRun

from runtally_api.cursor_seals import not_ours
from runtally_api.formats import instant, money, shortened

Row = Mapping[str, Any]
REDACTED = "[redacted]"
_INSTANTS = ("started_at", "updated_at", "finished_at", "handed_off_at")
_MONEY = ("cost_usd", "credits")
_PLAIN = [
    "duration_ms",
    "queue_ms",
    "provider",
    "model",
    "agent_version",
    "environment",
    "trigger",
    "user_id",
    "session_id",
    "trace_id",
    "parent_run_id",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_source",
    "price_version",
    "llm_calls",
    "tool_calls",
    "files_modified",
    "retries",
    "error_type",
    "error_severity",
    "error_category",
    "recovered",
    "recovery_ms",
    "tags",
    "clock_skew",
]


def run_answer(row: Row, *, whole_message: bool, redact: re.Pattern[str] | None) -> dict[str, Any]:
    """Every field of the contract, the stored key as `id`, and `stalled` beside the status as it was published.

    What `redact` matches in the error message is not shown.
    """
    message = row["error_message"] if redact is None else redact.sub(REDACTED, row["error_message"])
    return {
        "run_id": row["external_id"],
        "id": str(row["run_id"]),
        "workspace_id": row["workspace_id"],
        "agent_id": row["agent_id"],
        "agent_name": row["agent_name"],
        "status": row["status"],
        "stalled": bool(row["is_stalled"]),
        **{name: instant(row[name]) for name in _INSTANTS},
        **{name: row[name] for name in _PLAIN},
        **{name: money(row[name]) for name in _MONEY},
        "deleted": False,  # deleted runs are in no answer
        "error_message": message if whole_message else shortened(message),
    }


def page_coverage(rows: list[dict[str, Any]]) -> dict[str, int]:
    """The coverage of the runs on one page."""
    return {
        "runs": len(rows),
        "cost": sum(row["cost_usd"] is not None for row in rows),
        "duration": sum(row["duration_ms"] is not None for row in rows),
        "tokens": sum(row["total_tokens"] is not None for row in rows),
    }


class Cursor(LastRun):
    """Where the next page begins, as text that clients hand back."""

    @classmethod
    def after(cls, row: Row) -> "Cursor":
        started: datetime = row["started_at"]
        return cls(unix_ms(started.replace(tzinfo=UTC)), row["run_id"], row["workspace_id"])

    def encode(self) -> str:
        text = json.dumps([self.started_ms, str(self.run_id), self.workspace_id])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Raises `InvalidRequest` for anything that `encode` did not make."""
        try:
            started_ms, run_id, workspace_id = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            workspace_id.encode("utf-8")
            if type(started_ms) is not int or not 0 <= started_ms <= unix_ms(LAST_INSTANT):
                raise TypeError("not a cursor")
            return cls(started_ms, UUID(run_id), workspace_id)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise not_ours() from error

"""Every field of a run in groups, as people read them. A field of a later version is listed with the others."""

from collections.abc import Mapping
from datetime import datetime
from html import escape

from runtally_ui import formats
from runtally_ui.answers import QueryRow
from runtally_ui.statuses import status_words

GROUPS: Mapping[str, Mapping[str, str]] = {
    "Run": {
        "run_id": "Run id", "id": "Stored key", "status": "Status", "agent_name": "Agent", "agent_id": "Agent id",
        "agent_version": "Agent version", "workspace_id": "Workspace", "environment": "Environment",
        "trigger": "Trigger", "user_id": "User", "session_id": "Session", "parent_run_id": "Started by run",
        "trace_id": "Trace",
    },
    "Time": {
        "started_at": "Started", "handed_off_at": "Handed off", "finished_at": "Finished", "updated_at": "Updated",
        "duration_ms": "Duration", "queue_ms": "Time in queue", "clock_skew": "Clock skew",
    },
    "Model, tokens and cost": {
        "provider": "Provider", "model": "Model", "input_tokens": "Input tokens",
        "cache_read_tokens": "of them out of a cache", "cache_write_tokens": "of them into a cache",
        "output_tokens": "Output tokens", "reasoning_tokens": "of them reasoning", "total_tokens": "Tokens in all",
        "cost_usd": "Cost", "cost_source": "Cost is", "price_version": "Price list", "credits": "Credits",
    },
    "Work and errors": {
        "llm_calls": "LLM calls", "tool_calls": "Tool calls", "files_modified": "Files modified",
        "retries": "Retries", "error_type": "Error", "error_category": "Category", "error_severity": "Severity",
        "recovered": "Recovered", "recovery_ms": "Recovery took",
    },
}  # fmt: skip
ELSEWHERE = frozenset({"error_message", "tags", "stalled", "deleted"})
"""Fields that the page shows in another place, or that are the same for every run."""


def field_groups(run: QueryRow, timezone: str) -> dict[str, list[tuple[str, str]]]:
    """The label and text of each field by group; unknown ones are `–`."""
    found = {
        title: [(label, field_text(run, name, timezone)) for name, label in fields.items()]
        for title, fields in GROUPS.items()
    }
    known = {name for fields in GROUPS.values() for name in fields}
    tags = run.cells.get("tags") or {}
    found["Tags"] = [(str(name), str(value)) for name, value in tags.items()]
    found["Other fields"] = [
        (name, field_text(run, name, timezone)) for name in run.cells if name not in known | ELSEWHERE
    ]
    return {title: fields for title, fields in found.items() if fields}


def field_text(run: QueryRow, name: str, timezone: str) -> str:
    """One field in words, whole and unrounded."""
    value = run.cells.get(name)
    if name == "status":
        return status_words(run)
    if value is None or value == "":
        return formats.MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith("_at"):
        return _instant(str(value), timezone)
    if name.endswith("_ms"):
        return f"{formats.duration(run.number(name))} ({run.number(name):,.0f} ms)"
    if name == "cost_usd":
        return f"${value}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def definition_list(fields: list[tuple[str, str]]) -> str:
    """HTML of labels beside values, both escaped; style.css sets it."""
    rows = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in fields)
    return f'<dl class="fields">{rows}</dl>'


def _instant(text: str, timezone: str) -> str:
    try:
        return formats.instant(datetime.fromisoformat(text), timezone)
    except ValueError:
        return text

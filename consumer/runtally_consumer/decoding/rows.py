"""From an event of the reference models to the row of its table, one event at a time.

Columns whose name is a field of the event take that field; the others are listed here.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import pyarrow as pa
from runtally.events import AgentLifecycle, Event, RunFeedback, RunSnapshot, UserActivity
from runtally.identity import derive_uuid7, is_uuid7

from runtally_consumer.decoding.versions import event_version, run_version

Cell = Callable[[Any, bytes], object]
"""What a column holds, given the event and the message value that it came from."""


def _version_bytes(version: int) -> bytes:
    return version.to_bytes(16, "little")


def _key_bytes(workspace_id: str, given_id: str, at: datetime) -> bytes:
    key = UUID(given_id) if is_uuid7(given_id) else derive_uuid7(workspace_id, given_id, at)
    return key.bytes


def _run_version(event: RunSnapshot, value: bytes) -> bytes:
    return _version_bytes(run_version(event.status, event.deleted, event.updated_at, value))


RUN_CELLS: Mapping[str, Cell] = {
    "run_id": lambda event, value: event.id.bytes,
    "external_id": lambda event, value: event.run_id,
    "version": _run_version,
    "is_deleted": lambda event, value: int(event.deleted),
    "duration_ms": lambda event, value: event.elapsed_ms,
    "cost_source": lambda event, value: event.known_cost_source,
    "tags": lambda event, value: list(event.tags.items()),
}
FEEDBACK_CELLS: Mapping[str, Cell] = {
    "id": lambda event, value: _key_bytes(event.workspace_id, event.feedback_id, event.created_at),
    "version": lambda event, value: _version_bytes(event_version(event.created_at, value)),
}
LIFECYCLE_CELLS: Mapping[str, Cell] = {
    "id": lambda event, value: _key_bytes(event.workspace_id, event.event_id, event.at),
    "version": lambda event, value: _version_bytes(event_version(event.at, value)),
}
ACTIVITY_CELLS: Mapping[str, Cell] = {
    **LIFECYCLE_CELLS,
    "properties": lambda event, value: list(event.properties.items()),
}
CELLS: Mapping[type[Event], Mapping[str, Cell]] = {
    RunSnapshot: RUN_CELLS,
    RunFeedback: FEEDBACK_CELLS,
    AgentLifecycle: LIFECYCLE_CELLS,
    UserActivity: ACTIVITY_CELLS,
}


def rows_table(schema: pa.Schema, events: Sequence[tuple[Event, bytes]]) -> pa.Table:
    """The rows of events of one kind, each given with its message value."""
    cells = CELLS[type(events[0][0])] if events else {}
    columns = []
    for column in schema:
        cell = cells.get(column.name)
        if cell is None:
            items = [getattr(event, column.name) for event, _ in events]
        else:
            items = [cell(event, value) for event, value in events]
        columns.append(pa.array(items, type=column.type))
    return pa.Table.from_arrays(columns, schema=schema)

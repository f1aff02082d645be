"""A row to try a table with, before it has taken any: one that no answer ever shows. Pure.

Its workspace is the empty name, which the contract forbids and every question leaves out; that of a run is a tombstone
besides. It is made by the decoder and goes the way of every row, so a table that refuses it is at fault, not the row in
question. It is the same each time, so at most one stays.
"""

import json
from collections.abc import Mapping

import pyarrow as pa

from runtally_consumer.decoding import DECODERS

_NAME, _AT = "runtally-control", "2015-01-01T00:00:00Z"
_MESSAGES: Mapping[str, Mapping[str, object]] = {
    "agent_runs": {
        "run_id": _NAME,
        "agent_id": _NAME,
        "status": "unknown",
        "started_at": _AT,
        "updated_at": _AT,
        "deleted": True,
    },
    "agent_feedback": {"feedback_id": _NAME, "run_id": _NAME, "agent_id": _NAME, "rating": 3, "created_at": _AT},
    "agent_lifecycle": {"event_id": _NAME, "agent_id": _NAME, "to_state": _NAME, "at": _AT},
    "user_activity": {"event_id": _NAME, "user_id": _NAME, "event_name": _NAME, "at": _AT},
}


def control_row(table: str) -> pa.Table | None:
    """The same row each time; None for a table that no topic is written to."""
    decoder = next((decoder for decoder in DECODERS.values() if decoder.table == table), None)
    if decoder is None:
        return None
    rows = decoder.decode([json.dumps({"workspace_id": _NAME, **_MESSAGES[table]}).encode()]).table
    at = rows.schema.get_field_index("workspace_id")
    return rows.set_column(at, rows.schema.field(at), pa.array([""], pa.string()))

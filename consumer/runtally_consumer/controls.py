"""A row to try a table with, before it has taken any: one that no answer ever shows. Pure.

It is a tombstone of a run that nobody can have: its workspace is the empty name, which the contract forbids. It is
made by the decoder and goes the way of every row, so a table that refuses it is at fault, not the row in question.
"""

import json

import pyarrow as pa

from runtally_consumer.decoding import DECODERS

_TOPIC = "agent-runs.v1"
_MESSAGE = {
    "run_id": "runtally-control",
    "workspace_id": "runtally-control",
    "agent_id": "runtally-control",
    "status": "unknown",
    "started_at": "2015-01-01T00:00:00Z",
    "updated_at": "2015-01-01T00:00:00Z",
    "deleted": True,
}


def control_row(table: str) -> pa.Table | None:
    """The same row each time; None for a table without tombstones, where any row would be seen."""
    decoder = DECODERS[_TOPIC]
    if table != decoder.table:
        return None
    rows = decoder.decode([json.dumps(_MESSAGE).encode()]).table
    at = rows.schema.get_field_index("workspace_id")
    return rows.set_column(at, rows.schema.field(at), pa.array([""], pa.string()))

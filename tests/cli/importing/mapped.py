"""Shortcuts for the tests of this folder: a map in text, rows in JSON text, and what comes out."""

from typing import Any

import pytest
from runtally.events import RunSnapshot
from runtally.json_text import read_json
from runtally.violations import InvalidEvent
from runtally_cli.importing.compiling import compile_map
from runtally_cli.importing.map_file import InvalidMap, parse_map
from runtally_cli.importing.mapping import RunMap

ANY_RUN = """
run_id: id
workspace_id: {const: acme}
agent_id: {const: planner}
status: {const: succeeded}
started_at: {const: 2026-11-21T09:00:00Z}
"""


def run_map(more: str = "", less: str = "") -> RunMap:
    """The map of any run, without the field `less`, with more lines."""
    kept = [line for line in ANY_RUN.splitlines() if not (less and line.startswith(f"{less}:"))]
    return compile_map(parse_map("\n".join([*kept, more])))


def mapped(field: str, entry: str, row: str) -> Any:
    """The field's value in the snapshot when the map says `field: entry`."""
    return getattr(snapshot(run_map(f"{field}: {entry}", less=field), row), field)


def snapshot(compiled: RunMap, row: str) -> RunSnapshot:
    """The snapshot of a row in JSON text; an `id` is put in when there is none."""
    value = read_json(row.encode())
    return compiled.snapshot({"id": "r-1", **value} if type(value) is dict else value)


def refused(field: str, entry: str, row: str) -> str:
    """Why the row is rejected, and the remedy."""
    with pytest.raises(InvalidEvent) as caught:
        mapped(field, entry, row)
    (violation,) = caught.value.violations
    assert violation.field == field
    return f"{violation.message}; {violation.remedy}"


def problems(text: str) -> str:
    """What is wrong with a map."""
    with pytest.raises(InvalidMap) as caught:
        compile_map(parse_map(text))
    return "\n".join(caught.value.problems)

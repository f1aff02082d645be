"""Ids that producers gave to several runs, looked for among all rows a slice of the keys at a time."""

from dataclasses import dataclass
from typing import Final

from runtally_clickhouse.catalogue import RunQuestion, RunScope, ask
from runtally_clickhouse.client import Reader, Row

# The engine takes some 35 bytes a row to find keys that share their lower half: half a gigabyte a slice.
SLICE_ROWS: Final = 16_000_000


@dataclass(frozen=True, slots=True)
class SplitRuns:
    """How many there are, and the rows of split_runs.sql for those with the newest runs."""

    total: int
    newest: list[Row]


def find_split_runs(
    reader: Reader, scope: RunScope, stored_rows: int, limit: int, slice_rows: int = SLICE_ROWS
) -> SplitRuns:
    """Those in the scope, at most `limit` of them told; `stored_rows` are about as many as the scope's workspaces have.

    Blocks for a scan of the keys a slice, one after the other; raises as `Reader.query`.
    """
    slices = max(1, -(-stored_rows // slice_rows))
    total = 0
    found: list[Row] = []
    for each in range(slices):
        rows = ask(reader, RunQuestion.SPLIT_RUNS, scope, {"limit": limit, "slices": slices, "slice": each})
        total += rows[0]["split_runs"] if rows else 0
        found += rows
    found.sort(key=lambda row: (row["workspace_id"], row["external_id"]))
    found.sort(key=lambda row: row["last"], reverse=True)
    return SplitRuns(total, found[:limit])

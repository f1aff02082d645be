"""No question forgets the workspaces: each query file that reads a table of tenants binds them, or is named here."""

import re
from importlib import resources
from typing import Final

QUERIES: Final = resources.files("runtally_clickhouse") / "queries"
# Not answers to anybody who is bound to workspaces, and why.
UNBOUND: Final = {
    "rollup_status": "`runtally rollup status`, for the operator",
    "stored_versions": "replaying compares keys and versions before it writes",
    "differing_buckets": "the consumer compares rollups with their runs",
    "dead_letters_newest_first": "`runtally dlq`, for the operator",
    "dead_letter_values": "replays, for the operator and for callers who may see all workspaces",
    "next_running": "whether a kept answer still holds: the row filters bind it, no answer shows it",
    "rolled_up_cells": "the consumer rolls up",
    "mark_buckets": "the consumer marks",
    "drop_generations": "the consumer drops rollups",
    "superseded_generations": "the consumer drops rollups",
    "greatest_generation": "the consumer rolls up",
    "erase_runs": "the consumer and `runtally erase` do what was permitted when it was requested",
    "erase_letters": "as erase_runs",
    "erasure_letter_hits": "as erase_runs",
    "mark_erased": "as erase_runs",
}


def _texts() -> dict[str, str]:
    files = [entry for entry in QUERIES.iterdir() if entry.name.endswith(".sql")]
    return {
        entry.name.removesuffix(".sql"): "\n".join(
            line for line in entry.read_text().splitlines() if not line.startswith("--")
        )
        for entry in files
    }


def _tables_of_tenants() -> set[str]:
    schema = resources.files("runtally_clickhouse").joinpath("schema.sql").read_text()
    return {
        name for name, body in re.findall(r"CREATE TABLE (\w+)(.*?);", schema, re.DOTALL) if "`workspace_id`" in body
    }


def test_each_query_file_binds_the_workspaces_once_for_each_table_that_it_reads() -> None:
    tables, texts = _tables_of_tenants(), _texts()
    reading = {
        name: [table for table in re.findall(r"(?:FROM|JOIN) (\w+)\b", text) if table in tables]
        for name, text in texts.items()
    }
    found = [
        name
        for name, read in reading.items()
        if len(read) > texts[name].count("{visible_workspaces:Array(String)}") and name not in UNBOUND
    ]

    assert sum(map(bool, reading.values())) > 8
    assert not found, f"bind these to {{visible_workspaces}}, or say in UNBOUND why not: {found}"
    assert not [name for name in UNBOUND if name not in texts], "these are no more"

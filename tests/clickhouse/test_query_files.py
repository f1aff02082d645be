"""Each query file is one of those known here, says what it answers, and reads no relation but those it may."""

from importlib import resources

from clickhouse.asked_elsewhere import OF_LIFECYCLE, OF_LISTS
from clickhouse.withdrawing_files import OF_WITHDRAWALS
from runtally_clickhouse.catalogue import RunQuestion, query_text
from runtally_clickhouse.measures.cell_questions import CellQuestion

# About what the consumer did, not about runs.
OF_INGESTION = {
    "data_as_of",
    "dead_letter_values",
    "dead_letters_newest_first",
    "effective_settings",
    "ingested_offsets",
    "ledger_ranges",
    "partition_resumes",
    "partition_stops",
    "stored_versions",
    "table_statements",
}
# About who may ask, and what they did.
OF_ACCESS = {
    "add_nothing",
    "api_key",
    "api_keys_newest_first",
    "audit_newest_first",
    "local_users",
    "refresh_tokens",
    "sign_in_attempts",
}
# Rollups as they are kept; what is in them is made of the catalogue's relations.
OF_ROLLUPS: dict[str, list[str]] = {
    "clean_buckets": [],
    "differing_buckets": [],
    "dirty_buckets": [],
    "drop_generations": [],
    "error_runs_of_buckets": ["FROM merged_runs"],
    "greatest_generation": [],
    "is_replicated": ["agent_runs"],
    "mark_buckets": ["agent_runs"],
    "publish_rollups": [],
    "rolled_up_cells": ["FROM run_cells"],
    "session_cells_of_buckets": ["FROM run_cells"],
    "rollup_status": ["agent_runs"],
    "rollups_checked": [],
    "superseded_generations": [],
    "tell_rollups_checked": [],
    "wide_cells": [],
}
# What the questions of the catalogue are composed of, and what each of it reads; tests/clickhouse/measures asks them.
OF_THE_CATALOGUE: dict[str, list[str]] = {
    "merged_runs": ["agent_runs"],
    "listed_runs": ["FROM merged_runs"],
    "run_cells": ["FROM merged_runs"],
    "run_facts": ["FROM run_cells"],
    "session_facts": ["FROM run_cells"],
    "handed_off_runs": ["FROM run_cells"],
    "handed_off_of_sessions": ["FROM run_cells", "FROM session_facts"],
    "merged_error_runs": ["FROM merged_runs"],
    "bucket_state": [],
    "clean_of_each_width": [],
    "next_running": ["agent_runs"],
    "store_parts": [],
    "ratings_by_run": [],
    "duration_histogram": [],
    "queue_histogram": [],
    "followed_handoffs": ["agent_runs", "FROM handed_off_runs"],
}
# Read without FINAL: what is physically there.
OF_ROWS: dict[str, list[str]] = {"stored_rows": ["agent_runs"], "rows_in_range": ["agent_runs"]}


def test_every_query_file_is_known() -> None:
    folder = resources.files("runtally_clickhouse") / "queries"
    files = {entry.name.removesuffix(".sql") for entry in folder.iterdir()}
    of_events = {*OF_INGESTION, *OF_ACCESS, *OF_LIFECYCLE}
    assert files == {*RunQuestion, *CellQuestion, *OF_THE_CATALOGUE, *OF_ROLLUPS, *OF_ROWS, *OF_WITHDRAWALS, *of_events}


def test_only_merged_runs_reads_the_runs() -> None:
    folder = resources.files("runtally_clickhouse") / "queries"
    for entry in folder.iterdir():
        text = entry.read_text()
        assert text.startswith("-- "), f"{entry.name} says what it answers"
        named = ("merged_runs", "listed_runs", "run_cells", "session_facts", "handed_off_runs")
        relations = ("agent_runs", *(f"FROM {name}" for name in named))
        reads = [word for word in relations if word in query_text(entry.name[:-4])]
        stem = entry.name.removesuffix(".sql")
        expected: dict[str, list[str]] = {**OF_THE_CATALOGUE, **OF_ROLLUPS, **OF_LISTS, **OF_ROWS, **OF_WITHDRAWALS}
        expected |= {name: [] for name in (*OF_INGESTION, *OF_ACCESS, *OF_LIFECYCLE, *CellQuestion)}
        assert reads == expected.get(stem, ["FROM merged_runs"]), entry.name
        assert "PREWHERE" not in text

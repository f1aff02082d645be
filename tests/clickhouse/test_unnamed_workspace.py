"""Rows of the workspace without a name, which the consumer tries its tables with, are in no answer."""

from importlib import resources

import pytest
from runtally_clickhouse.catalogue import query_text
from runtally_clickhouse.client import Store
from runtally_consumer.controls import control_row

OTHER_EVENTS = ("agent_feedback", "agent_lifecycle", "user_activity")


def reading(table: str) -> list[str]:
    """The questions that read a table."""
    folder = resources.files("runtally_clickhouse") / "queries"
    names = [path.name.removesuffix(".sql") for path in folder.iterdir() if path.name.endswith(".sql")]
    return [name for name in names if f"FROM {table}" in query_text(name)]


def test_whoever_reads_a_table_without_tombstones_leaves_it_out() -> None:
    assert "ratings_by_run" in reading("agent_feedback")
    for table in OTHER_EVENTS:
        for name in reading(table):
            assert "workspace_id != ''" in query_text(name), f"{name} shows the consumer's control row"


@pytest.mark.parametrize("table", ["agent_runs", *OTHER_EVENTS])
def test_control_rows_fit_their_tables_and_are_one_however_often_they_are_sent(store: Store, table: str) -> None:
    row = control_row(table)
    assert row is not None
    for _ in range(3):
        store.insert(table, row)
    (counted,) = store.query(f"SELECT count() AS n FROM {table} FINAL WHERE workspace_id = ''", {})
    assert counted["n"] == (0 if table == "agent_runs" else 1)


def test_who_sees_all_workspaces_sees_no_rating_of_a_control_row(store: Store) -> None:
    row = control_row("agent_feedback")
    assert row is not None
    store.insert("agent_feedback", row)
    everything = {"sees_all_workspaces": 1, "visible_workspaces": []}
    assert store.query(query_text("ratings_by_run"), everything) == []


def test_what_is_no_topics_table_has_none() -> None:
    assert control_row("ingest_ledger") is None

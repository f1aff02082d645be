"""Migrations: repeatable, append-only, in order, and reviewed together with the schema they make."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
from runtally_clickhouse.client import Store
from runtally_clickhouse.errors import SchemaError
from runtally_clickhouse.migrations import (
    Migration,
    Target,
    create_database,
    describe_schema,
    known_migrations,
    migrate,
    require_schema,
    schema_status,
)


def _tables(store: Store) -> set[str]:
    rows = store.unmerged("SELECT name FROM system.tables WHERE database = currentDatabase()")
    return {row["name"] for row in rows}


def test_a_dry_run_tells_and_does_nothing(bare_store: Store) -> None:
    assert migrate(bare_store, dry_run=True) == known_migrations()
    assert _tables(bare_store) == set()
    with pytest.raises(SchemaError, match="run `runtally migrate`"):
        require_schema(bare_store)


def test_migrating_again_changes_nothing(bare_store: Store) -> None:
    assert migrate(bare_store) == known_migrations()
    made = describe_schema(bare_store)
    assert migrate(bare_store) == []
    assert migrate(bare_store, dry_run=True) == []
    require_schema(bare_store)
    assert describe_schema(bare_store) == made


def test_a_migration_that_broke_off_goes_on(bare_store: Store) -> None:
    migrate(bare_store)
    bare_store.command("DROP TABLE user_activity SYNC")
    bare_store.command("TRUNCATE TABLE schema_migrations")
    assert len(migrate(bare_store)) == len(known_migrations())
    assert "user_activity" in _tables(bare_store)


def test_several_at_once_make_one_schema(bare_store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: migrate(bare_store), range(4)))
    require_schema(bare_store)
    numbers = bare_store.query("SELECT number FROM schema_migrations ORDER BY number", {})
    assert [row["number"] for row in numbers] == [migration.number for migration in known_migrations()]


def test_a_changed_file_is_refused(bare_store: Store) -> None:
    migrate(bare_store)
    known = known_migrations()
    known[0] = replace(known[0], sql=known[0].sql + "\n-- a harmless remark")
    with pytest.raises(SchemaError, match=r"0001_agent_runs\.sql was applied with other contents"):
        schema_status(bare_store, known)


def test_a_newer_store_is_refused(bare_store: Store) -> None:
    migrate(bare_store)
    with pytest.raises(SchemaError, match=rf"has migration {len(known_migrations()):04d}.*upgrade runtally"):
        schema_status(bare_store, known_migrations()[:-1])


@pytest.mark.parametrize(
    ("names", "refused"),
    [
        (["0001_a.sql", "0003_b.sql"], "0003_b.sql: expected number 0002"),
        (["0002_a.sql"], "expected number 0001"),
        (["0001_a.sql", "0001_b.sql"], "0001_b.sql: expected number 0002"),
        (["0001_A.sql"], "a name of a-z"),
        (["1_a.sql"], "expected number 0001"),
    ],
)
def test_numbers_have_no_gap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, names: list[str], refused: str) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    for name in names:
        (folder / name).write_text("SELECT 1;\n")
    monkeypatch.setattr("runtally_clickhouse.migrations.resources.files", lambda _: tmp_path)
    with pytest.raises(SchemaError, match=refused):
        known_migrations()


def test_statements_are_split_and_macros_filled() -> None:
    migration = Migration(
        1, "0001_a.sql", "-- a; b\nCREATE TABLE a ${ON_CLUSTER}\n(\n  -- c\n  x UInt8\n);\n\nSELECT ';';"
    )
    plain = migration.statements(Target())
    assert [statement.split()[0] for statement in plain] == ["CREATE", "SELECT"]
    assert "ON CLUSTER" not in plain[0]
    assert "ON CLUSTER `prod`" in migration.statements(Target("prod"))[0]
    for known in known_migrations():
        for statement in known.statements(Target("prod")):
            assert "ON CLUSTER `prod`" in statement
            if statement.startswith("DROP"):  # of nothing but what is made of runs anew
                assert statement.startswith("DROP TABLE IF EXISTS run_rollup_")
                continue
            if statement.startswith("ALTER"):  # what another service writes meanwhile has the columns' defaults
                changes = statement.split("`prod`")[1].split(",")
                assert all(change.strip().startswith("ADD COLUMN IF NOT EXISTS") for change in changes)
                continue
            assert "ENGINE = Replicated" in statement
            assert "IF NOT EXISTS" in statement
            assert "replicated_deduplication_window = 0" in statement


def test_making_a_database_again_changes_nothing(bare_store: Store) -> None:
    create_database(bare_store.location)
    migrate(bare_store)
    create_database(bare_store.location)
    require_schema(bare_store)


def test_the_schema_is_the_reviewed_one(shared_store: Store) -> None:
    """With RUNTALLY_UPDATE_SCHEMA set the file is written anew: look at what it says."""
    described = describe_schema(shared_store)
    with resources.as_file(resources.files("runtally_clickhouse") / "schema.sql") as path:
        if os.environ.get("RUNTALLY_UPDATE_SCHEMA"):
            path.write_text(described)
        assert path.read_text() == described

"""Migrated stores on both engines, emptied instead of made anew: the embedded engine allows one path a process."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from backends.clickhouse_backend import ClickHouseBackend
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation
from runtally_clickhouse.migrations import create_database, migrate

Engine = Literal["embedded", "server"]
ENGINES: tuple[Engine, ...] = ("embedded", "server")


def new_location(engine: Engine, backend: ClickHouseBackend, scratch: Path) -> StoreLocation:
    """A database of its own, not made yet. `scratch` must be the same for all tests of a process."""
    name = f"store_{secrets.token_hex(6)}"
    if engine == "server":
        url = backend.url_of(name)
        if url is None:
            pytest.skip("there is no ClickHouse server: the embedded engine stands in for it")
        return StoreLocation.server(url)
    return StoreLocation(path=backend.path or scratch / "embedded-engine", database=name)


@contextmanager
def empty_database(engine: Engine, backend: ClickHouseBackend, scratch: Path) -> Iterator[Store]:
    """A store over a database without tables, dropped afterwards."""
    location = new_location(engine, backend, scratch)
    create_database(location)
    store = Store(location)
    try:
        yield store
        store.command(f"DROP DATABASE {location.database} SYNC")
    finally:
        store.close()


@contextmanager
def migrated_store(engine: Engine, backend: ClickHouseBackend, scratch: Path) -> Iterator[Store]:
    """A store with today's schema."""
    with empty_database(engine, backend, scratch) as store:
        migrate(store)
        yield store


def empty(store: Store) -> Store:
    """The same store without rows."""
    for row in store.unmerged("SELECT name FROM system.tables WHERE database = currentDatabase() AND total_rows > 0"):
        if row["name"] != "schema_migrations":
            store.command(f"TRUNCATE TABLE {row['name']}")
    return store

"""A store of each engine."""

from collections.abc import Iterator

import pytest
from backends.clickhouse_backend import ClickHouseBackend
from clickhouse.stores import ENGINES, Engine, empty, empty_database, migrated_store
from runtally_clickhouse.client import Store


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    chosen: Engine = request.param
    return chosen


@pytest.fixture(scope="session")
def shared_store(
    engine: Engine, clickhouse: ClickHouseBackend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    with migrated_store(engine, clickhouse, tmp_path_factory.getbasetemp()) as store:
        yield store


@pytest.fixture
def store(shared_store: Store) -> Store:
    """A migrated store without rows."""
    return empty(shared_store)


@pytest.fixture
def bare_store(
    engine: Engine, clickhouse: ClickHouseBackend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """A store without tables."""
    with empty_database(engine, clickhouse, tmp_path_factory.getbasetemp()) as store:
        yield store

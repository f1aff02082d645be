"""The API over a store of each engine, with a publisher that stores at once."""

from collections.abc import Iterator

import httpx
import pytest
from api.door import Door, open_door
from backends.clickhouse_backend import ClickHouseBackend
from clickhouse.stores import ENGINES, empty, migrated_store
from runtally_clickhouse.client import Store


@pytest.fixture(scope="session", params=ENGINES)
def shared_store(
    request: pytest.FixtureRequest, clickhouse: ClickHouseBackend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    with migrated_store(request.param, clickhouse, tmp_path_factory.getbasetemp()) as store:
        yield store


@pytest.fixture(scope="session")
def shared_door(shared_store: Store) -> Iterator[Door]:
    with open_door(shared_store) as door:
        yield door


@pytest.fixture
def door(shared_door: Door) -> Door:
    """The application's state over an empty store, its publisher well."""
    empty(shared_door.publisher.store)
    return shared_door.reset()


@pytest.fixture
def api(door: Door) -> httpx.Client:
    """What a client sees of `door`."""
    return door.client

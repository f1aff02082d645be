"""Both stacks, each started once for the tests of a worker."""

import os
from collections.abc import Iterator

import pytest
from backends import clickhouse_library
from backends.plan import BackendMissing, Demand, read_demand
from integration.stacks import RunningStack, local_stack, server_stack
from runtally_cli.local import kafka_distribution


@pytest.fixture(scope="module", params=["local", "server"])
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A running stack of each kind; the server kind needs native Kafka and ClickHouse."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "local":
        with local_stack(folder) as running:
            yield running
        return
    missing = kafka_distribution.why_unavailable() or clickhouse_library.why_unavailable()
    if missing:
        demand = read_demand(os.environ.get("RUNTALLY_TEST_BACKENDS"))
        if demand is Demand.NATIVE:
            raise BackendMissing(missing)
        pytest.skip(missing)
    with server_stack(folder) as running:
        yield running

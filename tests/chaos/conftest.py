"""A pipeline for all stories of a file: it starts once, and only its parts are killed."""

import os
import random
from collections.abc import Iterator

import pytest
from backends import clickhouse_library
from backends.plan import DEMAND_VARIABLE, BackendMissing, Demand, read_demand
from chaos.facts import Facts
from chaos.pipeline import Pipeline
from runtally_cli.local import kafka_distribution


@pytest.fixture(scope="module")
def pipeline(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """Native Kafka and ClickHouse, the API, and no consumer yet."""
    missing = kafka_distribution.why_unavailable() or clickhouse_library.why_unavailable()
    if missing:
        if read_demand(os.environ.get(DEMAND_VARIABLE)) is Demand.NATIVE:
            raise BackendMissing(missing)
        pytest.skip(missing)
    with Pipeline(tmp_path_factory.mktemp("chaos"), random.Random(request.module.__name__)) as running:
        yield running


@pytest.fixture(scope="module")
def facts(request: pytest.FixtureRequest) -> Iterator[Facts]:
    """The counts of this file's run; written at its end."""
    counted = Facts(request.module.__name__.rpartition(".")[2])
    yield counted
    counted.write()

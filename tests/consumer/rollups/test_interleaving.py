"""Whatever the order and wherever they are killed: no bucket is told that is not what its runs say."""

import os
from collections.abc import Iterator

import pytest
from backends.clickhouse_backend import ClickHouseBackend
from clickhouse.stores import ENGINES, Engine, empty, migrated_store
from consumer.rollups.interleaving import Story
from runtally_clickhouse.client import Store

SEQUENCES = int(os.environ.get("RUNTALLY_ROLLUP_SEQUENCES", "2"))


@pytest.fixture(scope="module", params=ENGINES)
def shared_store(
    request: pytest.FixtureRequest, clickhouse: ClickHouseBackend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    engine: Engine = request.param
    with migrated_store(engine, clickhouse, tmp_path_factory.getbasetemp()) as store:
        yield store


def test_no_order_of_steps_tells_anything_else(shared_store: Store) -> None:
    compared = dropped = 0
    for seed in range(SEQUENCES):
        story = Story(empty(shared_store), seed)
        try:
            story.play(40)
            story.settle()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        compared += story.clean_comparisons
        dropped += story.dropped
    assert compared > 10 * SEQUENCES, "the rollups were hardly ever read"

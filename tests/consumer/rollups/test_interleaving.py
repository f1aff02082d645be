"""Whatever the order and wherever they are killed: no bucket is told that is not what its runs say."""

import os
from collections import Counter
from collections.abc import Iterator

import pytest
from backends.clickhouse_backend import ClickHouseBackend
from clickhouse.stores import ENGINES, Engine, empty, migrated_store
from consumer.rollups.interleaving import Story
from runtally_clickhouse.client import Store

# Each step of each actor, each place to be killed at, and what two of a kind do to each other.
MUST_COME_UP = {
    *("inserted", "marked", "listed", "numbered", "recomputed", "published", "looked", "ripe", "dropped"),
    *("merged agent_runs", "merged bucket_changes", "merged bucket_rollups", "merged run_rollup", "merged error_runs"),
    *("merged session_cells", "sessions told", "buckets of sessions read"),
    *("killed: inserted", "killed: listed", "killed: numbered", "killed: recomputed", "killed: ripe"),
    *("killed: half dropped", "killed: half recomputed", "errors told", "buckets of errors read"),
    *("published by two", "killed: wide recomputed", "wide published"),
    *("hours read", "days read", "quarter_hours compared", "hours compared", "days compared"),
}
SEQUENCES = int(os.environ.get("RUNTALLY_ROLLUP_SEQUENCES", "2"))


@pytest.fixture(scope="module", params=ENGINES)
def shared_store(
    request: pytest.FixtureRequest, clickhouse: ClickHouseBackend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    engine: Engine = request.param
    with migrated_store(engine, clickhouse, tmp_path_factory.getbasetemp()) as store:
        yield store


def test_no_order_of_steps_tells_anything_else(shared_store: Store) -> None:
    compared = 0
    seen = Counter[str]()
    for seed in range(SEQUENCES):
        story = Story(empty(shared_store), seed)
        try:
            story.play(60)
            if seed == 0:
                story.play_each_end()
            story.settle()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        compared += story.clean_comparisons
        seen += story.seen
    assert compared > 20 * SEQUENCES, "the rollups were hardly ever read"
    assert not MUST_COME_UP - {step for step, times in seen.items() if times}
    assert seen["heard beside"] > 20 * SEQUENCES, "nobody read meanwhile"

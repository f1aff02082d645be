"""One piece of a replay against a real store: what it says beforehand is what it does."""

import base64
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from backends.clickhouse_backend import ClickHouseBackend
from consumer.samples import FEEDBACK, NOT_JSON, RUNS, feedback_value, run_value
from runtally_cli.replay.command import TopicCount
from runtally_cli.replay.operations import replay_records
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation
from runtally_clickhouse.migrations import migrate


@pytest.fixture
def store(clickhouse: ClickHouseBackend, database: str) -> Iterator[Store]:
    url = clickhouse.url_of(database)
    made = Store(StoreLocation.server(url) if url else StoreLocation(path=clickhouse.path, database=database))
    migrate(made)
    yield made
    made.close()


def _give(store: Store, values: Sequence[bytes | None], topic: str = RUNS, *, only_compare: bool = False) -> Any:
    encoded = [None if value is None else base64.b64encode(value).decode() for value in values]
    piece = {"partition": 0, "offsets": list(range(len(values))), "keys": [None] * len(values), "values": encoded}
    return replay_records(store, {"stream": "s", "topic": topic, "slices": [piece], "only_compare": only_compare})


def _told(answer: Any) -> tuple[int, int, dict[str, int]]:
    return len(answer["added"]), len(answer["superseded"]), answer["dead"]


def _count(store: Store, table: str) -> int:
    return int(store.query(f"SELECT count() AS n FROM {table}", {})[0]["n"])


def test_what_a_comparison_tells_is_what_the_writing_does(store: Store) -> None:
    _give(store, [run_value(0, "running"), run_value(1), run_value(2, deleted=True)])
    values = [
        run_value(0),  # supersedes
        run_value(1),  # is there
        run_value(1, "running"),  # older
        run_value(2),  # deleted there, and stays so
        run_value(3, "running"),
        run_value(3),  # one run, new
        NOT_JSON,
        None,
    ]
    compared = _give(store, values, only_compare=True)
    assert _told(compared) == (1, 1, {"record": 2})
    assert _count(store, "agent_runs") == 2
    assert _count(store, "dead_letters") == 0
    assert _give(store, values) == compared
    assert _count(store, "agent_runs") == 3
    assert _count(store, "dead_letters") == 2
    marks = store.unmerged("SELECT count() AS n FROM bucket_changes")[0]["n"]
    assert marks > 0
    for only_compare in (True, False):
        assert _told(_give(store, values, only_compare=only_compare)) == (0, 0, {"record": 2})


def test_a_dead_letter_keeps_the_time_at_which_it_was_refused(store: Store) -> None:
    _give(store, [NOT_JSON])
    before = store.query("SELECT recorded_at FROM dead_letters", {})
    _give(store, [NOT_JSON, None])
    after = store.query("SELECT recorded_at FROM dead_letters ORDER BY `offset`", {})
    assert (len(after), after[0]) == (2, before[0])


def test_other_events_have_their_own_keys(store: Store) -> None:
    values = [feedback_value(0), feedback_value(1)]
    assert _told(_give(store, values, FEEDBACK, only_compare=True)) == (2, 0, {})
    _give(store, values[:1], FEEDBACK)
    assert _told(_give(store, values, FEEDBACK)) == (1, 0, {})
    assert _count(store, "agent_feedback") == 2


def test_more_keys_than_one_question_takes_and_long_workspaces(store: Store) -> None:
    values = [run_value(number, workspace_id=f"{number % 700}" + "ä" * 120) for number in range(2_500)]
    assert len(_give(store, values)["added"]) == 2_500
    assert _told(_give(store, values, only_compare=True)) == (0, 0, {})


def test_a_run_whose_snapshots_come_in_several_pieces_is_counted_once() -> None:
    count = TopicCount()
    count.count(2, {"added": [1], "superseded": [2], "dead": {}})
    count.count(3, {"added": [2], "superseded": [1], "dead": {"record": 1}})
    assert (count.added, count.superseded, count.dead) == ({1}, {2}, Counter({"record": 1}))
    assert count.line("t", dry_run=True).endswith(
        "would add 1, would supersede 1, already stored or older 2, dead letters 1"
    )


def test_parameters_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="no topic of events"):
        replay_records(None, {"topic": "other", "slices": []})  # type: ignore[arg-type] # never asked

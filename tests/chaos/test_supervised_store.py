"""What ends by itself comes back, what was killed stays away: else stories would be about another store."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from backends.clickhouse_native import answers_ping
from backends.supervised_store import LOOK_SECONDS, SupervisedStore
from backends.waiting import eventually

BACK_SECONDS = 60.0


@pytest.fixture
def store(native_servers: None, tmp_path: Path) -> Iterator[SupervisedStore]:
    supervised = SupervisedStore(tmp_path)
    supervised.start()
    yield supervised
    supervised.close()
    assert not answers_ping(supervised.http_port)


def test_a_server_that_ends_by_itself_is_started_again(store: SupervisedStore) -> None:
    first = store.pid
    assert first is not None
    os.kill(first, signal.SIGABRT)
    eventually(lambda: store.pid not in (None, first) and answers_ping(store.http_port), BACK_SECONDS, "another server")
    assert (store.take_crashes(), store.take_crashes()) == (1, 0)


def test_a_server_that_was_killed_stays_away_until_it_is_started(store: SupervisedStore) -> None:
    store.kill()
    with pytest.raises(AssertionError, match="come back"):
        eventually(lambda: store.pid is not None, 5 * LOOK_SECONDS, "come back")
    store.start()
    assert answers_ping(store.http_port)
    assert store.take_crashes() == 0

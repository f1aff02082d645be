"""What a statement is told to take, as its tenant stands when it begins."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import pytest
from api.fairness.test_admission import Asker, Clock, settle
from runtally_api.fairness.admission import Turns
from runtally_api.fairness.pacing import FIRST, PAUSE_MS, SMALL_BLOCK_ROWS, USUAL, PacedReader
from runtally_clickhouse.client import BoundStore, Row, Store
from runtally_clickhouse.profiles import Settings

ALONE = {"priority": USUAL, "low_priority_query_wait_time_ms": PAUSE_MS}
SHARING = ALONE | {"max_block_size": SMALL_BLOCK_ROWS}


class Told:
    """A store that notes the settings it is asked with."""

    def __init__(self) -> None:
        self.settings: list[Settings] = []

    def query(self, sql: str, parameters: Mapping[str, object], more: Settings | None = None) -> list[Row]:
        self.settings.append(dict(more or {}))
        return []


def told(turns: Turns, tenant: str, threads: int = 0) -> dict[str, Any]:
    """The settings beside those of the caller."""
    store = Told()
    reader = PacedReader(BoundStore(cast(Store, store), {"rows_of": "acme"}), turns, tenant, threads)
    reader.query("SELECT 1", {})
    settings = dict(store.settings[0])
    assert settings.pop("rows_of") == "acme"
    return settings


@pytest.mark.parametrize(("threads", "more"), [(0, {}), (2, {"max_threads": 2})])
def test_blocks_are_small_where_others_ask_and_one_thread_is_for_who_takes_far_more(
    threads: int, more: dict[str, int]
) -> None:
    async def story() -> None:
        clock = Clock()
        asker = Asker(Turns(8, 4, 10, clock))
        asker.ask("heavy", "h0")
        await settle()
        assert told(asker.turns, "heavy", threads) == ALONE
        asker.ask("quiet", "q0")
        await settle()
        clock.now += 0.1
        assert told(asker.turns, "heavy", threads) == told(asker.turns, "quiet", threads) == SHARING | more
        await asker.end("q0")
        clock.now += 1
        assert told(asker.turns, "heavy", threads) == SHARING | {"max_threads": 1}
        assert told(asker.turns, "quiet", threads) == {"priority": FIRST}
        clock.now += 600
        assert told(asker.turns, "heavy", threads) == ALONE, "the other asks no more"
        await asker.end_all()

    asyncio.run(story())


def test_blocks_are_small_beside_one_that_waits_for_its_first_turn() -> None:
    async def story() -> None:
        asker = Asker(Turns(1, 1, 10, Clock()))
        asker.ask("heavy", "h0")
        asker.ask("quiet", "q0")
        await settle()
        assert asker.began == ["h0"]
        assert told(asker.turns, "heavy") == SHARING
        await asker.end_all()

    asyncio.run(story())

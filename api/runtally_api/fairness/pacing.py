"""What a question may take of the store while others ask as well: its priority, and its threads."""

from collections.abc import Hashable, Mapping

from runtally_clickhouse.client import BoundStore, Row
from runtally_clickhouse.profiles import Settings

from runtally_api.fairness.admission import Turns

# Of ClickHouse's `priority`: while a statement of a smaller number runs, those of greater ones pause at their blocks.
FIRST, USUAL = 1, 2
# For at most so long at a block, so that nobody starves.
PAUSE_MS = 200
# Where others ask as well: so that pauses come soon, also in what began while they were silent for a moment.
SMALL_BLOCK_ROWS = 8192


class PacedReader:
    """A reader whose statements know how their tenant stands, each at its start."""

    def __init__(self, store: BoundStore, turns: Turns, tenant: Hashable, threads: int) -> None:
        self._store = store
        self._turns = turns
        self._tenant = tenant
        self._threads = threads

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        return self._store.with_settings(self._settings()).query(sql, parameters)

    def _settings(self) -> Settings:
        if self._turns.is_ahead(self._tenant):
            return {"priority": FIRST}
        settings: Settings = {"priority": USUAL, "low_priority_query_wait_time_ms": PAUSE_MS}
        if not self._turns.is_shared(self._tenant):
            return settings
        settings["max_block_size"] = SMALL_BLOCK_ROWS
        threads = 1 if self._turns.is_over(self._tenant) else self._threads
        return settings | ({"max_threads": threads} if threads else {})

"""A refresher that is killed between two of its commands."""

from collections.abc import Mapping

import pyarrow as pa
from runtally_clickhouse.client import Store
from runtally_clickhouse.errors import StoreUnavailable


class FewCommands:
    """A writer that is gone after so many commands."""

    def __init__(self, store: Store, commands: int) -> None:
        self._store = store
        self._left = commands

    def insert(self, table: str, rows: pa.Table) -> None:
        self._store.insert(table, rows)

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        if not self._left:
            raise StoreUnavailable("killed")
        self._left -= 1
        self._store.command(sql, parameters)

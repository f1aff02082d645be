"""The connections to the store: one client per thread, the pinned settings on every call."""

import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from runtally_clickhouse.errors import StoreRefused, store_errors
from runtally_clickhouse.location import StoreLocation
from runtally_clickhouse.profiles import WRITE, Settings, read_settings

Row = dict[str, Any]
CONNECT_SECONDS = 5
WRITE_SECONDS = 120


class Reader(Protocol):
    """Answers questions. `query` blocks for the length of the question; call it from a worker thread.

    Raises `StoreUnavailable` (ask again) or `StoreRefused`. An answer holds each run acknowledged before the
    call, and perhaps later ones.
    """

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]: ...


class Writer(Protocol):
    """Writes rows and changes tables. Blocks until the store has acknowledged.

    Raises `StoreUnavailable` when the fate of the write is not known, `StoreRefused` when it was refused.
    An insert that returned may have been applied twice: only tables that merge by key may be written with it.
    """

    def insert(self, table: str, rows: pa.Table) -> None: ...

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None: ...


class Store:
    """Reader and Writer over one engine, embedded or server, for any number of threads.

    Opening it is cheap: each thread connects at its first call. `close()` closes what all threads opened.
    """

    def __init__(self, location: StoreLocation, max_execution_seconds: int = 30) -> None:
        self.location = location
        self._read_settings = read_settings(max_execution_seconds)
        self._write_settings: Settings = {**WRITE, "max_execution_time": WRITE_SECONDS}
        self._max_execution_seconds = max_execution_seconds
        self._threads = threading.local()
        self._opened: list[Client] = []
        self._lock = threading.Lock()

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        with store_errors():
            result = self._client().query(
                sql, parameters=dict(parameters), settings=self._read_settings, column_oriented=False
            )
            return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]

    def insert(self, table: str, rows: pa.Table) -> None:
        with store_errors():
            self._client().insert_arrow(table, rows, settings=self._write_settings)

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        with store_errors():
            self._client().command(sql, parameters=dict(parameters or {}), settings=self._write_settings)

    def unmerged(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[Row]:
        """A query without FINAL, for the engine's own tables and for checks of what is physically there."""
        with store_errors():
            result = self._client().query(sql, parameters=dict(parameters or {}), settings={"use_query_cache": 0})
            return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]

    def close(self) -> None:
        with self._lock:
            opened, self._opened = self._opened, []
        for client in opened:
            client.close()

    def _client(self) -> Client:
        client: Client | None = getattr(self._threads, "client", None)
        if client is None or client not in self._opened:
            client = self._connect()
            with self._lock:
                self._opened.append(client)
            self._threads.client = client
        return client

    def _connect(self) -> Client:
        options = self.location.connect_options()
        if self.location.path is not None:
            self.location.path.mkdir(parents=True, exist_ok=True)
        else:
            options |= {
                "connect_timeout": CONNECT_SECONDS,
                "send_receive_timeout": max(WRITE_SECONDS, self._max_execution_seconds) + 10,
                "compress": False,
            }
        connect: Callable[..., Client] = clickhouse_connect.get_client
        return connect(**options)


def check_writes_count_twice(store: Store) -> None:
    """Prove that this engine keeps two equal blocks apart, as every exactness argument needs.

    Raises `StoreRefused` when it dropped the second one as a duplicate.
    """
    block = pa.table({"probe": pa.array([1], pa.uint8())})
    store.command("CREATE TABLE IF NOT EXISTS insert_probe (probe UInt8) ENGINE = MergeTree ORDER BY tuple()")
    store.command("TRUNCATE TABLE insert_probe")
    store.insert("insert_probe", block)
    store.insert("insert_probe", block)
    kept = store.unmerged("SELECT count() AS kept FROM insert_probe")[0]["kept"]
    store.command("DROP TABLE insert_probe")
    if kept != 2:
        raise StoreRefused(
            f"the store kept {kept} of 2 equal blocks: check `deduplicate_insert` in the user's profile", 0
        )

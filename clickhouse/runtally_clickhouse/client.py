"""The connections to the store: a client serves one call at a time, the pinned settings are on every call."""

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from runtally_clickhouse import row_bounds
from runtally_clickhouse.errors import StoreRefused, StoreUnavailable, store_errors
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


class Unmerged(Protocol):
    """Reads rows as they lie there. Blocks and raises as `Reader`."""

    def unmerged(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[Row]: ...


class Writer(Protocol):
    """Writes rows and changes tables. Blocks until the store has acknowledged.

    Raises `StoreUnavailable` when the fate of the write is not known, `StoreRefused` when it was refused.
    An insert that returned may have been applied twice: only tables that merge by key may be written with it.
    """

    def insert(self, table: str, rows: pa.Table) -> None: ...

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None: ...


class Store:
    """Reader and Writer over one engine, embedded or server, for any number of threads.

    A query takes at most `max_execution_seconds`, and of the engine's memory `max_memory_bytes` where that is given.
    Opening it is cheap: a call connects when no client is idle, so there are never more clients than calls at
    once. `close()` closes the idle ones, and those in use when their call ends.
    """

    def __init__(
        self, location: StoreLocation, max_execution_seconds: int = 30, max_memory_bytes: int | None = None
    ) -> None:
        self.location = location
        self._read_settings = read_settings(max_execution_seconds, max_memory_bytes)
        self._write_settings: Settings = {**WRITE, "max_execution_time": WRITE_SECONDS}
        self._max_execution_seconds = max_execution_seconds
        self._idle: list[Client] = []
        self._closed = False
        self._lock = threading.Lock()

    def query(self, sql: str, parameters: Mapping[str, object], more: Settings | None = None) -> list[Row]:
        """As `Reader.query`; `more` are settings of this question alone."""
        with store_errors(), self._client() as client:
            result = client.query(sql, parameters=dict(parameters), settings={**self._read_settings, **(more or {})})
            return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]

    def bound_to(self, workspaces: frozenset[str] | None) -> "BoundStore":
        """The store as it answers who may see these workspaces, None being all: its row filters are told."""
        has_filters = self.location.url is not None
        return BoundStore(self, {row_bounds.SETTING: row_bounds.written(workspaces)} if has_filters else {})

    def insert(self, table: str, rows: pa.Table) -> None:
        with store_errors(), self._client() as client:
            told = client.raw_insert(
                table, rows.schema.names, arrow_stream(rows), settings=self._write_settings, fmt="ArrowStream"
            )
        if not any(told.summary.values()):
            raise StoreUnavailable(f"{table}: whatever answered the insert with success is not ClickHouse")

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        with store_errors(), self._client() as client:
            client.command(sql, parameters=dict(parameters or {}), settings=self._write_settings)

    def unmerged(
        self, sql: str, parameters: Mapping[str, object] | None = None, more: Settings | None = None
    ) -> list[Row]:
        """A query without FINAL, for the engine's own tables and for checks of what is physically there."""
        with store_errors(), self._client() as client:
            settings: Settings = {"use_query_cache": 0, **(more or {})}
            result = client.query(sql, parameters=dict(parameters or {}), settings=settings)
            return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]

    def ask_as(self, sql: str, parameters: Mapping[str, object], *, writing: bool) -> list[Row]:
        """A query with exactly what `insert` and `command`, else `query`, send along: to see what is in force."""
        with store_errors(), self._client() as client:
            settings = self._write_settings if writing else self._read_settings
            result = client.query(sql, parameters=dict(parameters), settings=settings)
            return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for client in idle:
            client.close()

    @contextmanager
    def _client(self) -> Iterator[Client]:
        """A client for one call: neither engine's client serves two threads at once."""
        with self._lock:
            client = self._idle.pop() if self._idle else None
        client = client or self._connect()
        clean = False
        try:
            yield client
            clean = True
        finally:
            with self._lock:
                # What the embedded engine had put out before it failed stands before its client's next answer.
                keep = (clean or self.location.path is None) and not self._closed
                if keep:
                    self._idle.append(client)
            if not keep:
                client.close()

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


@dataclass(frozen=True, slots=True)
class BoundStore:
    """A reader that sends these settings with each question: those of whom it asks for."""

    store: Store
    settings: Settings

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        return self.store.query(sql, parameters, self.settings)

    def unmerged(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[Row]:
        """As `Store.unmerged`."""
        return self.store.unmerged(sql, parameters, self.settings)

    def with_settings(self, more: Settings) -> "BoundStore":
        """The same with more settings."""
        return BoundStore(self.store, {**self.settings, **more})


def arrow_stream(rows: pa.Table) -> pa.Buffer:
    """The rows in Arrow's streaming format: cheaper for the server to read than `insert_arrow`'s file."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write(rows)
    return sink.getvalue()


def check_writes_count_twice(store: Store) -> None:
    """Prove that this engine keeps two equal blocks apart, as every exactness argument needs.

    Raises `StoreRefused` when it dropped the second one as a duplicate.
    """
    block = pa.table({"probe": pa.array([1], pa.uint8())})
    table = f"insert_probe_{uuid.uuid4().hex}"  # others may start at the same moment
    store.command(f"CREATE TABLE {table} (probe UInt8) ENGINE = MergeTree ORDER BY tuple()")
    try:
        store.insert(table, block)
        store.insert(table, block)
        kept = store.unmerged(f"SELECT count() AS kept FROM {table}")[0]["kept"]
    finally:
        store.command(f"DROP TABLE {table}")
    if kept != 2:
        raise StoreRefused(
            f"the store kept {kept} of 2 equal blocks: check `deduplicate_insert` in the user's profile", 0
        )

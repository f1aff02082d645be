"""The ClickHouse that the tests share, of whichever kind."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import clickhouse_connect
from backends import clickhouse_library, containers
from backends.clickhouse_native import ClickHouseOptions, NativeClickHouse
from backends.plan import Choice, Demand, Kind, choose
from backends.server_session import ServerSession, Started, Stoppable

CLICKHOUSE_VARIABLE: Final = "RUNTALLY_TEST_CLICKHOUSE_URL"


@dataclass(frozen=True)
class ClickHouseBackend:
    """An engine that answers: `url` of a server, or `path` of the embedded engine's data.

    Others use a server too: work in the `database` fixture's database.
    """

    kind: Kind
    url: str | None = None
    path: Path | None = None

    @property
    def host(self) -> str | None:
        return urlsplit(self.url).hostname if self.url else None

    @property
    def port(self) -> int | None:
        return urlsplit(self.url).port if self.url else None

    def url_of(self, database: str) -> str | None:
        """The server's URL with a database as its path; None for the embedded engine."""
        return f"{self.url.rstrip('/')}/{database}" if self.url else None

    def connect(self, database: str = "default", **options: Any) -> Any:
        """A clickhouse-connect client, to be closed by the caller."""
        if self.url is None:
            return clickhouse_connect.get_client(interface="chdb", path=str(self.path), database=database, **options)
        return clickhouse_connect.get_client(dsn=self.url_of(database), **options)


def choose_clickhouse(demand: Demand) -> Choice:
    """Raises BackendMissing when a demanded one can't be had."""
    named = CLICKHOUSE_VARIABLE if os.environ.get(CLICKHOUSE_VARIABLE) else None
    return choose(
        demand,
        named=named,
        container=containers.why_unavailable,
        native=clickhouse_library.why_unavailable,
    )


def shared_clickhouse(session: ServerSession, demand: Demand) -> ClickHouseBackend:
    """The run's server, started by the first who asks; the embedded engine is one for each process."""
    choice = choose_clickhouse(demand)
    own = choice.kind in ("container", "local")
    name = f"clickhouse@{session.worker}" if own else "clickhouse"
    started = session.share(name, lambda: _start(session, demand, choice))
    if started.kind == "local":
        # Made here and not in `_start`: no two processes may open the same folder.
        return ClickHouseBackend("local", path=session.folder / f"chdb-{session.worker}")
    return ClickHouseBackend(started.kind, url=started.address)


def _start(session: ServerSession, demand: Demand, choice: Choice) -> tuple[Started, Stoppable | None]:
    if choice.kind == "named":
        url = os.environ[CLICKHOUSE_VARIABLE]
        # Not the URL itself: it may hold a password.
        told = f"named by {CLICKHOUSE_VARIABLE}, {urlsplit(url).hostname}"
        return Started("named", url, told), None
    if choice.kind == "container":
        container = containers.ClickHouseContainer()
        container.start()
        return Started("container", container.url, f"container, {container.url}"), container
    if choice.kind == "local":
        return _embedded(choice.because), None
    try:
        return _start_native(session)
    except clickhouse_library.ClickHouseUnavailable as error:
        if demand is Demand.NATIVE:
            raise
        return _embedded(str(error).splitlines()[0]), None


def _start_native(session: ServerSession) -> tuple[Started, Stoppable | None]:
    server = NativeClickHouse(session.folder / "clickhouse", ClickHouseOptions(lifeline=session.lifeline))
    before = time.monotonic()
    server.start()
    seconds = time.monotonic() - before
    told = f"native, ClickHouse {clickhouse_library.CLICKHOUSE_VERSION} in {seconds:.1f} s by {session.worker}"
    return Started("native", server.url, told, server.pid), server


def _embedded(because: str) -> Started:
    return Started("local", "", f"local, chDB in each process ({because})")

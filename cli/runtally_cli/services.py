"""`runtally api` and `runtally consume`: one service a process, against Kafka and ClickHouse servers."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import TYPE_CHECKING, Final

from runtally.connection import KafkaConnection
from runtally_clickhouse.client import Store, check_writes_count_twice
from runtally_clickhouse.location import StoreLocation
from runtally_clickhouse.migrations import require_schema

if TYPE_CHECKING:
    from runtally_api.identity.store_rights import StoreRights

LOOK_AGAIN_SECONDS: Final = 10.0


class ServerNeeded(RuntimeError):
    """The command needs a ClickHouse server. The message is ready to be shown to a person."""


def server_location(*, reading: bool, access: bool = False) -> StoreLocation:
    """The ClickHouse server that the environment names. Raises `ServerNeeded`."""
    location = StoreLocation.from_environment(reading=reading, access=access)
    if location is None:
        raise ServerNeeded(
            "set RUNTALLY_CLICKHOUSE_URL (http://user:password@host:8123/database), "
            "or use `runtally up` for everything on this machine"
        )
    return location


async def serve_api() -> None:
    """Serve the API until SIGTERM. Raises `InvalidIdentity` where nobody could sign in."""
    import uvicorn
    from runtally_api.app import create_app
    from runtally_api.identity.settings import IdentitySettings
    from runtally_api.identity.store_rights import StoreRights
    from runtally_api.settings import ApiSettings

    from runtally_cli.http_server import WIRE

    settings = ApiSettings()
    store = Store(server_location(reading=True), settings.max_query_seconds, settings.max_query_memory_bytes)
    access_store = Store(server_location(reading=False, access=True))
    rights = StoreRights(access_store, has_own_url=bool(os.environ.get("RUNTALLY_CLICKHOUSE_ACCESS_URL")))
    asks_for_tokens = not IdentitySettings().is_open
    # What takes in is ready while the store is away.
    readiness = (rights.reason,) if asks_for_tokens and settings.api_routes != "ingest" else ()
    app = create_app(settings, KafkaConnection.from_environment(), store, readiness, access_store=access_store)
    config = uvicorn.Config(app, host=settings.host, port=settings.api_port, log_level="info", access_log=False, **WIRE)
    try:
        if asks_for_tokens:
            await asyncio.to_thread(rights.look)
            rights.require()
        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(_look_until_told(rights)) if readiness else None
            await uvicorn.Server(config).serve()
            if looking is not None:
                looking.cancel()
    finally:
        access_store.close()
        store.close()


async def _look_until_told(rights: "StoreRights") -> None:
    """The store may start after the API."""
    while not rights.is_told:
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
        await asyncio.to_thread(rights.look)


async def serve_consumer() -> None:
    """Consume until SIGTERM, then drain. Raises `SchemaError` or `StoreError` when the store is not as it must be."""
    from runtally_consumer.composition import compose_consumer
    from runtally_consumer.health import health_app
    from runtally_consumer.settings import ConsumerSettings

    from runtally_cli.http_server import make_server

    settings = ConsumerSettings()
    store = Store(server_location(reading=False))
    try:
        require_schema(store)
        check_writes_count_twice(store)
        async with compose_consumer(KafkaConnection.from_environment(), store, settings) as parts:
            health = make_server(health_app(parts.consumer, parts.metrics), settings.host, settings.consumer_port)
            stop_on_signals(parts.consumer.stop)
            serving = asyncio.create_task(health.serve())
            try:
                await parts.consumer.run()
            finally:
                health.should_exit = True
                await serving
    finally:
        store.close()


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Call it in this loop at SIGINT and SIGTERM. The loop's own handlers would end with it, and a second signal then
    kill the process on its way out, as if it had not drained.
    """
    loop = asyncio.get_running_loop()

    def handle(number: int, frame: FrameType | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)


def run_service(service: Awaitable[None]) -> None:
    """Run one service in this process."""

    async def main() -> None:
        await service

    asyncio.run(main())

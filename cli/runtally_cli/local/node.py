"""The one process of the local stack that owns the embedded store: API and consumer side by side.

Started by the stack as `python -m runtally_cli.local.node`. SIGTERM drains it: first no more requests, then
everything that the broker still holds is read and stored, then the consumer leaves.
"""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import structlog
from runtally.connection import KafkaConnection
from runtally_api.app import create_app
from runtally_api.settings import ApiSettings
from runtally_clickhouse.client import Store, check_writes_count_twice
from runtally_clickhouse.location import StoreLocation
from runtally_clickhouse.migrations import migrate
from runtally_consumer.composition import ConsumerParts, compose_consumer
from runtally_consumer.health import health_app
from runtally_consumer.settings import ConsumerSettings
from runtally_consumer.topics import TopicLayout, create_topics

from runtally_cli.http_server import QuietServer, make_server
from runtally_cli.local.admin import admin_app, announced
from runtally_cli.local.settings import LocalSettings
from runtally_cli.logs import configure_logs

log = structlog.get_logger(__name__)
NOT_STORED = 3
QUIET_SECONDS = 0.6
CATCH_UP_SECONDS = 30.0


def store_location(data_dir: Path) -> StoreLocation:
    """The server that the environment names, else the embedded engine below the data folder."""
    return StoreLocation.from_environment() or StoreLocation.embedded(data_dir)


async def run_node() -> bool:
    """Serve until SIGTERM or SIGINT, then drain. Returns whether everything that the broker held is stored."""
    settings = LocalSettings()
    connection = KafkaConnection.from_environment()
    api_settings = ApiSettings()
    location = store_location(settings.data_dir)
    store = Store(location, api_settings.max_query_seconds, api_settings.max_query_memory_bytes)
    try:
        migrate(store)
        check_writes_count_twice(store)
        await create_topics(connection, TopicLayout())
        async with compose_consumer(connection, store, ConsumerSettings()) as parts:
            with announced(settings, connection.bootstrap, store.location) as token:
                return await _serve(api_settings, connection, store, parts, token)
    finally:
        store.close()


async def _serve(
    api_settings: ApiSettings, connection: KafkaConnection, store: Store, parts: ConsumerParts, admin_token: str
) -> bool:
    consumer = parts.consumer
    health = health_app(consumer, parts.metrics)
    health.mount("/admin", admin_app(store, admin_token))
    api = create_app(api_settings, connection, store, readiness=(consumer.not_ready_reason,))
    servers = [
        make_server(api, api_settings.host, api_settings.api_port),
        make_server(health, api_settings.host, ConsumerSettings().consumer_port),
    ]
    stopping = _stop_signals()
    serving = [asyncio.create_task(server.serve()) for server in servers]
    consuming = asyncio.create_task(consumer.run())
    await asyncio.wait([consuming, stopping, *serving], return_when=asyncio.FIRST_COMPLETED)
    await _stop_serving(servers[:1], serving[:1])
    caught_up = not consuming.done() and await consumer.catch_up(QUIET_SECONDS, CATCH_UP_SECONDS)
    reason = consumer.not_ready_reason()
    consumer.stop()
    await _stop_serving(servers[1:], serving[1:])
    await consuming
    if not caught_up:
        log.error("stopped before everything was stored", reason=reason or "records kept arriving")
    return caught_up


async def _stop_serving(servers: list[QuietServer], serving: list[asyncio.Task[None]]) -> None:
    for server in servers:
        server.should_exit = True
    with contextlib.suppress(SystemExit):
        await asyncio.gather(*serving)


def _stop_signals() -> asyncio.Task[None]:
    """A task that ends when the process is asked to stop."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)

    async def wait() -> None:
        await asked.wait()

    return asyncio.create_task(wait())


if __name__ == "__main__":
    configure_logs()
    sys.exit(0 if asyncio.run(run_node()) else NOT_STORED)

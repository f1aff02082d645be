"""`runtally migrate`: the store's tables and Kafka's topics."""

import asyncio
from collections.abc import Callable

from runtally.connection import KafkaConnection
from runtally_clickhouse.client import Store
from runtally_clickhouse.migrations import Target, create_database, migrate, schema_status
from runtally_consumer.topics import ALL_TOPICS, TopicLayout, create_topics, missing_topics

from runtally_cli.services import server_location


def bring_up_to_date(
    cluster: str | None, layout: TopicLayout | None, *, only_tell: bool, say: Callable[[str], None]
) -> int:
    """Apply what is missing, or only tell it; returns how many things were missing.

    Raises `ServerNeeded`, `StoreError`, `TopicsUnavailable` or `KafkaError`. Local mode migrates by itself.
    """
    verb = "missing" if only_tell else "applied"
    location = server_location(reading=False)
    if not only_tell:
        create_database(location, Target(cluster))
    store = Store(location)
    try:
        migrations = migrate(store, Target(cluster), dry_run=only_tell)
    finally:
        store.close()
    for migration in migrations:
        say(f"{verb}: {migration.name}")
    if not migrations:
        say("tables: up to date")
    if layout is None:
        return len(migrations)
    connection = KafkaConnection.from_environment()
    topics = asyncio.run(missing_topics(connection) if only_tell else create_topics(connection, layout))
    for topic in topics:
        say(f"{'missing' if only_tell else 'made'}: topic {topic}")
    if not topics:
        say("topics: up to date")
    return len(migrations) + len(topics)


def tell_status(say: Callable[[str], None]) -> None:
    """Say of each migration and each topic whether it is there. Raises as `bring_up_to_date`."""
    store = Store(server_location(reading=False))
    try:
        for status in schema_status(store):
            say(f"{'applied' if status.applied else 'missing'}: {status.migration.name}")
    finally:
        store.close()
    missing = set(asyncio.run(missing_topics(KafkaConnection.from_environment())))
    for topic in ALL_TOPICS:
        say(f"{'missing' if topic in missing else 'there'}: topic {topic}")

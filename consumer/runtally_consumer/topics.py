"""The topics that Runtally reads and writes, and making them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code
from runtally.connection import KafkaConnection
from runtally.events import EVENTS

from runtally_consumer.dead_letters import DEAD_LETTER_SUFFIX

EVENT_TOPICS = tuple(event.topic for event in EVENTS)
ALL_TOPICS = (*EVENT_TOPICS, *(topic + DEAD_LETTER_SUFFIX for topic in EVENT_TOPICS))
_EXISTS_ALREADY = 36
# A dead letter is its record and the reason in headers: it needs more room than the record had.
DEAD_LETTER_BYTES = 4 * 1024 * 1024
_DAY_MS = 24 * 60 * 60 * 1000


class TopicsUnavailable(Exception):
    """A topic could not be made. `str()` names it and the broker's reason."""


@dataclass(frozen=True, slots=True)
class TopicLayout:
    """How new topics are made. Topics that exist keep what they have."""

    partitions: int = 12
    replication: int = 1
    retention_days: int = 7


async def missing_topics(connection: KafkaConnection, topics: Sequence[str] = ALL_TOPICS) -> list[str]:
    """Which of the topics the broker does not have. Raises `KafkaError` when it does not answer."""
    async with _admin(connection) as admin:
        existing = set(await admin.list_topics())
    return [topic for topic in topics if topic not in existing]


async def create_topics(connection: KafkaConnection, layout: TopicLayout) -> list[str]:
    """Make the topics that are missing, and return their names. Safe to repeat.

    Raises `TopicsUnavailable` when the broker refuses one, `KafkaError` when it does not answer.
    """
    missing = await missing_topics(connection)
    if not missing:
        return []
    wanted = [
        NewTopic(topic, layout.partitions, layout.replication, topic_configs=_configs(topic, layout))
        for topic in missing
    ]
    async with _admin(connection) as admin:
        response = await admin.create_topics(wanted)
    for topic, code, *reason in response.topic_errors:
        if code not in (0, _EXISTS_ALREADY):
            detail = next(filter(None, reason), "") or for_code(code).__name__
            raise TopicsUnavailable(f"topic {topic} could not be made: {detail}")
    return missing


@asynccontextmanager
async def _admin(connection: KafkaConnection) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**connection.client_options())
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


def _configs(topic: str, layout: TopicLayout) -> dict[str, str]:
    configs = {"retention.ms": str(layout.retention_days * _DAY_MS)}
    if topic.endswith(DEAD_LETTER_SUFFIX):
        configs["max.message.bytes"] = str(DEAD_LETTER_BYTES)
    return configs

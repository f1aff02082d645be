"""The topics are made once, with room for dead letters, and never changed."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaError
from backends.kafka_backend import KafkaBackend
from runtally.connection import KafkaConnection
from runtally_consumer import topics
from runtally_consumer.topics import (
    ALL_TOPICS,
    EVENT_TOPICS,
    TopicLayout,
    TopicsUnavailable,
    create_topics,
    missing_topics,
)

LAYOUT = TopicLayout(partitions=3)


def test_each_event_topic_has_a_dead_letter_topic() -> None:
    assert EVENT_TOPICS == ("agent-runs.v1", "agent-feedback.v1", "agent-lifecycle.v1", "user-activity.v1")
    assert EVENT_TOPICS + tuple(f"{topic}.dlq" for topic in EVENT_TOPICS) == ALL_TOPICS


def test_topics_are_made_once(kafka: KafkaBackend) -> None:
    connection = KafkaConnection(kafka.bootstrap)
    asyncio.run(create_topics(connection, LAYOUT))
    assert asyncio.run(missing_topics(connection)) == []
    assert asyncio.run(create_topics(connection, TopicLayout(partitions=99))) == []


def test_a_missing_topic_is_named(kafka: KafkaBackend) -> None:
    connection = KafkaConnection(kafka.bootstrap)
    assert asyncio.run(missing_topics(connection, ["no-such-topic"])) == ["no-such-topic"]


def test_without_a_broker_it_raises() -> None:
    with pytest.raises(KafkaError):
        asyncio.run(missing_topics(KafkaConnection("127.0.0.1:1")))


class Admin:
    """Answers a request for topics as the test says."""

    def __init__(self, *errors: tuple[Any, ...]) -> None:
        self.errors = errors
        self.asked: list[Any] = []

    async def start(self) -> None: ...
    async def close(self) -> None: ...

    async def list_topics(self) -> list[str]:
        return list(EVENT_TOPICS)

    async def create_topics(self, wanted: list[Any]) -> SimpleNamespace:
        self.asked += wanted
        return SimpleNamespace(topic_errors=self.errors)


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Any:
    def use(*errors: tuple[Any, ...]) -> Admin:
        admin = Admin(*errors)
        monkeypatch.setattr(topics, "AIOKafkaAdminClient", lambda **options: admin)
        return admin

    return use


def test_only_missing_topics_are_made_and_dead_letters_get_more_room(answer: Any) -> None:
    admin = answer(("agent-runs.v1.dlq", 0, None), ("agent-feedback.v1.dlq", 36, "exists"))
    made = asyncio.run(create_topics(KafkaConnection(), TopicLayout(5, 3, 1)))
    assert made == [topic for topic in ALL_TOPICS if topic.endswith(".dlq")]
    assert {(one.num_partitions, one.replication_factor) for one in admin.asked} == {(5, 3)}
    configs = [dict(one.topic_configs) for one in admin.asked]
    assert configs == [{"retention.ms": "86400000", "max.message.bytes": "4194304"}] * 4


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (("agent-runs.v1.dlq", 38, "replication factor 3 larger than available brokers 1"), "larger than available"),
        (("agent-runs.v1.dlq", 29, None), "TopicAuthorizationFailedError"),
        (("agent-runs.v1.dlq", 29), "TopicAuthorizationFailedError"),
    ],
)
def test_a_refusal_names_the_topic_and_the_reason(answer: Any, error: tuple[Any, ...], told: str) -> None:
    answer(error)
    with pytest.raises(TopicsUnavailable, match=r"agent-runs\.v1\.dlq") as raised:
        asyncio.run(create_topics(KafkaConnection(), LAYOUT))
    assert told in str(raised.value)

"""What a real Apache Kafka tells the doctor."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from cli.doctor.examples import bad
from runtally.connection import KafkaConnection
from runtally.kafka_producer import start_producer
from runtally_cli.doctor.broker_checks import check_broker
from runtally_cli.doctor.broker_facts import BrokerFacts, TopicLag, broker_facts
from runtally_cli.doctor.unanswered import Unanswered
from runtally_cli.local.kafka import KafkaBroker
from runtally_clickhouse.findings import Level
from runtally_consumer.topic_facts import TopicFacts
from runtally_consumer.topics import ALL_TOPICS, TopicLayout, create_topics

GROUP = "runtally"


async def _publish_and_commit(connection: KafkaConnection) -> None:
    """Five records in one partition, of which two are committed."""
    producer = await start_producer(connection, "test")
    for number in range(5):
        await producer.send_and_wait("agent-runs.v1", value=b"%d" % number, partition=1)
    await producer.stop()
    consumer = AIOKafkaConsumer(**connection.client_options(), group_id=GROUP, enable_auto_commit=False)
    await consumer.start()
    consumer.assign([TopicPartition("agent-runs.v1", 1)])
    await consumer.commit({TopicPartition("agent-runs.v1", 1): 2})
    await consumer.stop()


async def _delete_a_topic(connection: KafkaConnection, topic: str) -> None:
    admin = AIOKafkaAdminClient(**connection.client_options())
    await admin.start()
    await admin.delete_topics([topic])
    await admin.close()


def test_apache_kafka(private_kafka: KafkaBroker) -> None:
    connection = KafkaConnection(bootstrap=private_kafka.bootstrap)

    async def ask() -> tuple[BrokerFacts, BrokerFacts, BrokerFacts]:
        empty = await broker_facts(connection, GROUP)
        await create_topics(connection, TopicLayout(partitions=3))
        await _publish_and_commit(connection)
        full = await broker_facts(connection, GROUP)
        await _delete_a_topic(connection, "user-activity.v1.dlq")
        return empty, full, await broker_facts(connection, GROUP)

    empty, full, less = asyncio.run(ask())

    assert (empty.brokers, empty.idempotent, empty.in_memory) == (1, True, False)
    assert (empty.topics, empty.configs, empty.lag) == ({}, {}, {})
    assert full.topics == {topic: TopicFacts(3, 1) for topic in ALL_TOPICS}
    assert not isinstance(full.lag, Unanswered)
    assert full.lag["agent-runs.v1"] == TopicLag(behind=3)
    assert not isinstance(full.configs, Unanswered)
    assert full.configs["agent-runs.v1.dlq"]["max.message.bytes"] == "4194304"
    (nobody,) = bad(check_broker(full, private_kafka.bootstrap, named=True, outage_budget_hours=24))
    assert (nobody.area, nobody.level, nobody.remedy) == ("group", Level.ERROR, "`runtally consume`")
    # Asking about a topic must not make it.
    assert set(ALL_TOPICS) - set(less.topics) == {"user-activity.v1.dlq"}

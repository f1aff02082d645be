"""What the doctor asks of the brokers. Only requests that the local broker answers too: others drop the connection."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from runtally.connection import KafkaConnection
from runtally.kafka_producer import knows_idempotence
from runtally.streams import LOCAL_PREFIX
from runtally_consumer.topic_facts import TopicFacts, broker_configs, topic_configs, topic_facts
from runtally_consumer.topics import ALL_TOPICS, EVENT_TOPICS

from runtally_cli.doctor.probing import unanswered
from runtally_cli.doctor.unanswered import Unanswered

T = TypeVar("T")
# For reaching a broker, then for each question, which are asked side by side.
REACH_SECONDS: Final = 4.0
QUESTION_SECONDS: Final = 4.0
BROKER_SECONDS: Final = 2 * REACH_SECONDS + QUESTION_SECONDS + 1


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """A consumer group as its coordinator tells it; `Dead` when there is none of that name."""

    name: str
    state: str
    members: int


@dataclass(frozen=True, slots=True)
class TopicLag:
    """`behind` records wait; `lost` were removed by retention before they were read; `ahead` were never there."""

    behind: int
    lost: int = 0
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class BrokerFacts:
    """What the brokers told; each part by itself may be unanswered."""

    bootstrap: str
    cluster_id: str
    brokers: int
    idempotent: bool | Unanswered
    topics: Mapping[str, TopicFacts]
    configs: Mapping[str, Mapping[str, str]] | Unanswered
    group: GroupFacts | Unanswered
    lag: Mapping[str, TopicLag] | Unanswered
    of_brokers: Mapping[str, str] | Unanswered = field(default_factory=dict)

    @property
    def in_memory(self) -> bool:
        """Whether it is the local broker, which forgets, never trims and tells end offsets short."""
        return self.cluster_id.startswith(LOCAL_PREFIX)


async def broker_facts(connection: KafkaConnection, group: str) -> BrokerFacts:
    """Raises `KafkaError`, `OSError` or `TimeoutError` when no broker answers."""
    admin = AIOKafkaAdminClient(**connection.client_options())
    try:
        async with asyncio.timeout(REACH_SECONDS):
            await admin.start()
            cluster, described = await asyncio.gather(admin.describe_cluster(), admin.describe_topics())
        topics = {one["topic"]: topic_facts(one) for one in described if one["topic"] in ALL_TOPICS}
        cluster_id = str(cluster.get("cluster_id") or "")
        node_id = cluster["brokers"][0]["node_id"]
        in_memory = cluster_id.startswith(LOCAL_PREFIX)
        idempotent, configs, members, lag, of_brokers = await asyncio.gather(
            _answered(knows_idempotence(connection)),
            _answered(topic_configs(admin, sorted(topics))),
            _answered(_group(admin, group)),
            _answered(_lag(connection, admin, group, topics)),
            _answered(_no_configs() if in_memory else broker_configs(admin, node_id)),
        )
        return BrokerFacts(
            bootstrap=connection.bootstrap,
            cluster_id=cluster_id,
            brokers=len(cluster["brokers"]),
            idempotent=idempotent,
            topics=topics,
            configs=configs,
            group=members,
            lag=lag,
            of_brokers=of_brokers,
        )
    finally:
        async with asyncio.timeout(REACH_SECONDS):
            await admin.close()


async def _answered(question: Awaitable[T]) -> T | Unanswered:
    try:
        async with asyncio.timeout(QUESTION_SECONDS):
            return await question
    except TimeoutError:
        return Unanswered(f"no answer within {QUESTION_SECONDS:g} s")
    except Exception as error:  # one question that fails leaves the others their answers
        return unanswered(error)


async def _no_configs() -> dict[str, str]:
    return {}


async def _group(admin: AIOKafkaAdminClient, group: str) -> GroupFacts:
    code, name, state, _, _, members, *_ = (await admin.describe_consumer_groups([group]))[0].groups[0]
    if code:
        raise for_code(code)(name)
    return GroupFacts(name, state, len(members))


async def _lag(
    connection: KafkaConnection, admin: AIOKafkaAdminClient, group: str, topics: Mapping[str, TopicFacts]
) -> dict[str, TopicLag]:
    wanted = [
        TopicPartition(topic, number)
        for topic in EVENT_TOPICS
        if topic in topics
        for number in range(topics[topic].partitions)
    ]
    if not wanted:
        return {}
    committed = await admin.list_consumer_group_offsets(group, partitions=wanted)
    consumer = AIOKafkaConsumer(**connection.client_options())
    try:
        await consumer.start()
        begins = await consumer.beginning_offsets(wanted)
        ends = await consumer.end_offsets(wanted)
    finally:
        await consumer.stop()
    by_topic: defaultdict[str, list[TopicLag]] = defaultdict(list)
    for partition in wanted:
        found = committed.get(partition)
        by_topic[partition.topic].append(
            partition_lag(found.offset if found else -1, begins[partition], ends[partition])
        )
    return {topic: summed(lags) for topic, lags in by_topic.items()}


def partition_lag(committed: int, begin: int, end: int) -> TopicLag:
    """What the offsets of one partition say; `committed` is negative where nothing is."""
    if committed < 0:
        return TopicLag(behind=end - begin)
    return TopicLag(
        behind=max(0, end - max(committed, begin)), lost=max(0, begin - committed), ahead=max(0, committed - end)
    )


def summed(lags: Sequence[TopicLag]) -> TopicLag:
    """A topic's lag out of its partitions'."""
    return TopicLag(sum(lag.behind for lag in lags), sum(lag.lost for lag in lags), sum(lag.ahead for lag in lags))

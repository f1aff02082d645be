"""What the brokers tell about the topics that Runtally reads and writes: asked here, judged in `topic_checks`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """`replication` is that of the partition with the fewest replicas."""

    partitions: int
    replication: int
    leaderless: int = 0
    under_replicated: int = 0


@dataclass(frozen=True, slots=True)
class Keeping:
    """How a cluster of `brokers` keeps topics. `configs` by topic; `of_brokers` are those of one of the brokers."""

    bootstrap: str
    brokers: int
    topics: Mapping[str, TopicFacts]
    configs: Mapping[str, Mapping[str, str]]
    of_brokers: Mapping[str, str] = field(default_factory=dict)


def topic_facts(described: Mapping[str, Any]) -> TopicFacts:
    """Out of an entry of `describe_topics`."""
    partitions = described["partitions"]
    return TopicFacts(
        partitions=len(partitions),
        replication=min((len(one["replicas"]) for one in partitions), default=0),
        leaderless=sum(one["leader"] < 0 for one in partitions),
        under_replicated=sum(len(one["isr"]) < len(one["replicas"]) for one in partitions),
    )


async def topic_configs(admin: AIOKafkaAdminClient, topics: Sequence[str]) -> dict[str, dict[str, str]]:
    """The settings of these topics. Raises `KafkaError`; the local broker answers it too."""
    if not topics:
        return {}
    # Without a filter by name, which the local broker does not read.
    return await _configs(admin, [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics])


async def broker_configs(admin: AIOKafkaAdminClient, node_id: int) -> dict[str, str]:
    """The settings of one broker. Raises `KafkaError`. Not for the local broker."""
    found = await _configs(admin, [ConfigResource(ConfigResourceType.BROKER, str(node_id))])
    return found[str(node_id)]


async def _configs(admin: AIOKafkaAdminClient, resources: Sequence[ConfigResource]) -> dict[str, dict[str, str]]:
    answers = await admin.describe_configs(list(resources))
    configs = {}
    for code, _, _, name, entries in (resource for answer in answers for resource in answer.resources):
        if code:
            raise for_code(code)(name)
        configs[name] = {entry[0]: entry[1] for entry in entries}
    return configs

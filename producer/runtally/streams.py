"""Which life of a topic an offset belongs to: the cluster's id and, where the broker tells it, the topic's.

A topic that was deleted and made again starts at offset 0, with another id. So the pair names a stream in which an
offset means one record for ever; everybody derives it from the broker alone, and so all agree.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from runtally.connection import KafkaConnection

# The local broker takes a new id at each start, and nobody deletes topics of it.
LOCAL_PREFIX = "local-"
_NO_ID = bytes(16)


@dataclass(frozen=True, slots=True)
class Streams:
    """What a broker's offsets are offsets in. `topic_ids` is None where the broker has none to tell, and has no entry
    for a topic that is not there.
    """

    cluster_id: str
    topic_ids: Mapping[str, str] | None

    def topic_id(self, topic: str) -> str:
        """ "" where it is not known."""
        return (self.topic_ids or {}).get(topic, "")

    def of(self, topic: str) -> str:
        """The stream of a topic as it is today."""
        topic_id = self.topic_id(topic)
        return f"{self.cluster_id}#{topic_id}" if topic_id else self.cluster_id


async def present_streams(connection: KafkaConnection, topics: Sequence[str]) -> Streams:
    """Asked of any broker. Raises `KafkaError` or `OSError` when none answers."""
    client = AIOKafkaClient(**connection.client_options())
    try:
        await client.bootstrap()
        return await ask_streams(client, topics)
    finally:
        await client.close()


async def ask_streams(client: Any, topics: Sequence[str]) -> Streams:
    """The same over a client that has bootstrapped already."""
    node = client.get_random_node()
    plain = await client.send(node, MetadataRequest(list(topics), allow_auto_topic_creation=False))
    cluster_id = str(plain.cluster_id or "unknown")
    if cluster_id.startswith(LOCAL_PREFIX):
        return Streams(cluster_id, None)
    try:
        told = await client.send(node, _TopicIdRequest(topics))
    except NotImplementedError:  # aiokafka's, without a common version of the request: Kafka before 2.8 ends below 10
        return Streams(cluster_id, None)
    found = {name: id for _, name, id, *_ in told.topics if id != _NO_ID}
    return Streams(cluster_id, {name: _text(id) for name, id in found.items()})


def _text(topic_id: bytes) -> str:
    """As Kafka's own tools show it."""
    return base64.urlsafe_b64encode(topic_id).rstrip(b"=").decode()


class _Uuid(AbstractType[bytes]):  # type: ignore[misc]  # aiokafka has no types
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(16)


class _MetadataResponse(Response):  # type: ignore[misc]  # as above
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _MetadataRequest(RequestStruct):  # type: ignore[misc]  # as above
    """Version 10, the first that tells the topics' ids; aiokafka ends at 5."""

    API_KEY = 3
    API_VERSION = 10
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _TopicIdRequest(Request[_MetadataRequest]):  # type: ignore[misc]  # as above
    API_KEY = 3

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_MetadataRequest]) -> _MetadataRequest:
        topics: list[tuple[bytes, str, dict[int, bytes]]] = [(_NO_ID, topic, {}) for topic in self._topics]
        return request_struct_class(topics, False, False, False, {})

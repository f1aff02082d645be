"""Streams of brokers that tell the ids of topics, and of those that do not."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from runtally.streams import Streams, ask_streams

ID = bytes(range(16))
OF_KAFKA_2_7, OF_KAFKA_2_8 = 9, 11


class Node:
    """A client of one broker: aiokafka chooses the version of each request out of those that the broker has."""

    def __init__(self, newest_metadata: int, cluster_id: str = "c-1") -> None:
        self._newest, self._cluster_id = newest_metadata, cluster_id
        self.asked: list[int] = []

    def get_random_node(self) -> int:
        return 1

    async def send(self, node: int, request: Any) -> SimpleNamespace:
        self.asked.append(request.prepare({request.API_KEY: (0, self._newest)}).API_VERSION)
        topics = ((0, "runs", ID, False, ()), (3, "gone", bytes(16), False, ()))
        return SimpleNamespace(cluster_id=self._cluster_id, topics=topics)


@pytest.mark.parametrize(
    ("node", "streams", "versions"),
    [
        (Node(OF_KAFKA_2_8), Streams("c-1", {"runs": "AAECAwQFBgcICQoLDA0ODw"}), [5, 10]),
        (Node(OF_KAFKA_2_7), Streams("c-1", None), [5]),
        (Node(OF_KAFKA_2_8, "local-1"), Streams("local-1", None), [5]),
    ],
    ids=["with ids", "too old for ids", "local"],
)
def test_ids_of_topics_are_those_that_the_broker_tells(node: Node, streams: Streams, versions: list[int]) -> None:
    assert asyncio.run(ask_streams(node, ["runs", "gone"])) == streams
    assert node.asked == versions


def test_a_broker_without_ids_has_one_stream_for_all_topics() -> None:
    streams = asyncio.run(ask_streams(Node(OF_KAFKA_2_7), ["runs"]))
    assert (streams.topic_id("runs"), streams.of("runs")) == ("", "c-1")

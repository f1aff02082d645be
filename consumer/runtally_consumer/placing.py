"""Asking the broker and the ledger what `placement` has to know."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Protocol

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from runtally.connection import KafkaConnection
from runtally.streams import LOCAL_PREFIX, Streams, present_streams
from runtally_clickhouse.catalogue import ingested_ranges
from runtally_clickhouse.client import Reader

from runtally_consumer.placement import PartitionFacts
from runtally_consumer.records import Partition
from runtally_consumer.source import PollFailed

ASK_SECONDS = 20.0


class Offsets(Protocol):
    """What is asked of a consumer."""

    async def beginning_offsets(self, partitions: list[TopicPartition]) -> Mapping[TopicPartition, int]: ...
    async def end_offsets(self, partitions: list[TopicPartition]) -> Mapping[TopicPartition, int]: ...


LedgerRanges = Callable[[str, Partition], list[tuple[int, int]]]


def ledger_of(store: Reader) -> LedgerRanges:
    """What the ledger has of a partition of a stream. Blocks; raises `StoreError`."""

    def ranges(stream: str, partition: Partition) -> list[tuple[int, int]]:
        return ingested_ranges(store, stream, partition.topic, {partition.number: 0})[partition.number]

    return ranges


async def partition_facts(
    connection: KafkaConnection,
    group: str,
    offsets: Offsets,
    ledger: LedgerRanges | None,
    partitions: Collection[Partition],
) -> tuple[Streams, dict[Partition, PartitionFacts]]:
    """Raises `KafkaError`, `OSError`, `TimeoutError`, `StoreError`, or `PollFailed` while a topic is being made."""
    topics = sorted({partition.topic for partition in partitions})
    async with asyncio.timeout(ASK_SECONDS):
        streams = await present_streams(connection, topics)
        if streams.topic_ids is not None and (missing := set(topics) - streams.topic_ids.keys()):
            raise PollFailed(f"no topic {', '.join(sorted(missing))}", needs_person=True)
        found = await _facts(connection, group, offsets, streams, partitions)
    if ledger is not None:
        for partition, facts in found.items():
            if facts.needs_ledger:
                ranges = await asyncio.to_thread(ledger, streams.of(partition.topic), partition)
                found[partition] = replace(facts, ledger=ranges)
    return streams, found


async def _facts(
    connection: KafkaConnection, group: str, offsets: Offsets, streams: Streams, partitions: Collection[Partition]
) -> dict[Partition, PartitionFacts]:
    wanted = [TopicPartition(*partition) for partition in sorted(partitions)]
    committed = await _committed(connection, group, wanted)
    begins = await offsets.beginning_offsets(wanted)
    # The local broker tells the base of its last batch as the end.
    ends = {} if streams.cluster_id.startswith(LOCAL_PREFIX) else await offsets.end_offsets(wanted)
    return {
        Partition(tp.topic, tp.partition): PartitionFacts(
            committed=committed[tp].offset if tp in committed and committed[tp].offset >= 0 else None,
            committed_in=committed[tp].metadata or "" if tp in committed else "",
            topic_id=streams.topic_id(tp.topic),
            begin=begins[tp],
            end=ends.get(tp),
        )
        for tp in wanted
    }


async def _committed(
    connection: KafkaConnection, group: str, partitions: list[TopicPartition]
) -> Mapping[TopicPartition, Any]:
    admin = AIOKafkaAdminClient(**connection.client_options())
    try:
        await admin.start()
        found: Mapping[TopicPartition, Any] = await admin.list_consumer_group_offsets(group, partitions=partitions)
        return found
    finally:
        await admin.close()

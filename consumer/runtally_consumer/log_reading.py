"""Which offsets of a partition hold records: transactions leave marks, compaction leaves holes."""

import time
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from runtally_consumer.intervals import Interval, of_offsets, union
from runtally_consumer.records import Partition

SILENT_SECONDS: Final = 10.0


async def records_in(consumer: Any, partition: Partition, offsets: Interval) -> list[Interval] | None:
    """Which of the offsets hold records; None when the broker stops giving them. Raises `KafkaError`.

    `consumer` is a started AIOKafkaConsumer without a group's assignment, for this question alone.
    """
    there = TopicPartition(*partition)
    consumer.assign([there])
    consumer.seek(there, offsets.first)
    found: list[Interval] = []
    position, moved_at = offsets.first, time.monotonic()
    while position <= offsets.last:
        try:
            fetched = await consumer.getmany(there, timeout_ms=500)
        except OffsetOutOfRangeError:  # retention was quicker
            return None
        numbers = [record.offset for record in fetched.get(there, ())]
        found += of_offsets(number for number in numbers if number <= offsets.last)
        reached = await consumer.position(there)
        if reached > position:
            position, moved_at = reached, time.monotonic()
        elif time.monotonic() - moved_at > SILENT_SECONDS:
            return None
    return union(found)

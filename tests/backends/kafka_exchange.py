"""Records in and out of a broker with aiokafka, in as few words as a test of the broker itself needs."""

import asyncio
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

_READ_SECONDS: Final = 30.0
# One key, so one partition, so one order, however many partitions a broker gives a new topic.
_KEY: Final = b"agent"


def produce(bootstrap: str, topic: str, values: list[bytes], *, idempotent: bool = False) -> None:
    """Returns when all are acknowledged."""

    async def run() -> None:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=idempotent) as producer:
            for value in values:
                await producer.send_and_wait(topic, value, key=_KEY)

    asyncio.run(run())


def produce_in_transactions(bootstrap: str, topic: str, kept: list[bytes], dropped: list[bytes]) -> None:
    """One transaction committed with `kept`, after one aborted with `dropped`."""

    async def run() -> None:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=f"{topic}-tx") as producer:
            await producer.begin_transaction()
            for value in dropped:
                await producer.send_and_wait(topic, value, key=_KEY)
            await producer.abort_transaction()
            async with producer.transaction():
                for value in kept:
                    await producer.send_and_wait(topic, value, key=_KEY)

    asyncio.run(run())


def consume(bootstrap: str, topic: str, count: int, group: str) -> list[bytes]:
    """The next `count` values for the group, committed; raises TimeoutError when they don't come."""

    async def run() -> list[bytes]:
        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=bootstrap,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level="read_committed",
        )
        async with consumer:
            async with asyncio.timeout(_READ_SECONDS):
                values = [bytes((await consumer.getone()).value) for _ in range(count)]
            await consumer.commit()
        return values

    return asyncio.run(run())

"""The messages of the ingest benchmark: runs as a fleet sends them, some of them twice, and what must be stored."""

import asyncio
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zlib import crc32

from aiokafka import AIOKafkaProducer
from benchmarks.bench_decode import run_messages
from runtally.events import format_instant

PARTITIONS = 12
UPDATE_EVERY = 10
_CHUNK = 20_000
_BATCH_BYTES = 128 * 1024

Message = dict[str, object]


@dataclass
class Expected:
    """What the table must hold once every message was counted exactly once."""

    messages: int = 0
    runs: int = 0
    running: int = 0
    input_tokens: int = 0
    cost_usd: Decimal = field(default_factory=Decimal)

    def add(self, message: Message, sign: int = 1) -> None:
        self.runs += sign
        self.running += sign * (message["status"] == "running")
        self.input_tokens += sign * int(str(message["input_tokens"]))
        self.cost_usd += sign * Decimal(str(message["cost_usd"]))

    def question(self, table: str) -> str:
        """SQL whose row equals `row()`."""
        return (
            "SELECT count() AS runs, uniqExact(run_id) AS ids, countIf(status = 'running') AS running, "
            f"sum(input_tokens) AS input_tokens, toString(sum(cost_usd)) AS cost_usd FROM {table}"
        )

    def row(self) -> dict[str, object]:
        return {
            "runs": self.runs,
            "ids": self.runs,
            "running": self.running,
            "input_tokens": self.input_tokens,
            "cost_usd": format(self.cost_usd.normalize(), "f"),
        }


def messages(count: int, expected: Expected) -> Iterator[Message]:
    """`count` messages. Every tenth is the end of a run that was reported as running up to a chunk before."""
    chance = random.Random(7)
    given = 0
    while given < count:
        open_runs: list[Message] = []
        for at, run in enumerate(run_messages(min(_CHUNK, count - given), seed=given)):
            if at % UPDATE_EVERY == 0:
                run["status"] = "running"
                open_runs.append(run)
            elif at % UPDATE_EVERY == UPDATE_EVERY - 1:
                run = _ended(open_runs.pop(chance.randrange(len(open_runs))), chance, expected)
            expected.add(run)
            expected.messages += 1
            yield run
        given += _CHUNK


def _ended(run: Message, chance: random.Random, expected: Expected) -> Message:
    expected.add(run, -1)
    later = datetime.fromisoformat(str(run["updated_at"])) + timedelta(seconds=5)
    return {
        **run,
        "status": "succeeded",
        "updated_at": format_instant(later.astimezone(UTC)),
        "input_tokens": chance.randrange(20_000),
        "cost_usd": f"{chance.random():.7f}",
    }


async def publish(bootstrap: str, topic: str, count: int) -> tuple[Expected, dict[int, int]]:
    """Send the messages, those of a run to one partition, in order. Returns also the end offsets."""
    expected = Expected()
    ends = dict.fromkeys(range(PARTITIONS), 0)
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", compression_type="lz4", max_batch_size=_BATCH_BYTES, linger_ms=0
    ) as producer:
        open_batches = {number: producer.create_batch() for number in ends}
        sent: set[asyncio.Future[object]] = set()

        async def send(number: int) -> None:
            sent.add(await producer.send_batch(open_batches[number], topic, partition=number))
            open_batches[number] = producer.create_batch()
            if len(sent) > 100:
                await asyncio.gather(*sent)
                sent.clear()

        for message in messages(count, expected):
            key = str(message["run_id"]).encode()
            value = json.dumps(message, separators=(",", ":")).encode()
            number = crc32(key) % PARTITIONS
            if open_batches[number].append(timestamp=None, key=key, value=value) is None:
                await send(number)
                open_batches[number].append(timestamp=None, key=key, value=value)
            ends[number] += 1
        for number in ends:
            if open_batches[number].record_count():
                await send(number)
        await asyncio.gather(*sent)
    return expected, ends

"""The greatest numbers and the largest records: sums stay exact, and one monster holds up nobody."""

import asyncio
import json
from typing import Any

from aiokafka import AIOKafkaConsumer
from integration.answers import analytics, post, totals_until
from integration.stacks import RunningStack
from runtally.connection import KafkaConnection
from runtally.kafka_producer import start_producer

GREATEST = 2**53 - 1
SCOPE = {"from": "2026-02-01", "to": "2026-02-28"}


def _run(workspace: str, number: int, **fields: Any) -> dict[str, Any]:
    return {
        "run_id": f"r{number}",
        "workspace_id": workspace,
        "agent_id": "a",
        "model": "m",
        "status": "succeeded",
        "started_at": "2026-02-03T04:05:06Z",
        "updated_at": "2026-02-03T04:05:07Z",
        **fields,
    }


def test_sums_beyond_64_bits_are_exact(stack: RunningStack) -> None:
    greatest = {"input_tokens": GREATEST, "output_tokens": GREATEST, "duration_ms": GREATEST}
    runs = [_run("greatest", n, **greatest) for n in range(2100)]
    with stack.client() as client:
        post(client, runs)
        totals = totals_until(client, len(runs), workspace_id="greatest", **SCOPE)
        usage = client.get("/api/v1/analytics/usage", params={"workspace_id": "greatest", **SCOPE}).json()
        models = client.get("/api/v1/analytics/models", params={"workspace_id": "greatest", **SCOPE}).json()
    assert totals["input_tokens"] == len(runs) * GREATEST
    assert totals["total_tokens"] == len(runs) * GREATEST * 2
    assert totals["avg_duration_ms"] == GREATEST
    assert usage["total_tokens"] == len(runs) * GREATEST * 2 == models["models"][0]["total_tokens"]
    assert usage["avg_response_time_ms"] == GREATEST


async def _publish(bootstrap: str, values: list[bytes], key: bytes, most_bytes: int) -> None:
    producer = await start_producer(KafkaConnection(bootstrap), "test", max_request_size=most_bytes)
    try:
        for value in values:
            await producer.send_and_wait("agent-runs.v1", value, key=key)
    finally:
        await producer.stop()


async def _letter_of(bootstrap: str, key: bytes) -> Any:
    consumer = AIOKafkaConsumer(
        "agent-runs.v1.dlq",
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        group_id=None,
        max_partition_fetch_bytes=8 * 1024 * 1024,
    )
    await consumer.start()
    try:
        async with asyncio.timeout(60):
            async for letter in consumer:
                if letter.key == key:
                    return letter
    finally:
        await consumer.stop()


def test_a_record_too_large_for_any_topic_holds_up_nobody(stack: RunningStack) -> None:
    # Apache Kafka itself refuses more than a MiB; the local broker takes anything.
    size = 5_000_000 if stack.kind == "local" else 900_000
    huge = json.dumps(_run("huge", 0, error_message="x" * size)).encode()
    good = [json.dumps(_run("huge", n)).encode() for n in range(1, 41)]
    key = b"huge-record"
    asyncio.run(_publish(stack.bootstrap, [*good[:20], huge, *good[20:]], key, 8 * 1024 * 1024))
    with stack.client() as client:
        totals_until(client, len(good), workspace_id="huge", **SCOPE)
        assert analytics(client, workspace_id="huge", **SCOPE)["totals"]["runs"] == len(good)
    letter = asyncio.run(_letter_of(stack.bootstrap, key))
    headers = dict(letter.headers)
    assert b"bytes long" in headers["__connect.errors.exception.message"]
    assert huge.startswith(letter.value)
    if len(letter.value) < len(huge):
        assert headers["runtally.errors.value_bytes"] == str(len(huge)).encode()

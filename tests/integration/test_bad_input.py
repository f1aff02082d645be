"""Bad input at each door: a clear error or a dead letter with its reason, every good neighbour counted."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer
from integration.answers import all_runs, post, totals_until
from integration.stacks import RunningStack
from runtally.connection import KafkaConnection
from runtally.kafka_producer import start_producer

SCOPE = {"from": "2026-04-01", "to": "2026-04-30"}
GOOD: dict[str, Any] = {
    "workspace_id": "bad-input",
    "agent_id": "planner",
    "status": "succeeded",
    "started_at": "2026-04-02T03:04:05.678Z",
    "updated_at": "2026-04-02T03:05:00Z",
}
# What is wrong, by the field that must be named.
BAD: list[tuple[str, dict[str, Any]]] = [
    ("input_tokens", {"input_tokens": -5}),
    ("output_tokens", {"output_tokens": "12"}),
    ("duration_ms", {"duration_ms": 1.5}),
    ("started_at", {"started_at": "1970-01-01T00:00:00Z"}),
    ("started_at", {"started_at": "2026-04-02T03:04:05"}),
    ("status", {"status": "done"}),
    ("agent_id", {"agent_id": ""}),
    ("cost_usd", {"cost_usd": -0.01}),
    ("tags", {"tags": {"a": 1}}),
    ("recovered", {"recovered": "yes"}),
    ("model", {"model": "m" * 257}),
]


def _body(*items: str) -> bytes:
    return ("[" + ",".join(items) + "]").encode()


def test_each_bad_item_is_explained_and_its_neighbours_are_taken(stack: RunningStack) -> None:
    items: list[dict[str, Any]] = []
    for number, (_, change) in enumerate(BAD):
        items.append({**GOOD, "run_id": f"http-bad-{number}", **change})
        items.append({**GOOD, "run_id": f"http-good-{number}"})
    texts = [json.dumps(item) for item in items]
    texts.append(json.dumps({**GOOD, "run_id": "http-nan"})[:-1] + ', "cost_usd": NaN}')
    texts.append(json.dumps({**GOOD, "run_id": "http-twice"})[:-1] + ', "status": "failed"}')
    texts.append(json.dumps({**GOOD, "run_id": "http-emoji-🤖"}))
    texts.append(json.dumps({**GOOD, "run_id": "http-huge", "error_message": "x" * 5_000_000}))
    with stack.client() as client:
        response = client.post("/api/v1/runs", content=_body(*texts), headers={"content-type": "application/json"})
        answer = response.json()
        assert response.status_code == 422
        assert (answer["accepted"], answer["rejected"]) == (len(BAD) + 1, len(BAD) + 3)
        named = {error["index"]: error for error in answer["errors"]}
        for number, (field, _) in enumerate(BAD):
            assert named[2 * number]["field"] == field, named[2 * number]
            assert named[2 * number]["remedy"]
        size_error = named[len(texts) - 1]
        assert "262144" in size_error["message"]
        totals_until(client, len(BAD) + 1, workspace_id="bad-input", **SCOPE)
        found = client.get("/api/v1/runs/http-emoji-%F0%9F%A4%96").json()
        assert found["run_id"] == "http-emoji-🤖"


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b'{"run_id": ', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"[" + b" " * (16 * 1024 * 1024) + b"]", "application/json", 413),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(
    stack: RunningStack, content: bytes, media_type: str, status: int
) -> None:
    with stack.client() as client:
        response = client.post("/api/v1/runs", content=content, headers={"content-type": media_type})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"]


def _records() -> list[tuple[str, bytes]]:
    """What the dead letter must say, and the bad Kafka value."""
    good = json.dumps({**GOOD, "workspace_id": "kafka-bad", "run_id": "k"})
    return [
        ("not JSON", b'{"run_id": "k"'),
        ("invalid UTF-8", good.encode().replace(b'"k"', b'"\xff"')),
        ("must be a JSON object", b"[1, 2]"),
        ("stands twice", good[:-1].encode() + b', "agent_id": "again"}'),
        ("input_tokens", good[:-1].encode() + b', "input_tokens": -1}'),
        ("cost_usd", good[:-1].encode() + b', "cost_usd": NaN}'),
        ("workspace_id", b'{"run_id": "k", "agent_id": "a", "status": "failed"}'),
        ("years", good.replace("2026-04-02T03:04:05.678Z", "1970-01-01T00:00:00Z").encode()),
        ("bytes long", good[:-1].encode() + b', "error_message": "' + b"x" * 500_000 + b'"}'),
        ("must be a JSON object", b"null"),
    ]


async def _publish(bootstrap: str, values: list[bytes]) -> None:
    producer = await start_producer(KafkaConnection(bootstrap), "test")
    try:
        for value in values:
            await producer.send_and_wait("agent-runs.v1", value, key=b"k")
    finally:
        await producer.stop()


async def _dead_letters(bootstrap: str, count: int) -> list[Any]:
    consumer = AIOKafkaConsumer(
        "agent-runs.v1.dlq", bootstrap_servers=bootstrap, auto_offset_reset="earliest", group_id=None
    )
    await consumer.start()
    try:
        async with asyncio.timeout(60):
            return [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()


def test_bad_records_become_dead_letters_and_their_neighbours_runs(stack: RunningStack) -> None:
    bad = _records()
    values: list[bytes] = []
    for number, value in enumerate(value for _, value in bad):
        good = {**GOOD, "workspace_id": "kafka-bad", "run_id": f"kafka-good-{number}"}
        values += [value, json.dumps(good).encode()]
    asyncio.run(_publish(stack.bootstrap, values))
    letters = {letter.value: dict(letter.headers) for letter in asyncio.run(_dead_letters(stack.bootstrap, len(bad)))}
    for reason, value in bad:
        headers = letters[value]
        message = headers["__connect.errors.exception.message"].decode()
        assert reason in message or reason in headers["runtally.errors.field"].decode(), (reason, message)
        assert headers["__connect.errors.topic"] == b"agent-runs.v1"
        assert headers["runtally.errors.remedy"]
    with stack.client() as client:
        totals_until(client, len(bad), workspace_id="kafka-bad", **SCOPE)
        assert len(all_runs(client, workspace_id="kafka-bad")) == len(bad)


def test_ndjson_takes_the_good_lines(stack: RunningStack) -> None:
    lines = [json.dumps({**GOOD, "workspace_id": "lines", "run_id": f"l{n}"}) for n in range(3)]
    lines.insert(1, "{broken")
    with stack.client() as client:
        response: httpx.Response = client.post(
            "/api/v1/runs", content="\n".join(lines), headers={"content-type": "application/x-ndjson"}
        )
        assert response.status_code == 422
        assert [error["index"] for error in response.json()["errors"]] == [1]
        totals_until(client, 3, workspace_id="lines", **SCOPE)
        post(client, {**GOOD, "workspace_id": "lines", "run_id": "l0"})
        totals_until(client, 3, workspace_id="lines", **SCOPE)

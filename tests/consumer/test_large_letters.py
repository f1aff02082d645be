"""A dead letter that its topic does not take as it is: cut, told, and never in the way of others."""

import asyncio
import hashlib
from typing import Any

import pytest
from aiokafka.errors import MessageSizeTooLargeError
from runtally.violations import Violation
from runtally_consumer.dead_letters import DeadLetter
from runtally_consumer.failures import DeadLetterTopicUnavailable
from runtally_consumer.kafka_dead_letters import LETTER_BYTES, KafkaDeadLetterTopic
from runtally_consumer.records import Partition


class _Record:
    def __init__(self, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]] | None = None) -> None:
        self.offset, self.timestamp = 7, 0
        self.key, self.value, self.headers = key, value, headers or []


def _letter(key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]] | None = None) -> DeadLetter:
    record: Any = _Record(key, value, headers)
    return DeadLetter(Partition("agent-runs.v1", 0), record, (Violation("", "is too long", "shorten it"),))


class _Topic:
    """A producer whose topic takes so many bytes a record."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.taken: list[tuple[bytes | None, bytes | None]] = []

    async def send(self, topic: str, *, value: bytes | None, key: bytes | None, headers: Any) -> "asyncio.Future[None]":
        if len(value or b"") + len(key or b"") > self.most_bytes:
            raise MessageSizeTooLargeError("too large")
        self.taken.append((key, value))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


def test_what_fits_is_unchanged() -> None:
    message = _letter(b"k", b"v" * 1000, [("own", b"h")]).as_message(100_000)
    assert (message.key, message.value) == (b"k", b"v" * 1000)
    assert ("own", b"h") in message.headers
    assert "runtally.errors.value_bytes" not in dict(message.headers)


@pytest.mark.parametrize(
    ("key", "value", "headers"),
    [
        (b"k", b"v" * 5_000_000, []),
        (b"k" * 5_000_000, b"v", []),
        (b"k", b"v", [("own", b"h" * 5_000_000)]),
        (None, b"v" * 5_000_000, [(f"h{n}", b"x" * 1000) for n in range(5000)]),
    ],
)
def test_what_does_not_is_cut_and_told(key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]) -> None:
    message = _letter(key, value, headers).as_message(200_000)
    size = len(message.key or b"") + len(message.value or b"") + sum(len(n) + len(t or b"") for n, t in message.headers)
    assert size <= 200_000
    told = dict(message.headers)
    assert told["runtally.errors.value_bytes"] == str(len(value)).encode()
    assert told["runtally.errors.value_sha256"] == hashlib.sha256(value).hexdigest().encode()
    assert told["runtally.errors.message"] == b"is too long"
    assert value.startswith(message.value or b"")


def test_a_topic_that_takes_little_gets_less_and_the_others_whole() -> None:
    topic = _Topic(most_bytes=LETTER_BYTES[-1])
    producer: Any = topic
    asyncio.run(KafkaDeadLetterTopic(producer).publish([_letter(b"a", b"v" * 3_000_000), _letter(b"b", b"small")]))
    taken = dict(topic.taken)
    assert taken[b"b"] == b"small"
    assert 0 < len(taken[b"a"] or b"") < LETTER_BYTES[-1]


def test_a_topic_that_takes_nothing_is_unavailable_and_needs_a_person() -> None:
    producer: Any = _Topic(most_bytes=0)
    with pytest.raises(DeadLetterTopicUnavailable) as refused:
        asyncio.run(KafkaDeadLetterTopic(producer).publish([_letter(b"a", b"v")]))
    assert refused.value.needs_person

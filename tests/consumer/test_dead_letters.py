"""What is kept of a refused record, and what is shown of it."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
from aiokafka.errors import (
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotLeaderForPartitionError,
    TopicAuthorizationFailedError,
)
from consumer.samples import F0, P0, StoredRecord
from runtally.violations import Violation
from runtally_consumer import kafka_dead_letters
from runtally_consumer.dead_letters import MIRRORED_BYTES, DeadLetter, RefusedBy, mirror_rows
from runtally_consumer.failures import DeadLetterTopicUnavailable
from runtally_consumer.kafka_dead_letters import KafkaDeadLetterTopic

MISSING = Violation("agent_id", "is required", "add the field")
WRONG = Violation("cost_usd", "must be a number", "send null when unknown")
AT = datetime(2026, 11, 21, 10, tzinfo=timezone(timedelta(hours=1)))


def letter(*violations: Violation, **record: object) -> DeadLetter:
    record_at_42 = StoredRecord(42, **record)  # type: ignore[arg-type] # fields vary
    return DeadLetter(P0, record_at_42, violations or (MISSING,), stream="cluster#topic")


def test_headers_are_kafka_connects_and_our_own_after_the_records() -> None:
    refused = letter(MISSING, WRONG, headers=[("traceparent", b"00-1"), ("empty", None)])
    assert refused.topic == "agent-runs.v1.dlq"
    assert refused.headers() == [
        ("traceparent", b"00-1"),
        ("empty", None),
        ("__connect.errors.topic", b"agent-runs.v1"),
        ("__connect.errors.partition", b"0"),
        ("__connect.errors.offset", b"42"),
        ("__connect.errors.connector.name", b"runtally-consumer"),
        ("__connect.errors.stage", b"VALUE_CONVERTER"),
        ("__connect.errors.exception.class.name", b"runtally.violations.InvalidEvent"),
        ("__connect.errors.exception.message", b"agent_id is required; cost_usd must be a number"),
        ("runtally.errors.stream", b"cluster#topic"),
        ("runtally.errors.field", b"agent_id"),
        ("runtally.errors.message", b"is required"),
        ("runtally.errors.remedy", b"add the field"),
    ]


def test_a_letter_that_was_replayed_tells_of_the_last_time_only() -> None:
    first = letter(WRONG, headers=[("traceparent", b"00-1")])
    again = letter(MISSING, headers=first.headers())
    assert again.headers() == letter(MISSING, headers=[("traceparent", b"00-1")]).headers()


def test_a_sender_cannot_make_headers_long_or_unfit_for_text() -> None:
    hostile = letter(Violation("x" * 100_000 + "\ud800", "\ud800 stands twice", "write each key once"))
    headers = dict(hostile.headers())
    assert max(len(value or b"") for value in headers.values()) == 2048
    assert headers["runtally.errors.message"] == b"? stands twice"
    rows = mirror_rows("cluster", [hostile], AT).to_pylist()
    assert len(rows[0]["message"]) == 2048


@pytest.mark.parametrize(
    ("named", "counted"), [("agent_id", "agent_id"), ("tags.anything", "tags"), ("made-up", ""), ("", "")]
)
def test_only_the_contracts_fields_are_counted_by_name(named: str, counted: str) -> None:
    refused = letter(Violation(named, "is wrong", "mend it"))
    assert refused.field == counted
    assert mirror_rows("cluster", [refused], AT)["reason"].to_pylist() == [f"invalid {counted or 'record'}"]


def test_a_field_of_another_topic_is_none_of_this_ones() -> None:
    assert DeadLetter(F0, StoredRecord(0), (WRONG,)).field == ""


def test_what_the_store_refused_is_told_apart() -> None:
    refused = DeadLetter(P0, StoredRecord(0), (Violation("", "was refused", "replay"),), RefusedBy.STORE)
    headers = dict(refused.headers())
    assert headers["__connect.errors.stage"] == b"TASK_PUT"
    assert headers["__connect.errors.exception.class.name"] == b"runtally_clickhouse.errors.StoreRefused"
    assert refused.fault == "store"
    assert mirror_rows("cluster", [refused], AT)["reason"].to_pylist() == ["refused by the store"]


def test_the_mirror_has_a_row_for_each() -> None:
    rows = mirror_rows("cluster", [letter(value=b"\xff\x00", key=b"k"), letter(WRONG, value=None)], AT).to_pylist()
    shared = {
        "stream": "cluster",
        "topic": "agent-runs.v1",
        "partition": 0,
        "offset": 42,
        "recorded_at": datetime(2026, 11, 21, 9, tzinfo=UTC),
    }
    assert rows == [
        shared
        | {"reason": "invalid agent_id", "field": "agent_id", "message": "agent_id is required"}
        | {"key": b"k", "value": b"\xff\x00", "value_bytes": 2},
        shared
        | {"reason": "invalid cost_usd", "field": "cost_usd", "message": "cost_usd must be a number"}
        | {"key": b"", "value": b"", "value_bytes": 0},
    ]


def test_the_mirror_cuts_what_is_long_and_says_how_long_it_was() -> None:
    (row,) = mirror_rows("cluster", [letter(value=b"v" * 300_000, key=b"k" * 100_000)], AT).to_pylist()
    assert (len(row["value"]), len(row["key"]), row["value_bytes"]) == (MIRRORED_BYTES, MIRRORED_BYTES, 300_000)


class Producer:
    """Acknowledges what it is given, or does not."""

    def __init__(self, send: BaseException | None = None, acknowledge: BaseException | None = None) -> None:
        self.sent: list[tuple[str, dict[str, object]]] = []
        self._send = send
        self._acknowledge = acknowledge

    async def send(self, topic: str, **record: object) -> "asyncio.Future[None]":
        if self._send is not None:
            raise self._send
        self.sent.append((topic, record))
        future = asyncio.get_running_loop().create_future()
        if self._acknowledge is None:
            future.set_result(None)
        elif not isinstance(self._acknowledge, TimeoutError):
            future.set_exception(self._acknowledge)
        return future


def publish(producer: Producer, *letters: DeadLetter) -> None:
    asyncio.run(KafkaDeadLetterTopic(producer).publish(letters))


def test_key_and_value_are_published_unchanged() -> None:
    producer = Producer()
    letters = [letter(key=b"k", value=b"v"), letter(key=None, value=b"v"), letter(key=b"", value=None)]
    publish(producer, *letters)
    assert [record["key"] for _, record in producer.sent] == [b"k", None, b""]
    assert [record["value"] for _, record in producer.sent] == [b"v", b"v", None]
    assert [record["headers"] for _, record in producer.sent] == [one.headers() for one in letters]
    assert {topic for topic, _ in producer.sent} == {"agent-runs.v1.dlq"}


def test_a_record_without_key_and_value_gets_an_empty_key_as_the_client_asks_for_one() -> None:
    producer = Producer()
    publish(producer, letter(key=None, value=None))
    assert (producer.sent[0][1]["key"], producer.sent[0][1]["value"]) == (b"", None)


@pytest.mark.parametrize(
    ("producer", "needs_person"),
    [
        (Producer(send=KafkaTimeoutError()), False),
        (Producer(acknowledge=NotLeaderForPartitionError()), False),
        (Producer(acknowledge=TimeoutError()), False),
        (Producer(acknowledge=TopicAuthorizationFailedError()), True),
        (Producer(send=MessageSizeTooLargeError()), True),
    ],
)
def test_a_letter_that_is_not_acknowledged_is_told(
    producer: Producer, needs_person: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_dead_letters, "DEAD_LETTER_SECONDS", 0.01)
    with pytest.raises(DeadLetterTopicUnavailable, match=r"dead-letter topic: \w+") as raised:
        publish(producer, letter(), letter())
    assert raised.value.needs_person is needs_person

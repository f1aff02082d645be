"""What is kept of a refused record, and what is shown of it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from consumer.samples import F0, P0, StoredRecord
from runtally.violations import Violation
from runtally_consumer.dead_letters import MIRRORED_BYTES, DeadLetter, mirror_rows

MISSING = Violation("agent_id", "is required", "add the field")
WRONG = Violation("cost_usd", "must be a number", "send null when unknown")
AT = datetime(2026, 11, 21, 10, tzinfo=timezone(timedelta(hours=1)))


def letter(*violations: Violation, **record: object) -> DeadLetter:
    return DeadLetter(P0, StoredRecord(42, **record), violations or (MISSING,))  # type: ignore[arg-type] # fields vary


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

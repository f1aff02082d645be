"""What is published again, what stays, and what is lost, with a store and topics of memory."""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from consumer.samples import NOT_JSON, RUNS, StoredRecord, run_value
from runtally.violations import Violation
from runtally_cli.dlq.letters import Letter
from runtally_cli.dlq.replaying import CHUNK, Replayed, replay
from runtally_cli.dlq.topic_search import origin
from runtally_clickhouse.kept_letters import Kept, Place, kept_of
from runtally_consumer.dead_letters import STREAM_HEADER, DeadLetter
from runtally_consumer.records import Partition

Sent = tuple[str, bytes | None, bytes | None, list[tuple[str, bytes | None]]]


class _Topic:
    """A producer that keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []

    async def send(
        self, topic: str, value: bytes | None, key: bytes | None, headers: Sequence[tuple[str, bytes | None]]
    ) -> "asyncio.Future[Any]":
        self.sent.append((topic, value, key, list(headers)))
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


def _place(offset: int) -> Place:
    return Place("s", RUNS, 0, offset)


def _row(offset: int, value: bytes, key: bytes = b"k", value_bytes: int | None = None) -> dict[str, Any]:
    return {
        **_place(offset)._asdict(),
        "key_base64": base64.b64encode(key).decode(),
        "value_base64": base64.b64encode(value).decode(),
        "value_bytes": len(value) if value_bytes is None else value_bytes,
    }


def _replay(
    rows: Sequence[dict[str, Any]], topic: Mapping[Place, Kept], producer: _Topic | None
) -> tuple[Replayed, list[int]]:
    """The letters newest first, as the store lists them."""
    instant = datetime(2026, 11, 21, tzinfo=UTC)
    letters = [Letter(_place(row["offset"]), instant, "", "", row["value_bytes"]) for row in reversed(rows)]
    steps: list[int] = []

    async def find(places: Sequence[Place]) -> Mapping[Place, Kept]:
        return {place: topic[place] for place in places if place in topic}

    def values(places: Sequence[Place]) -> list[dict[str, Any]]:
        return [row for row in rows if _place(row["offset"]) in places]

    replayed = asyncio.run(replay(letters, values, find, producer, lambda done, _: steps.append(done)))
    return replayed, steps


def test_records_are_published_unchanged_and_what_is_still_refused_is_not() -> None:
    producer = _Topic()
    rows = [_row(0, run_value(0)), _row(1, NOT_JSON), _row(2, run_value(2), b"")]

    replayed, _ = _replay(rows, {}, producer)

    assert producer.sent == [(RUNS, run_value(0), b"k", []), (RUNS, run_value(2), None, [])]
    assert (replayed.published, sum(replayed.refused.values()), replayed.lost) == (2, 1, [])
    assert "left 1 that would be refused again" in replayed.lines(dry_run=False)[0]


def test_a_dry_run_publishes_nothing_and_says_the_same() -> None:
    rows = [_row(0, run_value(0)), _row(1, NOT_JSON)]

    dry, _ = _replay(rows, {}, None)

    assert dry == _replay(rows, {}, _Topic())[0]
    assert dry.lines(dry_run=True)[0].startswith("would publish 1,")


def test_what_the_store_has_cut_comes_from_the_topic_with_its_own_headers_or_is_told() -> None:
    producer = _Topic()
    headers = [("trace", b"1"), ("__connect.errors.topic", b"t"), ("runtally.errors.field", b"x")]
    rows = [_row(0, b"{", value_bytes=9), _row(1, b"{", value_bytes=9)]

    replayed, _ = _replay(rows, {_place(0): Kept(b"key", run_value(0), True, headers)}, producer)

    assert producer.sent == [(RUNS, run_value(0), b"key", [("trace", b"1")])]
    assert replayed.lost == [_place(1)]
    assert "not found: agent-runs.v1 0 1 in stream s" in replayed.lines(dry_run=False)[-1]


def test_many_go_in_chunks_oldest_first() -> None:
    producer = _Topic()
    count = 2 * CHUNK + 1
    replayed, steps = _replay([_row(number, run_value(number)) for number in range(count)], {}, producer)

    assert steps == [CHUNK, 2 * CHUNK, count]
    assert [sent[1] for sent in producer.sent] == [run_value(number) for number in range(count)]
    assert replayed.published == count


def test_no_value_an_empty_one_and_a_cut_one_are_not_whole() -> None:
    assert not kept_of(_row(0, b"")).is_whole
    assert not kept_of(_row(0, b"x", value_bytes=2)).is_whole
    assert not kept_of(_row(0, b"x", b"k" * 65536)).is_whole
    assert kept_of(_row(0, b"x")) == Kept(b"k", b"x", True)


def test_a_letter_of_an_earlier_life_of_its_topic_is_not_taken_for_one_of_this() -> None:
    violation = Violation("cost_usd", "must be a number", "send null")
    letter = DeadLetter(Partition(RUNS, 2), StoredRecord(7), (violation,), stream="cluster#old")
    record = SimpleNamespace(headers=letter.headers())
    of_before = SimpleNamespace(headers=[one for one in letter.headers() if one[0] != STREAM_HEADER])

    assert origin(record, "cluster#new") == Place("cluster#old", RUNS, 2, 7)
    assert origin(of_before, "cluster#new") == Place("cluster#new", RUNS, 2, 7)
    assert origin(SimpleNamespace(headers=[]), "cluster#new") is None

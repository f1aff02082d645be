"""Offsets and instants as spans of offsets, and what of them is gone."""

import asyncio
from collections import namedtuple
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from runtally_cli.replay.places import NoSuchPlace, Span, place_of, places_of, spans_of
from runtally_consumer.records import Partition

ONE = Partition("agent-runs.v1", 0)
INSTANT = datetime(2026, 11, 20, 9, tzinfo=UTC)
MS = int(INSTANT.timestamp() * 1000)
Found = namedtuple("Found", "offset timestamp")  # as aiokafka answers


class _Broker:
    """Offsets 100..199, of which those from 150 on are of the instant or later."""

    async def beginning_offsets(self, wanted: list[Any]) -> dict[Any, int]:
        return dict.fromkeys(wanted, 100)

    async def end_offsets(self, wanted: list[Any]) -> dict[Any, int]:
        return dict.fromkeys(wanted, 200)

    async def offsets_for_times(self, times: Mapping[Any, int]) -> dict[Any, Any]:
        def found(at: int) -> Found | None:
            return None if at > MS else Found(150, MS) if at == MS else Found(100, MS - 5)

        return {there: found(at) for there, at in times.items()}


def _span(start: int | datetime, end: int | datetime | None = None, *, is_local: bool = False) -> Span:
    return asyncio.run(spans_of(_Broker(), [ONE], start, end, is_local=is_local))[ONE]


@pytest.mark.parametrize(
    ("start", "end", "span"),
    [
        (0, None, Span(100, 200, gone=0)),
        (42, 150, Span(100, 150, gone=42)),
        (120, 900, Span(120, 200)),
        (INSTANT, None, Span(150, 200)),
        (INSTANT.replace(hour=8), INSTANT, Span(100, 150, gone=0)),
        (INSTANT.replace(hour=10), None, Span(200, 200)),
    ],
)
def test_what_a_broker_of_kafka_tells(start: int | datetime, end: int | datetime | None, span: Span) -> None:
    assert _span(start, end) == span


def test_the_local_broker_is_read_by_the_times_of_its_records() -> None:
    assert _span(120, is_local=True) == Span(120, None, told_end=200)
    assert _span(120, 300, is_local=True).end == 300
    span = _span(INSTANT, INSTANT.replace(hour=10), is_local=True)
    assert [span.holds(100, at) for at in (MS - 1, MS, MS + 3_599_999, MS + 3_600_000)] == [False, True, True, False]


def test_a_producers_clock_that_is_ahead_does_not_end_it_before_the_end_that_was_told() -> None:
    span = _span(120, is_local=True)
    assert [span.ends_with(offset, MS + 1, MS) for offset in (150, 198, 199, 200)] == [False, False, True, True]
    assert not span.ends_with(250, MS, MS)
    assert not _span(120).ends_with(250, MS + 1, MS)  # Kafka's end is the end


def test_an_end_is_exclusive() -> None:
    assert [Span(0, 10).holds(offset, 0) for offset in (9, 10)] == [True, False]


def test_places_are_offsets_or_instants() -> None:
    assert place_of("17") == 17
    assert place_of("2026-11-20T09:00:00Z") == place_of("2026-11-20T09:00:00") == INSTANT
    assert place_of("2026-11-20") == INSTANT.replace(hour=0)
    for wrong in ("", "-1", "yesterday"):
        with pytest.raises(NoSuchPlace):
            place_of(wrong)


def test_a_span_in_which_nothing_can_lie_is_refused_and_not_replayed_as_nothing() -> None:
    assert places_of("3", "5") == (3, 5)
    assert places_of("3", None) == (3, None)
    assert places_of("2026-11-20T09:00:00", "7") == (INSTANT, 7)  # of two kinds: nobody can tell
    for start, end in (("5", "3"), ("5", "5"), ("2026-11-21", "2026-11-20"), ("5", "")):
        with pytest.raises(NoSuchPlace):
            places_of(start, end)

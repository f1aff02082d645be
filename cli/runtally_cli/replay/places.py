"""From where to where each partition is read: an offset or an instant becomes offsets, and what is gone is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import TopicPartition
from runtally_consumer.records import Partition

LOCAL_PREFIX = "local-"


class NoSuchPlace(ValueError):
    """Neither an offset nor an instant, or an end not behind its start. The message may be shown to a person."""


@dataclass(frozen=True, slots=True)
class Span:
    """The offsets [first, end) of one partition. `gone`: the first of those asked for that the broker has no more.

    `end` is None at the local broker, which tells it short: there at least `told_end` is read, and until a record is
    newer than the start by its producer's clock. It finds no offset by time either, so only records of
    [since_ms, until_ms) count there.
    """

    first: int
    end: int | None
    gone: int | None = None
    since_ms: int = 0
    until_ms: int | None = None
    told_end: int = 0

    def ends_with(self, offset: int, timestamp_ms: int, began_ms: int) -> bool:
        """Whether nothing behind this record was there when the reading began; known without an `end` only."""
        return self.end is None and offset + 1 >= self.told_end and timestamp_ms > began_ms

    def holds(self, offset: int, timestamp_ms: int) -> bool:
        if self.end is not None and offset >= self.end:
            return False
        return timestamp_ms >= self.since_ms and (self.until_ms is None or timestamp_ms < self.until_ms)


def place_of(text: str) -> int | datetime:
    """An offset, or an instant: RFC 3339 or a date, UTC where no zone is given. Raises `NoSuchPlace`."""
    if text.isdecimal():
        return int(text)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise NoSuchPlace(f"{text!r} is neither an offset nor an instant such as 2026-11-20T09:00:00Z") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def places_of(start: str, end: str | None) -> tuple[int | datetime, int | datetime | None]:
    """Where to begin and where to end. Raises `NoSuchPlace`, also when nothing can lie between two of one kind."""
    first, last = place_of(start), None if end is None else place_of(end)
    numbers = isinstance(first, int) and isinstance(last, int) and last <= first
    instants = isinstance(first, datetime) and isinstance(last, datetime) and last <= first
    if numbers or instants:
        raise NoSuchPlace(f"nothing lies between {start} and {end}: the end is exclusive, and must be later")
    return first, last


async def spans_of(
    consumer: Any, partitions: list[Partition], start: int | datetime, end: int | datetime | None, *, is_local: bool
) -> Mapping[Partition, Span]:
    """Raises `KafkaError` when the broker does not tell."""
    wanted = {one: TopicPartition(*one) for one in partitions}
    begins = await consumer.beginning_offsets(list(wanted.values()))
    ends = await consumer.end_offsets(list(wanted.values()))
    firsts = await _offsets(consumer, list(wanted.values()), start, is_local=is_local)
    lasts = await _offsets(consumer, list(wanted.values()), end, is_local=is_local)
    spans = {}
    for partition, there in wanted.items():
        begin = begins[there]
        known_end = None if is_local else ends[there]
        last = min((one for one in (lasts[there], known_end) if one is not None), default=None)
        first = firsts[there]
        if isinstance(start, datetime) and not is_local:
            first = ends[there] if first is None else first
            gone = 0 if begin and first == begin else None
        else:
            first = first or 0
            gone = first if first < begin else None
        spans[partition] = Span(
            max(first, begin),
            last,
            gone if gone is not None and gone < begin else None,
            _ms(start) if is_local and isinstance(start, datetime) else 0,
            _ms(end) if is_local and isinstance(end, datetime) else None,
            ends[there] if is_local else 0,
        )
    return spans


async def _offsets(
    consumer: Any, wanted: list[TopicPartition], place: int | datetime | None, *, is_local: bool
) -> dict[TopicPartition, Any]:
    """Where the place lies in each partition; None where no record is so late, or it cannot be told."""
    if isinstance(place, datetime) and not is_local:
        found = await consumer.offsets_for_times({there: _ms(place) for there in wanted})
        return {there: found[there].offset if found.get(there) is not None else None for there in wanted}
    return {there: place if isinstance(place, int) else None for there in wanted}


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)

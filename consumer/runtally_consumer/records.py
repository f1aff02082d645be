"""What the consumer handles: partitions, the records in them, and batches of records on their way to the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int


class Record(Protocol):
    """A record as Kafka delivered it, undecoded. aiokafka's `ConsumerRecord` is one."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


def record_bytes(record: Record) -> int:
    """What the record weighs in memory: its key, value and headers, and the objects around them."""
    size = 200 + len(record.key or b"") + len(record.value or b"")
    if record.headers:
        size += sum(100 + len(name) + len(value or b"") for name, value in record.headers)
    return size


@dataclass(frozen=True, slots=True)
class Slice:
    """Consecutive records of one partition, admitted in one epoch. Never empty; offsets may have gaps."""

    partition: Partition
    epoch: int
    records: tuple[Record, ...]
    size_bytes: int = 0

    @property
    def first_offset(self) -> int:
        return self.records[0].offset

    @property
    def last_offset(self) -> int:
        return self.records[-1].offset

    @property
    def next_offset(self) -> int:
        """The offset to commit once this slice and all before it are durable."""
        return self.last_offset + 1


@dataclass(frozen=True, slots=True)
class Batch:
    """Slices of one topic and one epoch, over its partitions, that travel to the store together."""

    id: int
    epoch: int
    topic: str
    slices: tuple[Slice, ...]
    size_bytes: int

    @property
    def records(self) -> list[Record]:
        return [record for piece in self.slices for record in piece.records]

    def offsets_of(self, partition: Partition) -> tuple[int, int]:
        """The first offset that the batch has of a partition that is in it, and the one after the last."""
        pieces = [piece for piece in self.slices if piece.partition == partition]
        return min(piece.first_offset for piece in pieces), max(piece.next_offset for piece in pieces)

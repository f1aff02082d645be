"""Records that break the contract: kept unchanged in the dead-letter topic, with the reason in their headers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
from runtally.violations import Violation

from runtally_consumer.records import Partition, Record

DEAD_LETTER_SUFFIX = ".dlq"
MIRRORED_BYTES = 64 * 1024
# Existing dead-letter browsers read Kafka Connect's header names.
_CONNECT = "__connect.errors."
_OWN = "runtally.errors."


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was refused, and why. `violations` is never empty."""

    partition: Partition
    record: Record
    violations: tuple[Violation, ...]

    @property
    def topic(self) -> str:
        return self.partition.topic + DEAD_LETTER_SUFFIX

    def headers(self) -> list[tuple[str, bytes]]:
        """The record's own headers, then where it came from and what was wrong with it."""
        first = self.violations[0]
        added = {
            _CONNECT + "topic": self.partition.topic,
            _CONNECT + "partition": str(self.partition.number),
            _CONNECT + "offset": str(self.record.offset),
            _CONNECT + "connector.name": "runtally-consumer",
            _CONNECT + "stage": "VALUE_CONVERTER",
            _CONNECT + "exception.class.name": "runtally.violations.InvalidEvent",
            _CONNECT + "exception.message": "; ".join(map(str, self.violations))[:2048],
            _OWN + "field": first.field,
            _OWN + "message": first.message,
            _OWN + "remedy": first.remedy,
        }
        return [*self.record.headers, *((name, text.encode()) for name, text in added.items())]


def mirror_rows(stream: str, letters: Sequence[DeadLetter], recorded_at: datetime) -> pa.Table:
    """Rows of `dead_letters`, for people to look at. Long values are cut here, never in the topic."""
    first = [letter.violations[0] for letter in letters]
    values = [letter.record.value or b"" for letter in letters]
    return pa.table(
        {
            "stream": pa.array([stream] * len(letters), pa.string()),
            "topic": pa.array([letter.partition.topic for letter in letters], pa.string()),
            "partition": pa.array([letter.partition.number for letter in letters], pa.uint32()),
            "offset": pa.array([letter.record.offset for letter in letters], pa.uint64()),
            "recorded_at": pa.array([recorded_at.astimezone(UTC)] * len(letters), pa.timestamp("us", "UTC")),
            "reason": pa.array([reason_of(letter) for letter in letters], pa.string()),
            "field": pa.array([violation.field for violation in first], pa.string()),
            "message": pa.array(["; ".join(map(str, letter.violations)) for letter in letters], pa.string()),
            "key": pa.array([letter.record.key or b"" for letter in letters], pa.binary()),
            "value": pa.array([value[:MIRRORED_BYTES] for value in values], pa.binary()),
            "value_bytes": pa.array([len(value) for value in values], pa.uint32()),
        }
    )


def reason_of(letter: DeadLetter) -> str:
    """A short name to count by: the field at fault, or `record` when it is about the record as a whole."""
    return f"invalid {letter.violations[0].field}" if letter.violations[0].field else "invalid record"

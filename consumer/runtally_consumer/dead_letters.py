"""Records that break the contract: kept unchanged in the dead-letter topic, with the reason in their headers."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

import pyarrow as pa
from runtally.events import EVENTS
from runtally.violations import Violation
from runtally_clickhouse.kept_letters import REFUSED_BY_STORE

from runtally_consumer.records import Partition, Record

DEAD_LETTER_SUFFIX = ".dlq"
# What a cut letter keeps of the record's own headers.
MAX_OWN_HEADER, MAX_HEADERS = 1024, 40
MIRRORED_BYTES = 64 * 1024
TOLD_CHARACTERS = 2048
ERASED = "erased"
# Existing dead-letter browsers read Kafka Connect's header names.
_CONNECT = "__connect.errors."
_OWN = "runtally.errors."
STREAM_HEADER = _OWN + "stream"
_CONTRACT_FIELDS = {event.topic: frozenset(event.model_fields) for event in EVENTS}


class RefusedBy(Enum):
    """Who refused a record, and what Kafka Connect would call it: the stage, and the exception's class."""

    CONTRACT = ("VALUE_CONVERTER", "runtally.violations.InvalidEvent")
    STORE = ("TASK_PUT", "runtally_clickhouse.errors.StoreRefused")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was refused, and why. `violations` is never empty; `stream` is what its offset is an offset in."""

    partition: Partition
    record: Record
    violations: tuple[Violation, ...]
    refused_by: RefusedBy = RefusedBy.CONTRACT
    stream: str = ""

    @property
    def topic(self) -> str:
        return self.partition.topic + DEAD_LETTER_SUFFIX

    @property
    def field(self) -> str:
        """The contract's field at fault, to count by; "" when it is none of the contract's."""
        name = self.violations[0].field.partition(".")[0]
        return name if name in _CONTRACT_FIELDS.get(self.partition.topic, ()) else ""

    @property
    def fault(self) -> str:
        """What dead letters are counted by: the field at fault, `record`, or `store` when the store refused it."""
        return "store" if self.refused_by is RefusedBy.STORE else self.field or "record"

    @property
    def message(self) -> str:
        """All that is wrong, for people. A sender chooses the names in it, so it is cut and made valid text."""
        return _text("; ".join(map(str, self.violations)))

    def as_message(self, most_bytes: int) -> "LetterMessage":
        """Key, value and headers for the dead-letter topic, unchanged where they fit into `most_bytes`.

        A larger record is cut, as no topic would ever take it and it would hold up all that follow; headers then
        say how long its value was, and its SHA-256.
        """
        key, value, headers = self.record.key, self.record.value, self.headers()
        if value is None and key is None:
            key = b""  # aiokafka refuses a record that has neither
        if _weight(key, value, headers) <= most_bytes:
            return LetterMessage(key, value, headers)
        own = {name for name, _ in self.record.headers}
        whole = value or b""
        headers = [(name, text) for name, text in headers if name not in own or len(text or b"") <= MAX_OWN_HEADER]
        headers = headers[-MAX_HEADERS:]  # ours are the last
        headers.append((_OWN + "value_bytes", str(len(whole)).encode()))
        headers.append((_OWN + "value_sha256", hashlib.sha256(whole).hexdigest().encode()))
        key = None if key is None else key[: most_bytes // 4]
        room = max(0, most_bytes - _weight(key, None, headers))
        return LetterMessage(key, None if value is None else value[:room], headers)

    def headers(self) -> list[tuple[str, bytes | None]]:
        """The record's own headers, then where it came from and what was wrong with it.

        A letter that was replayed and refused again tells of the last time only.
        """
        first = self.violations[0]
        stage, error_class = self.refused_by.value
        added = {
            _CONNECT + "topic": self.partition.topic,
            _CONNECT + "partition": str(self.partition.number),
            _CONNECT + "offset": str(self.record.offset),
            _CONNECT + "connector.name": "runtally-consumer",
            _CONNECT + "stage": stage,
            _CONNECT + "exception.class.name": error_class,
            _CONNECT + "exception.message": self.message,
            STREAM_HEADER: self.stream,
            _OWN + "field": _text(first.field),
            _OWN + "message": _text(first.message),
            _OWN + "remedy": _text(first.remedy),
        }
        own = [(name, value) for name, value in self.record.headers if name not in added]
        return [*own, *((name, text.encode()) for name, text in added.items())]


@dataclass(frozen=True, slots=True)
class LetterMessage:
    """What is sent to the dead-letter topic."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def _weight(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> int:
    """An upper bound of what a record weighs in a batch of its own."""
    names = sum(len(name.encode("utf-8", "replace")) + len(text or b"") + 10 for name, text in headers)
    return 200 + len(key or b"") + len(value or b"") + names


def mirror_rows(
    stream: str,
    letters: Sequence[DeadLetter],
    recorded_at: datetime,
    is_erased: Callable[[Record], bool] = lambda record: False,
) -> pa.Table:
    """Rows of `dead_letters`, for people to look at. Long keys and values are cut here, never in the topic.

    Of what `is_erased` nothing is told but where it was, and which field was at fault.
    """
    erased = [is_erased(letter.record) for letter in letters]
    keys = [b"" if gone else letter.record.key or b"" for letter, gone in zip(letters, erased, strict=True)]
    values = [b"" if gone else letter.record.value or b"" for letter, gone in zip(letters, erased, strict=True)]
    messages = [ERASED if gone else letter.message for letter, gone in zip(letters, erased, strict=True)]
    return pa.table(
        {
            "stream": pa.array([stream] * len(letters), pa.string()),
            "topic": pa.array([letter.partition.topic for letter in letters], pa.string()),
            "partition": pa.array([letter.partition.number for letter in letters], pa.uint32()),
            "offset": pa.array([letter.record.offset for letter in letters], pa.uint64()),
            "recorded_at": pa.array([recorded_at.astimezone(UTC)] * len(letters), pa.timestamp("us", "UTC")),
            "reason": pa.array([_reason(letter) for letter in letters], pa.string()),
            "field": pa.array([letter.field for letter in letters], pa.string()),
            "message": pa.array(messages, pa.string()),
            "key": pa.array([key[:MIRRORED_BYTES] for key in keys], pa.binary()),
            "value": pa.array([value[:MIRRORED_BYTES] for value in values], pa.binary()),
            "value_bytes": pa.array([len(value) for value in values], pa.uint32()),
        }
    )


def _reason(letter: DeadLetter) -> str:
    return REFUSED_BY_STORE if letter.refused_by is RefusedBy.STORE else f"invalid {letter.fault}"


def _text(text: str) -> str:
    return text[:TOLD_CHARACTERS].encode("utf-8", "replace").decode()

"""Dead letters as the mirror tells them, what the store keeps of their records, and what is wrong with them today."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from runtally.violations import Violation
from runtally_consumer.dead_letters import MIRRORED_BYTES
from runtally_consumer.decoding import DECODERS


class Place(NamedTuple):
    """Where a record lay before it was refused."""

    stream: str
    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic} {self.partition} {self.offset}"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter without its value. `field` is "" when it is none of the contract's."""

    place: Place
    recorded_at: datetime
    field: str
    message: str
    value_bytes: int

    def line(self) -> str:
        return f"{self.recorded_at:%Y-%m-%d %H:%M:%S}  {self.place}  {self.message}"

    def as_json(self) -> dict[str, Any]:
        return {
            **self.place._asdict(),
            "recorded_at": self.recorded_at.isoformat(),
            "field": self.field,
            "message": self.message,
            "value_bytes": self.value_bytes,
        }


@dataclass(frozen=True, slots=True)
class Kept:
    """A record as it was published. `is_whole` when nothing of it was cut and nothing is ambiguous."""

    key: bytes | None
    value: bytes | None
    is_whole: bool
    headers: Sequence[tuple[str, bytes | None]] = ()


def letter_of(row: Mapping[str, Any]) -> Letter:
    """Out of a row of the operation `dead_letters`."""
    recorded_at = datetime.fromtimestamp(row["recorded_at_ms"] / 1000, UTC)
    return Letter(place_of(row), recorded_at, row["field"], row["message"], row["value_bytes"])


def place_of(row: Mapping[str, Any]) -> Place:
    return Place(row["stream"], row["topic"], row["partition"], row["offset"])


def kept_of(row: Mapping[str, Any]) -> Kept:
    """Out of a row of `dead_letter_values`. The store does not tell an empty value from none."""
    key, value = base64.b64decode(row["key_base64"]), base64.b64decode(row["value_base64"])
    is_whole = 0 < len(value) == row["value_bytes"] and len(key) < MIRRORED_BYTES
    return Kept(key or None, value or None, is_whole)


def violations_today(topic: str, values: Sequence[bytes | None]) -> dict[int, Sequence[Violation]]:
    """By index, what this version would refuse of these values, and why."""
    if topic not in DECODERS:
        return {}
    return {one.index: one.violations for one in DECODERS[topic].decode(list(values)).rejected}

"""Dead letters as the store keeps them: where each lay, why it was refused, and as much of its record as there is."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from runtally_clickhouse.letters_and_batches import KEPT_BYTES

REFUSED_BY_STORE: Final = "refused by the store"
"""The reason of a letter whose record kept the contract."""


class Place(NamedTuple):
    """Where a record lay before it was refused."""

    stream: str
    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic} {self.partition} {self.offset}"


@dataclass(frozen=True, slots=True)
class Kept:
    """A record as it was published. `is_whole` when nothing of it was cut and nothing is ambiguous."""

    key: bytes | None
    value: bytes | None
    is_whole: bool
    headers: Sequence[tuple[str, bytes | None]] = ()


def place_of(row: Mapping[str, Any]) -> Place:
    return Place(row["stream"], row["topic"], row["partition"], row["offset"])


def kept_of(row: Mapping[str, Any]) -> Kept:
    """Out of a row of `dead_letter_values`. The store does not tell an empty value from none."""
    key, value = base64.b64decode(row["key_base64"]), base64.b64decode(row["value_base64"])
    is_whole = 0 < len(value) == row["value_bytes"] and len(key) < KEPT_BYTES
    return Kept(key or None, value or None, is_whole)

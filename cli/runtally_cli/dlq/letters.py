"""Dead letters as the mirror tells them, and what is wrong with their records today."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from runtally.violations import Violation
from runtally_clickhouse.kept_letters import Place, place_of
from runtally_consumer.decoding import DECODERS


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


def letter_of(row: Mapping[str, Any]) -> Letter:
    """Out of a row of the operation `dead_letters`."""
    recorded_at = datetime.fromtimestamp(row["recorded_at_ms"] / 1000, UTC)
    return Letter(place_of(row), recorded_at, row["field"], row["message"], row["value_bytes"])


def violations_today(topic: str, values: Sequence[bytes | None]) -> dict[int, Sequence[Violation]]:
    """By index, what this version would refuse of these values, and why."""
    if topic not in DECODERS:
        return {}
    return {one.index: one.violations for one in DECODERS[topic].decode(list(values)).rejected}

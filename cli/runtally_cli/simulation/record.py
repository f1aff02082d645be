"""What the simulation hands on: Kafka records with the time at which they would have been published."""

from datetime import datetime
from typing import NamedTuple

from runtally_cli.simulation.seasons import DAY_US, from_us

RUNS, FEEDBACK = "agent-runs.v1", "agent-feedback.v1"
LIFECYCLE, ACTIVITY = "agent-lifecycle.v1", "user-activity.v1"
TOPICS = (RUNS, FEEDBACK, LIFECYCLE, ACTIVITY)

_MINUTES = [f"T{minute // 60:02d}:{minute % 60:02d}:" for minute in range(1440)]
_days: dict[int, str] = {}


class Record(NamedTuple):
    """One Kafka record. The broker stamps it on arrival: retention would drop a year-old record at once."""

    topic: str
    key: bytes
    value: bytes
    event_us: int

    @property
    def event_time(self) -> datetime:
        return from_us(self.event_us)


def instant_text(us: int) -> str:
    """RFC 3339 in UTC, as `runtally.events.format_instant` writes it, at a tenth of its price."""
    day, rest = divmod(us, DAY_US)
    date = _days.get(day)
    if date is None:
        date = _days[day] = from_us(day * DAY_US).date().isoformat()
    minute, rest = divmod(rest, 60_000_000)
    second, micro = divmod(rest, 1_000_000)
    if micro:
        return f"{date}{_MINUTES[minute]}{second:02d}.{micro:06d}Z"
    return f"{date}{_MINUTES[minute]}{second:02d}Z"


def money_text(nano: int) -> str:
    """Nanodollars as plain decimal text in dollars."""
    whole, part = divmod(nano, 1_000_000_000)
    return f"{whole}.{part:09d}".rstrip("0") if part else str(whole)

"""Instants of answers as wall-clock times of a zone: what tables and charts take, which know no zones."""

from datetime import datetime
from zoneinfo import ZoneInfo


def wall_clock(text: str, timezone: str) -> datetime | None:
    """`2026-11-21T09:00:00Z` by the clocks of `timezone`; None where there is no instant."""
    return datetime.fromisoformat(text).astimezone(ZoneInfo(timezone)).replace(tzinfo=None) if text else None

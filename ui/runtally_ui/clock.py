"""The only place of the dashboard that reads a clock; pure code is handed the time."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The present instant, with its zone."""
    return datetime.now(UTC)

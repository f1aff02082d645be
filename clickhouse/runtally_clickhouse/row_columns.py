"""Arrow columns of the kinds that tables about people and keys have."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa

INSTANT: Final = pa.timestamp("us", "UTC")
NAMES: Final = pa.list_(pa.string())
ALL_WORKSPACES: Final = "*"


def one_row(**columns: tuple[Any, pa.DataType]) -> pa.Table:
    """A table of one row, from its values and their types."""
    return pa.table({name: pa.array([value], kind) for name, (value, kind) in columns.items()})


def listed(workspaces: frozenset[str] | None) -> list[str]:
    """A set of workspaces as its column has it; None is all."""
    return [ALL_WORKSPACES] if workspaces is None else sorted(workspaces)


def as_set(workspaces: Sequence[str]) -> frozenset[str] | None:
    """What `listed` was made of."""
    return None if ALL_WORKSPACES in workspaces else frozenset(workspaces)


def instant_of(micros: int | None) -> datetime | None:
    """An instant from microseconds since 1970; none from 0, which is how a join says that there is no row."""
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000) if micros else None


def micros_of(instant: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return int(instant.timestamp()) * 1_000_000 + instant.microsecond

"""Which wide cells, of hours and of days, a question can be answered from; the narrow ones answer the rest. Pure."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from runtally_clickhouse.catalogue import NOBODY_STALLED_MS, RunFilters, tells_stalled
from runtally_clickhouse.measures.time_steps import zone_offsets
from runtally_clickhouse.rollup_levels import DAY, HOUR, QUARTER_HOUR, WIDE, RollupLevel

_WORD = re.compile(r"[A-Za-z_]\w*")
_STATUS = "shown_status"
# Statuses that are the same whether or not a running run has stalled, alone or in a list.
_ENDED_STATUSES = re.compile(rf"{_STATUS} (?:= '(?!running|stalled)\w+'|IN \((?:'(?!running|stalled)\w+'(?:, )?)+\))")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a statement reads of cells: expressions that it adds up, and those that it groups and filters by.

    `boundaries_ms` are the instants at which its steps of time begin; `local` is the zone whose hours or days it asks
    by, if any.
    """

    added: tuple[str, ...]
    told_apart: tuple[str, ...]
    boundaries_ms: Sequence[int] = ()
    local: ZoneInfo | None = None


def wide_levels(reading: Reading, start_ms: int, end_ms: int) -> tuple[RollupLevel, ...]:
    """The levels whose cells hold all that is asked, and of which a bucket can lie within one step and the range."""
    return tuple(level for level in WIDE if _holds(level, reading) and _fits(level, reading, start_ms, end_ms))


def split_buckets(level: RollupLevel, boundaries_ms: Iterable[int]) -> list[int]:
    """The buckets of a level (Unix ms) within which a step of time begins, so that their cells belong to no step."""
    return sorted({boundary - boundary % level.ms for boundary in boundaries_ms if boundary % level.ms})


def state_parameters(
    reading: Reading, levels: Sequence[RollupLevel], boundaries_ms: Sequence[int]
) -> dict[str, object]:
    """The parameters of bucket_state.sql beside the range.

    Where it does not matter which running runs have stalled, the cut-off is none: by the clock's own, the question
    would be a new one whenever another run stalls.
    """
    tells = _tells_stalled(reading)
    return {
        **({} if tells else {"stalled_before_ms": NOBODY_STALLED_MS}),
        "tells_stalled": int(tells),
        "rollup_layout": QUARTER_HOUR.layout,
        "hour_layout": HOUR.layout if HOUR in levels else 0,
        "day_layout": DAY.layout if DAY in levels else 0,
        "split_hours_ms": split_buckets(HOUR, boundaries_ms) if HOUR in levels else [],
        "split_days_ms": split_buckets(DAY, boundaries_ms) if DAY in levels else [],
    }


def filter_columns(filters: RunFilters) -> tuple[str, ...]:
    """The columns of cells that the filters of a scope look at."""
    named = {
        "model": bool(filters.model),
        status_column(filters.status): bool(filters.status),
        "environment": bool(filters.environment),
        "is_root": filters.root_only,
    }
    return tuple(column for column, asked in named.items() if asked)


def status_column(statuses: Collection[object]) -> str:
    """What a filter of these statuses looks at: the status as published, where all running runs are one to it."""
    return _STATUS if tells_stalled(statuses) else "status"


def _tells_stalled(reading: Reading) -> bool:
    """Whether it matters if a running run has stalled."""
    return any(_STATUS in _ENDED_STATUSES.sub("", one) for one in (*reading.added, *reading.told_apart))


def _holds(level: RollupLevel, reading: Reading) -> bool:
    apart = _columns(reading.told_apart)
    added = _columns(reading.added)
    if level.left_out & (apart | added):
        return False
    has_histograms = any(column.endswith("_bins") for column in added)
    return not has_histograms or not level.left_out_of_histograms & apart


def _columns(expressions: Iterable[str]) -> set[str]:
    words = {word for expression in expressions for word in _WORD.findall(expression)}
    return words | ({"status"} if _STATUS in words else set())


def _fits(level: RollupLevel, reading: Reading, start_ms: int, end_ms: int) -> bool:
    if reading.local is not None and not _keeps_hours(level, reading.local):
        return False
    first, last = -(-start_ms // level.ms), end_ms // level.ms
    split = split_buckets(level, (one for one in reading.boundaries_ms if first * level.ms < one < last * level.ms))
    return last - first > len(split)


def _keeps_hours(level: RollupLevel, zone: ZoneInfo) -> bool:
    """Whether each bucket lies within one hour of the zone's clocks."""
    starts, offsets = zone_offsets(zone)
    in_hours = all(offset % 3600 == 0 for offset in offsets)
    return level.seconds <= HOUR.seconds and in_hours and all(start % HOUR.ms == 0 for start in starts)

"""Lists of single runs, the newest first: what narrows one, and where its next page begins."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from runtally_clickhouse.catalogue import RunQuestion, RunScope, ask
from runtally_clickhouse.client import Reader, Row
from runtally_clickhouse.held_hours import held_hours, stretches
from runtally_clickhouse.measures.question import Filter
from runtally_clickhouse.measures.time_steps import zone_offsets
from runtally_clickhouse.store_parts import read_parts

LONGEST_MS: Final = 2**63 - 1
"""No duration is as long: not even the end of the last bar of a histogram."""
UTC_ZONE: Final = ZoneInfo("UTC")
_FIRST_WINDOW: Final = timedelta(hours=1)
_WIDER: Final = 4
# Wider windows take longer to read than cells take to tell whether anything is in them.
_WIDEST_UNASKED: Final = timedelta(hours=4)
# At least: what is asked widens like the windows, up to so many hours that telling them apart is no gain any more.
_ASKED_AT_ONCE: Final = timedelta(days=100)
_WIDEST_ASKED: Final = timedelta(days=400)
Window = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last run of a page: the next page begins after it."""

    started_ms: int
    run_id: UUID
    workspace_id: str


_FIRST_PAGE: Final = LastRun(0, UUID(int=0), "")


@dataclass(frozen=True, slots=True)
class ListFilters:
    """What narrows a list of runs, besides its scope. An empty tuple or None does not filter; several values mean any.

    Names and meanings are the catalogue's dimensions: `hour` and `weekday` are those of clocks in `zone`. Bounds of the
    duration are included, and leave out runs whose duration is not known. `rating` is any that users gave the run.
    """

    parent_run_id: tuple[str, ...] = ()
    session_id: tuple[str, ...] = ()
    agent_version: tuple[str, ...] = ()
    error_type: tuple[str, ...] = ()
    error_category: tuple[str, ...] = ()
    error_severity: tuple[str, ...] = ()
    has_error: bool | None = None
    has_cost: bool | None = None
    hour: tuple[int, ...] = ()
    weekday: tuple[int, ...] = ()
    min_duration_ms: int | None = None
    max_duration_ms: int | None = None
    rating: tuple[int, ...] = ()
    zone: ZoneInfo = UTC_ZONE

    def parameters(self) -> dict[str, object]:
        """The parameters of `listed_runs.sql`."""
        # All offsets that a zone ever has are for those who ask for its clock: they are many.
        starts, offsets = zone_offsets(self.zone) if self.hour or self.weekday else ((0,), (0,))
        known = self.min_duration_ms is not None or self.max_duration_ms is not None
        longest = LONGEST_MS if self.max_duration_ms is None else self.max_duration_ms
        return {
            "parent_run_ids": list(self.parent_run_id),
            "session_ids": list(self.session_id),
            "agent_versions": list(self.agent_version),
            "error_types": list(self.error_type),
            "error_categories": list(self.error_category),
            "error_severities": list(self.error_severity),
            "has_error": [] if self.has_error is None else [int(self.has_error)],
            "has_cost": [] if self.has_cost is None else [int(self.has_cost)],
            "hours": list(self.hour),
            "weekdays": list(self.weekday),
            "zone_starts_ms": list(starts),
            "zone_offsets_seconds": list(offsets),
            "duration_bounds_ms": [self.min_duration_ms or 0, longest] if known else [],
            "ratings": list(self.rating),
        }


def newest_runs(
    reader: Reader,
    scope: RunScope,
    filters: ListFilters,
    limit: int,
    after: LastRun | None = None,
    *,
    use_rollups: bool = True,
) -> list[Row]:
    """At most `limit` runs, those after the last run of the page before. Exact for every acknowledged run.

    Blocks for a statement a window; raises as `Reader.query`. The runs lie in the store by workspace, then by start:
    the newest of many workspaces are nowhere together, and the engine would read and sort a whole range for its
    first hundred. So they are looked for from the end of what is stored, in windows that widen; where the first have
    too few, cells tell which hours hold any at all.
    """
    bounds = read_parts(reader).bounds
    if bounds is None:
        return []
    found: list[Row] = []
    told = _told_by_cells(filters) if use_rollups else None
    start, end = max(scope.start, bounds[0]), min(scope.end, bounds[1])
    for first, last in _windows(reader, scope, told, limit, (start, end)):
        left = list_parameters(filters, limit - len(found), after)
        found += ask(reader, RunQuestion.RUNS_NEWEST_FIRST, replace(scope, start=first, end=last), left)
        if len(found) >= limit:
            break
    return found


def _told_by_cells(filters: ListFilters) -> tuple[Filter, ...]:
    """The filters that cells know; what passes all of a list's filters passes these."""
    named = (("agent_version", filters.agent_version), ("error_type", filters.error_type))
    return tuple(Filter(name, "in", values) for name, values in named if values)


def _windows(
    reader: Reader, scope: RunScope, told: tuple[Filter, ...] | None, limit: int, bounds: Window
) -> Iterator[Window]:
    """Windows of the range that hold all its runs that pass, the newest first."""
    start, end = bounds
    width = _FIRST_WINDOW
    while start < end:
        hours = None
        if told is not None and _WIDEST_UNASKED < width <= _WIDEST_ASKED:
            since = max(start, end - max(width, _ASKED_AT_ONCE))
            hours = held_hours(reader, scope, told, since, end)
        if hours is None:
            since = max(start, end - width)
            yield since, end
        else:
            yield from ((each.start, each.end) for each in stretches(hours, limit))
        end, width = since, width * _WIDER


def list_parameters(filters: ListFilters, limit: int, after: LastRun | None = None) -> dict[str, object]:
    """The parameters of `runs_newest_first.sql` besides the scope's."""
    place = after or _FIRST_PAGE
    return {
        **filters.parameters(),
        "has_cursor": int(after is not None),
        "cursor_ms": place.started_ms,
        "cursor_id": str(place.run_id),
        "cursor_workspace": place.workspace_id,
        "limit": limit,
    }

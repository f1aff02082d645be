"""A draw: some of a list's runs, spread over its whole range in proportion to where the runs are.

It is a draw in clusters. How many runs each workspace has in each step of time is counted, which cells do in no time;
up to `MOST_PLACES` places are spread evenly over these runs, in the order of time, each somewhere within its share;
and a few runs are taken near each, by a hash of their ids. So every part of the range has its share, and the answer is
the same for the same data and question. It is **not** as if each run had been drawn by itself: runs of one place are
near each other in time and of one workspace, and those beside a gap come a little more often. Good for looking at what
runs are like; figures about all runs come from measures.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from runtally_clickhouse.catalogue import EPOCH, RunQuestion, RunScope, ask, unix_ms
from runtally_clickhouse.client import Reader, Row
from runtally_clickhouse.draw_places import Share, Stretch, Window, share_out
from runtally_clickhouse.errors import StoreRefused
from runtally_clickhouse.measures.asking import TooManyRows, ask_question
from runtally_clickhouse.measures.composition import TOO_MANY_GROUPS, Limits
from runtally_clickhouse.measures.question import Question
from runtally_clickhouse.measures.time_steps import Granularity, TimeSteps, make_steps
from runtally_clickhouse.run_lists import UTC_ZONE, ListFilters
from runtally_clickhouse.store_parts import read_parts

# From the steps that are counted to the coarser ones, where the finer have more rows than an answer may have.
_STEPS: Final[tuple[tuple[timedelta, Granularity], ...]] = (
    (timedelta(days=1), "quarter_hour"),
    (timedelta(days=7), "hour"),
    (timedelta(days=1000), "day"),
    (timedelta(days=10_000), "week"),
    (timedelta.max, "none"),
)
_MOST_WORKSPACES: Final = 10_000
_WIDER: Final = 8
# As many as surely fit into the parameters of a statement.
_WINDOWS_AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True)
class Draw:
    """The runs that were drawn, the newest first, and of how many."""

    rows: list[Row]
    drawn_from: int


def draw_runs(reader: Reader, scope: RunScope, filters: ListFilters, sample: int, limits: Limits) -> Draw:
    """`sample` of the list's runs, or all when there are no more. Blocks; raises as `Reader.query`.

    Each run is there once, as it stands. A run that came or went while they were counted and drawn may be missing.
    """
    bounds = read_parts(reader).bounds
    if bounds is None or max(scope.start, bounds[0]) >= min(scope.end, bounds[1]):
        return Draw([], 0)
    within = replace(scope, start=max(scope.start, bounds[0]), end=min(scope.end, bounds[1]))
    stretches = _counted(reader, within, filters, limits)
    rows: list[Row] = []
    left = [(share, share.first_parts) for share in share_out(stretches, sample)]
    while left:
        found = _taken(reader, within, filters, left)
        rows += [row for (share, parts), taken in found if _is_done(share, parts, taken) for row in taken]
        left = [(share, parts // _WIDER or 1) for (share, parts), taken in found if not _is_done(share, parts, taken)]
    rows.sort(key=lambda row: (row["started_at"], row["run_id"], row["workspace_id"]), reverse=True)
    return Draw(rows, max(len(rows), sum(stretch.runs for stretch in stretches)))


def _is_done(share: Share, parts: int, taken: Sequence[Row]) -> bool:
    """Windows that have too few runs are widened, and drawn from anew: up to the whole stretch."""
    return parts == 1 or len(taken) == share.runs


def _counted(reader: Reader, scope: RunScope, filters: ListFilters, limits: Limits) -> list[Stretch]:
    """How many runs there are in each step of time and workspace, in this order; those without any left out."""
    length = scope.end - scope.start
    for longest, granularity in _STEPS:
        if length > longest:
            continue
        steps = make_steps(scope.start, scope.end, UTC_ZONE, granularity)
        try:
            counts = _counts(reader, scope, filters, limits, steps)
        except TooManyRows:
            continue
        except StoreRefused as error:
            if error.code not in TOO_MANY_GROUPS:
                raise
            continue
        return list(_stretches(scope, steps, counts))
    raise TooManyRows("the workspaces")


def _counts(
    reader: Reader, scope: RunScope, filters: ListFilters, limits: Limits, steps: TimeSteps
) -> dict[tuple[int, str], int]:
    """The runs of each step's place and workspace. Cells know no filters of lists, so with these runs are counted."""
    if filters.parameters() != ListFilters().parameters():
        starts = list(steps.starts_ms) or [unix_ms(scope.start)]
        listed = {**filters.parameters(), "step_starts_ms": starts}
        rows = ask(reader, RunQuestion.LISTED_RUNS_BY_STEP, scope, listed)
        places = {start: place for place, start in enumerate(starts)}
        return {(places[row["step_ms"]], row["workspace_id"]): int(row["runs"]) for row in rows}
    question = Question(("runs",), steps, ("workspace_id",), limit=_MOST_WORKSPACES, other=False)
    found = ask_question(reader, question, scope, limits)
    return {
        (row.step or 0, str(row.group.key[0])): runs
        for row in found.rows
        if row.group.key and isinstance(runs := row.values["runs"], int)
    }


def _stretches(scope: RunScope, steps: TimeSteps, counts: dict[tuple[int, str], int]) -> Iterator[Stretch]:
    first, last = unix_ms(scope.start), unix_ms(scope.end)
    for (place, workspace_id), runs in sorted(counts.items()):
        if not runs:
            continue
        if not steps.starts_ms:
            yield Stretch(workspace_id, first, last, runs)
        else:
            yield Stretch(workspace_id, max(first, steps.starts_ms[place]), min(last, steps.end_ms(place)), runs)


def _taken(
    reader: Reader, scope: RunScope, filters: ListFilters, shares: Sequence[tuple[Share, int]]
) -> list[tuple[tuple[Share, int], list[Row]]]:
    """The runs that are taken of each share, looked at in so many parts."""
    windows = [(number, window) for number, each in enumerate(shares) for window in each[0].windows(each[1])]
    taken: dict[int, list[Row]] = defaultdict(list)
    for begin in range(0, len(windows), _WINDOWS_AT_ONCE):
        some = windows[begin : begin + _WINDOWS_AT_ONCE]
        rows = _drawn(reader, scope, filters, [window for _, window in some])
        for (number, window), found in zip(some, rows, strict=True):
            taken[number] += found[: window.runs]
    return [(each, taken[number]) for number, each in enumerate(shares)]


def _drawn(reader: Reader, scope: RunScope, filters: ListFilters, windows: Sequence[Window]) -> list[list[Row]]:
    """For each window its first runs, in the order of their hashes."""
    parameters = {
        **filters.parameters(),
        "window_workspaces": [window.workspace_id for window in windows],
        "window_from_ms": [window.from_ms for window in windows],
        "window_to_ms": [window.to_ms for window in windows],
        "limit": max(window.runs for window in windows),
    }
    around = replace(
        scope,
        start=EPOCH + timedelta(milliseconds=min(window.from_ms for window in windows)),
        end=EPOCH + timedelta(milliseconds=max(window.to_ms for window in windows)),
    )
    found: list[list[Row]] = [[] for _ in windows]
    for row in ask(reader, RunQuestion.DRAWN_RUNS, around, parameters):
        found[row["window_place"] - 1].append(row)
    return found

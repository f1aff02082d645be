"""`runtally rollup status` and `rebuild`: the store by named operations, wherever it is held."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from runtally_clickhouse.errors import StoreError
from runtally_clickhouse.rollup_levels import LEVELS, QUARTER_HOUR, RollupLevel
from runtally_clickhouse.rollups import BUCKET_SECONDS
from runtally_consumer.rollups.planning import SliceSize
from runtally_consumer.rollups.refreshing import AT_FIRST

from runtally_cli.local.admin import StoreAccess, store_access
from runtally_cli.local.settings import LocalSettings

# One recomputation may take so long; slices are made to take a few seconds.
OPERATION_SECONDS: Final = 150
TARGET_SECONDS: Final = 3.0
FAILURES_IN_A_ROW: Final = 5


class NoSuchRange(ValueError):
    """No range of buckets. The message is ready to be shown to a person."""


@dataclass(frozen=True, slots=True)
class BucketRange:
    """Unix seconds, on the buckets' grid; None is without end."""

    from_s: int | None
    to_s: int | None

    def parameters(self) -> dict[str, int | None]:
        return {"from_s": self.from_s, "to_s": self.to_s}


def bucket_range(start: str | None, end: str | None) -> BucketRange:
    """The buckets that a range of instants or dates touches. Without a zone it is UTC. Raises `NoSuchRange`."""
    from_s, to_s = _instant(start), _instant(end)
    if from_s is not None and to_s is not None and from_s >= to_s:
        raise NoSuchRange(f"{start} is not before {end}")
    return BucketRange(
        None if from_s is None else int(from_s // BUCKET_SECONDS * BUCKET_SECONDS),
        None if to_s is None else int(-(-to_s // BUCKET_SECONDS) * BUCKET_SECONDS),
    )


def status() -> dict[str, Any]:
    """The columns of rollup_status.sql, and in `wide` those of hours and days. Raises as `store_access` does."""
    with store_access(LocalSettings(), OPERATION_SECONDS) as access:
        found: dict[str, Any] = access.run("rollup_status")
        return found


def status_lines(found: Mapping[str, Any]) -> list[str]:
    """For a person."""
    dirty = found["buckets"] - found["clean_buckets"]
    lines = [
        f"{found['clean_buckets']} of {found['buckets']} buckets of 15 minutes are up to date; "
        f"{found['rollup_rows']} rows in {found['generations']} generations"
    ]
    if dirty:
        lines.append(
            f"{dirty} are not, from {_told(found['oldest_dirty_s'])} to {_told(found['newest_dirty_s'])}: "
            "their runs are read, answers are as right"
        )
    if found["never_rolled_up"]:
        lines.append(f"{found['never_rolled_up']} of these were never rolled up yet")
    if found["of_another_layout"]:
        lines.append(f"{found['of_another_layout']} of these are of another version of Runtally")
    if found["unmarked_buckets"]:
        lines.append(
            f"{found['unmarked_buckets']} buckets hold runs and bear no mark: a consumer marks them when it starts"
        )
    for name, wide in found["wide"].items():
        lines.append(
            f"{wide['clean_buckets']} of {wide['buckets']} {name}s are up to date, "
            f"{wide['rollup_rows']} rows in {wide['generations']} generations"
        )
    return lines


def rebuild(buckets: BucketRange, tell: Callable[[str], None], monotonic: Callable[[], float] = time.monotonic) -> int:
    """Distrust the rollups of a range and make each anew; returns how many. Blocks until all are done.

    Raises what `store_access` and its `run` raise; what was done by then stays, and a consumer does the rest.
    """
    with store_access(LocalSettings(), OPERATION_SECONDS) as access:
        total: int = access.run("rollup_mark", buckets.parameters())
        tell(f"{total} buckets to roll up anew; until each is done, its runs are read")
        refreshed = [_refresh_all(access, buckets, tell, monotonic, level) for level in LEVELS]
        return refreshed[0]


def _refresh_all(
    access: StoreAccess,
    buckets: BucketRange,
    tell: Callable[[str], None],
    monotonic: Callable[[], float],
    level: RollupLevel = QUARTER_HOUR,
) -> int:
    """From the newest down, each once: one that is written meanwhile is the consumer's."""
    size = SliceSize(TARGET_SECONDS, AT_FIRST[level])
    before_s, refreshed, failures = buckets.to_s, 0, 0
    while True:
        began = monotonic()
        try:
            asked = {"from_s": buckets.from_s, "to_s": before_s, "most": size.buckets, "level": level.name}
            done = access.run("rollup_refresh", asked)
        except StoreError as error:
            failures += 1
            if failures == FAILURES_IN_A_ROW:
                raise
            tell(f"trying again with fewer at once: {error}")
            size.failed()
            continue
        failures = 0
        if not done["refreshed"]:
            return refreshed
        size.took(done["refreshed"], monotonic() - began)
        refreshed += done["refreshed"]
        before_s = done["next_s"]
        what = "" if level is QUARTER_HOUR else f" {level.name}s"
        tell(f"{refreshed}{what} done, {done['left']} left, down to {_told(before_s)}")


def _instant(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        given = datetime.fromisoformat(text)
    except ValueError as error:
        raise NoSuchRange(f"{text!r} is no date or instant: 2026-11-21, or 2026-11-21T09:00:00Z") from error
    return (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()


def _told(unix_s: int) -> str:
    return f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%d %H:%M}Z"

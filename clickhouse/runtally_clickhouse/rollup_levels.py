"""The widths in which runs are rolled up, and what cells of each width hold. Pure.

Narrow cells, of 15 minutes, hold every dimension that cells have. Wide ones are few, so that a question about a month
reads little whatever the number of runs; a question gets them where they hold all that it asks, and the narrower ones
for the rest of its range. Every width is kept by the same protocol, out of the same marks.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class RollupLevel:
    """A width. `cells` and `published` are tables; `layout` is the version of what stands in the cells.

    `error_runs` is the table of the runs with errors, `session_cells` that of the cells of users and sessions, if any,
    that are written under the generations of the cells.

    Cells are not told apart by the columns of `left_out`, and histograms stand on one cell of all that differ in
    `left_out_of_histograms` only: whoever asks for those groups or filters reads narrower cells.
    """

    name: str
    seconds: int
    cells: str
    published: str
    layout: int
    error_runs: str = ""
    session_cells: str = ""
    left_out: frozenset[str] = frozenset()
    left_out_of_histograms: frozenset[str] = frozenset()

    @property
    def written(self) -> tuple[str, ...]:
        """The tables that a generation is written to. The cells are the last that are dropped: by them the generation
        is found again.
        """
        return tuple(table for table in (self.session_cells, self.error_runs, self.cells) if table)

    @property
    def ms(self) -> int:
        return 1000 * self.seconds

    def start_of(self, instant_s: int) -> int:
        """Where the bucket of this width begins that an instant (Unix seconds) lies in."""
        return instant_s - instant_s % self.seconds


# Raise a layout with every change of what a column of the cells holds, or of which columns there are: a rollup of
# another layout is out of date. tests/clickhouse/test_rollups.py notices when that is forgotten.
QUARTER_HOUR: Final = RollupLevel(
    "quarter_hour",
    900,
    "run_rollup",
    "bucket_rollups",
    layout=5,
    error_runs="error_runs",
    session_cells="session_cells",
)
HOUR: Final = RollupLevel(
    "hour",
    3600,
    "run_rollup_by_hour",
    "hour_rollups",
    layout=3,
    session_cells="session_cells_by_hour",
    left_out=frozenset({"agent_version", "provider", "model", "is_root"}),
    left_out_of_histograms=frozenset(
        {"agent_version", "provider", "model", "is_root", "environment", "status", "error_type"}
    ),
)
DAY: Final = RollupLevel(
    "day",
    86_400,
    "run_rollup_by_day",
    "day_rollups",
    layout=2,
    left_out_of_histograms=frozenset({"status", "error_type", "is_root"}),
)
WIDE: Final = (HOUR, DAY)
LEVELS: Final = (QUARTER_HOUR, *WIDE)
# What tells cells of the narrowest level apart, beside the bucket; in the order of `run_rollup`.
DIMENSION_COLUMNS: Final = (
    *("workspace_id", "agent_id", "agent_version", "environment", "provider", "model", "status", "error_type"),
    "is_root",
)

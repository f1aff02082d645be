"""The statements that make rollups of buckets anew: quarter hours of merged runs, hours and days of `run_facts`.

`run_facts` is exact at any moment: it holds whatever was marked before the statement began, out of quarter hours where
these are up to date, of merged runs where not. So hours and days need no rule of their own. Pure.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from runtally_clickhouse.catalogue import query_text
from runtally_clickhouse.measures.relations import relation_tables
from runtally_clickhouse.profiles import READ
from runtally_clickhouse.rollup_levels import DIMENSION_COLUMNS, QUARTER_HOUR, RollupLevel

_ITEM_NAME = re.compile(r"^    .*?(\w+|`\w+`),?$", re.MULTILINE)
_FILTERS = ("visible_workspaces", "workspace_ids", "agent_ids", "models", "statuses", "user_ids", "environments")
_WIDE = "toDateTime(intDiv(at_ms, {bucket_ms:Int64}) * intDiv({bucket_ms:Int64}, 1000), 'UTC') AS bucket"


@dataclass(frozen=True, slots=True)
class RecomputeLimits:
    """What one recomputation may use. Groups beyond `spill_bytes` go to disk."""

    max_memory_bytes: int
    spill_bytes: int
    max_threads: int


def rolled_up_cells(level: RollupLevel = QUARTER_HOUR) -> str:
    """The rows of the level's cells, but their generation, as merged runs give them now: one SELECT.

    Its parameters are those of `rolled_up_parameters`.
    """
    if level is QUARTER_HOUR:
        return _of_run_cells(query_text("rolled_up_cells"))
    sums = _wide_sums(level)
    tables = ",\n".join(relation_tables(sums, for_choice=False))
    return f"WITH {tables},\nwide_sums AS (\n{sums}\n)\n{_wide_cells(level)}"


def rolled_up_parameters(buckets: Sequence[int], level: RollupLevel = QUARTER_HOUR) -> dict[str, object]:
    """All runs of these buckets, whoever's they are; none of them counts as stalled."""
    parameters: dict[str, object] = {
        "sees_all_workspaces": 1,
        "root_only": 0,
        "from_ms": min(buckets) * 1000,
        "to_ms": (max(buckets) + level.seconds) * 1000,
        "stalled_before_ms": 0,
        "buckets": list(buckets),
        **{name: [] for name in _FILTERS},
    }
    if level is not QUARTER_HOUR:
        parameters |= {"bucket_ms": level.ms, "rollup_layout": QUARTER_HOUR.layout, "hour_layout": 0, "day_layout": 0}
        parameters |= {"tells_stalled": 0, "split_hours_ms": [], "split_days_ms": []}
    return parameters


@dataclass(frozen=True, slots=True)
class RolledUp:
    """What one table holds of some buckets: `select` gives its rows, but their generation, as they would be now."""

    table: str
    columns: tuple[str, ...]
    select: str


def rolled_up_tables(level: RollupLevel) -> list[RolledUp]:
    """All that a generation of the level is written to, the cells first. Parameters: `rolled_up_parameters`."""
    found = [RolledUp(level.cells, rollup_columns(), rolled_up_cells(level))]
    if level.error_runs:
        text = query_text("error_runs_of_buckets")
        select = f"WITH merged_runs AS (\n{query_text('merged_runs')}\n)\n{text}"
        found.append(RolledUp(level.error_runs, _columns(text), select))
    if level.session_cells:
        columns = _columns(query_text("session_cells_of_buckets"))
        found.append(RolledUp(level.session_cells, columns, _session_cells(level)))
    return found


@cache
def rollup_columns() -> tuple[str, ...]:
    """The columns of `run_rollup` that come out of `rolled_up_cells`, in its order."""
    return _columns(query_text("rolled_up_cells"))


def recompute_statements(limits: RecomputeLimits, level: RollupLevel = QUARTER_HOUR) -> list[str]:
    """An INSERT SELECT for each table. They read with the pinned settings of every question: the profile of a writer
    lacks them.
    """
    settings = {
        **READ,
        "max_memory_usage": limits.max_memory_bytes,
        "max_bytes_before_external_group_by": limits.spill_bytes,
        "max_threads": limits.max_threads,
    }
    pinned = ", ".join(f"{name} = {value!r}" for name, value in settings.items())
    return [
        f"INSERT INTO {each.table} (generation, {', '.join(each.columns)})\n"
        f"SELECT {{generation:UInt64}}, {', '.join(each.columns)} FROM (\n{each.select}\n)\nSETTINGS {pinned}"
        for each in rolled_up_tables(level)
    ]


def recompute_parameters(
    buckets: Sequence[int], generation: int, level: RollupLevel = QUARTER_HOUR
) -> dict[str, object]:
    """The parameters of `recompute_statements`."""
    return {**rolled_up_parameters(buckets, level), "generation": generation}


def _of_run_cells(text: str) -> str:
    return (
        f"WITH merged_runs AS (\n{query_text('merged_runs')}\n),\nrun_cells AS (\n{query_text('run_cells')}\n)\n{text}"
    )


def _session_cells(level: RollupLevel) -> str:
    """session_cells_of_buckets.sql; of a wide level over `session_facts`, as the cells are over `run_facts`."""
    text = query_text("session_cells_of_buckets")
    if level is QUARTER_HOUR:
        return _of_run_cells(text)
    started_at = "fromUnixTimestamp64Milli(min(session_facts.first_at_ms), 'UTC') AS started_at"
    text = _of_facts(text, level, "session_facts").replace("min(run_cells.started_at) AS started_at", started_at)
    return f"WITH {f',{chr(10)}'.join(relation_tables(text, for_choice=False))}\n{text}"


def _columns(text: str) -> tuple[str, ...]:
    """The names of what the SELECT of a query file gives."""
    return tuple(_ITEM_NAME.findall(text[text.index("SELECT") : text.index("\nFROM ")]))


def _wide_sums(level: RollupLevel) -> str:
    """rolled_up_cells.sql over `run_facts`, without what cells of the level are not told apart by."""
    return _of_facts(query_text("rolled_up_cells"), level, "run_facts")


def _of_facts(text: str, level: RollupLevel, facts: str) -> str:
    """What gives cells of quarter hours out of runs, as it gives the level's out of what is exact at any moment."""
    text = re.sub(r"toStartOfFifteenMinutes\(\S+\) AS bucket", _WIDE, text).replace("FROM run_cells", f"FROM {facts}")
    text = text.replace("\n    status,", "\n    CAST(shown_status, 'LowCardinality(String)') AS status,")
    for column in level.left_out:
        nothing = "toUInt8(0)" if column == "is_root" else "CAST('', 'LowCardinality(String)')"
        text = text.replace(f"\n    {column},", f"\n    {nothing} AS {column},")
    select, _, keys = text.rpartition("\nGROUP BY ")
    return f"{select}\nGROUP BY {', '.join(key for key in keys.split(', ') if key not in level.left_out)}"


def _wide_cells(level: RollupLevel) -> str:
    together = [name for name in DIMENSION_COLUMNS if name not in level.left_out_of_histograms]
    apart = [name for name in DIMENSION_COLUMNS if name in level.left_out_of_histograms]
    text = query_text("wide_cells").replace("${TOGETHER}", f"bucket, {', '.join(together)}")
    return text.replace("${APART}", ", ".join(apart))

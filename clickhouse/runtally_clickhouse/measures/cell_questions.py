"""The fixed questions that cells answer (CONTRACT 3.1 and 3.2): one file each, over `run_facts`.

Where cells do not hold what is asked, or single runs are quicker, the same statement reads `run_cells` instead.
"""

from enum import StrEnum

from runtally_clickhouse.catalogue import RunScope, placeholders, query_text, unix_ms
from runtally_clickhouse.client import Reader, Row
from runtally_clickhouse.measures.composition import Limits, Relation, cells_pay
from runtally_clickhouse.measures.relations import relation_tables
from runtally_clickhouse.measures.time_steps import CELL_MS
from runtally_clickhouse.measures.wide_cells import Reading, filter_columns, state_parameters, wide_levels


class CellQuestion(StrEnum):
    """Each value is the stem of its file."""

    AGENTS_SEEN = "agents_seen"
    RUN_TOTALS = "run_totals"
    RUNS_BY_AGENT = "runs_by_agent"
    RUNS_BY_AGENT_AND_DAY = "runs_by_agent_and_day"
    RUNS_BY_MODEL = "runs_by_model"


def ask_cells(
    reader: Reader,
    question: CellQuestion,
    scope: RunScope,
    limits: Limits,
    day_starts_ms: tuple[int, ...] = (),
) -> list[Row]:
    """The answer about the runs of `scope`. `day_starts_ms` (Unix ms, ascending) is for what is told by day.

    Blocks; raises as `Reader.query`, and `TypeError` where days are missing or not asked for.
    """
    statement = query_text(question)
    bound = scope.parameters()
    if day_starts_ms:
        bound["day_starts_ms"] = list(day_starts_ms)
    # Whatever it names, it may group by.
    reading = Reading((statement,), (statement, *filter_columns(scope.filters)), day_starts_ms)
    wide = wide_levels(reading, unix_ms(scope.start), unix_ms(scope.end))
    if limits.use_rollups and _cells_hold(scope, day_starts_ms):
        bound |= state_parameters(reading, wide, day_starts_ms)
    else:
        statement = statement.replace(f"FROM {Relation.CELLS}", f"FROM {Relation.SINGLE_RUNS}")
    sql = f"WITH {f',{chr(10)}'.join(relation_tables(statement, for_choice=False, wide=wide))}\n{statement}"
    if placeholders(sql) != set(bound):
        raise TypeError(f"{question}: parameters {sorted(placeholders(sql) ^ set(bound))} are missing or unknown")
    return reader.query(sql, bound)


def _cells_hold(scope: RunScope, day_starts_ms: tuple[int, ...]) -> bool:
    """Whether cells hold what is asked, and pay."""
    if scope.filters.user_id or any(start % CELL_MS for start in day_starts_ms):
        return False
    return cells_pay(scope.start, scope.end)

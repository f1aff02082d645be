"""`GET /api/v1/integrity`: the product checks itself, and shows it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from runtally_clickhouse.catalogue import (
    FIRST_INSTANT,
    LAST_INSTANT,
    RunFilters,
    RunScope,
    ledger_ranges,
    stored_rows,
)
from runtally_clickhouse.client import Row
from runtally_clickhouse.measures.question import Question
from runtally_clickhouse.measures.time_steps import make_steps
from runtally_clickhouse.rollup_drift import RollupsChecked, rollups_checked
from runtally_clickhouse.split_runs import SplitRuns, find_split_runs

from runtally_api import examples
from runtally_api.dependencies import ApiParts, OpenQuery, Parts
from runtally_api.documentation import documented
from runtally_api.formats import instant
from runtally_api.identity.access import needs
from runtally_api.identity.permissions import Permission
from runtally_api.integrity import EXAMPLE, EXAMPLES, Integrity, checks
from runtally_api.ledger_gaps import Ledger, examine
from runtally_api.meta import build_meta
from runtally_api.saved_questions import (
    COVERED,
    answer_question,
    ask_together,
    coverage_of,
    make_question,
    within_limits,
)
from runtally_api.timing import TimedRoute

DRIFT_TOLD_FOR = timedelta(hours=24)
_ALL_RUNS: Final = Question(("runs",), make_steps(FIRST_INSTANT, LAST_INSTANT, ZoneInfo("UTC"), "none"))

router = APIRouter(
    prefix="/api/v1", tags=["integrity"], route_class=TimedRoute, dependencies=[needs(Permission.VIEW_ANALYTICS)]
)


@router.get("/integrity", response_model=Integrity, responses=documented({**EXAMPLE, "meta": examples.META}, 422, 503))
def integrity(parts: Parts, query: OpenQuery) -> dict[str, Any]:
    """Split runs, duplicates held, gaps of the ledger, drift of rollups, freshness: what could make an answer wrong.

    Range and filters narrow the split runs alone. No default range. The ledger and the rollups are of all workspaces
    together, so only who sees all of them is told.
    """
    sees_all = query.scope.workspaces is None
    everything = replace(query.scope, filters=RunFilters(), start=FIRST_INSTANT, end=LAST_INSTANT)
    told = ask_together(
        parts,
        query,
        make_question(query, COVERED),
        beside=[
            lambda: _rows_and_split_runs(parts, query.scope, everything),
            lambda: answer_question(parts, _ALL_RUNS, everything).runs,
            lambda: examine(ledger_ranges(parts.reader)) if sees_all else None,
            lambda: rollups_checked(parts.reader, _full_minute(query.now) - DRIFT_TOLD_FOR) if sees_all else None,
        ],
    )
    (stored, split), runs = told.beside[:2]
    ledger: Ledger | None = told.beside[2]
    rollups: RollupsChecked | None = told.beside[3]
    duplicates = max(0, stored["stored_rows"] - runs - stored["deleted_runs"])
    drift = len(rollups.drifted) if rollups and (rollups.compared or rollups.drifted) else None
    gaps = len(ledger.gaps) if ledger else None
    found = checks(
        {
            "split_runs": split.total,
            "duplicates_held": duplicates,
            "ledger_gaps": gaps,
            "rollup_drift": drift,
            "freshness_seconds": told.freshness.seconds,
        }
    )
    return {
        "ok": all(check["ok"] is not False for check in found),
        "split_runs": split.total,
        "duplicates_held": duplicates,
        "ledger_gaps": gaps,
        "rollup_drift": drift,
        "checks": found,
        "split": [_split_run(row) for row in split.newest],
        "stored": {
            "rows": stored["stored_rows"],
            "runs": runs,
            "deleted_runs": stored["deleted_runs"],
        },
        "ledger": _coverage(ledger) if ledger else None,
        "rollups": _compared(rollups) if rollups else None,
        "meta": build_meta(query, told.freshness, told.data_range, coverage_of(told.answers[0])),
    }


def _rows_and_split_runs(parts: ApiParts, scope: RunScope, everything: RunScope) -> tuple[Row, SplitRuns]:
    stored = stored_rows(parts.unmerged, everything)
    return stored, within_limits(parts, lambda _: find_split_runs(parts.reader, scope, stored["stored_rows"], EXAMPLES))


def _split_run(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "workspace_id": row["workspace_id"],
        "run_id": row["external_id"],
        "stored_runs": row["stored_runs"],
        "first_started_at": instant(row["first"]),
        "last_started_at": instant(row["last"]),
    }


def _coverage(ledger: Ledger) -> dict[str, Any]:
    return {
        "streams": ledger.streams,
        "partitions": ledger.partitions,
        "missing_offsets": ledger.missing_offsets,
        "gaps": [
            {
                "stream": gap.stream,
                "topic": gap.topic,
                "partition": gap.partition,
                "first_offset": gap.first,
                "last_offset": gap.last,
            }
            for gap in ledger.gaps[:EXAMPLES]
        ],
    }


def _full_minute(now: datetime) -> datetime:
    """So that the question is the same for a minute, and may be answered from memory."""
    return now.replace(second=0, microsecond=0)


def _compared(rollups: RollupsChecked) -> dict[str, Any]:
    starts = [instant(datetime.fromtimestamp(start, UTC)) for start in rollups.drifted[:EXAMPLES]]
    return {"compared": rollups.compared, "drifted": starts}

"""`GET /api/v1/integrity`: the product checks itself, and shows it."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter
from runtally_clickhouse.catalogue import RunFilters, RunQuestion, ask, ledger_ranges, stored_rows

from runtally_api import examples
from runtally_api.dependencies import OpenQuery, Parts
from runtally_api.documentation import documented
from runtally_api.formats import instant
from runtally_api.integrity import EXAMPLE, EXAMPLES, Integrity, checks
from runtally_api.ledger_gaps import Ledger, examine
from runtally_api.meta import build_meta
from runtally_api.saved_questions import COVERED, ask_together, coverage_of, make_question
from runtally_api.timing import TimedRoute

router = APIRouter(prefix="/api/v1", tags=["integrity"], route_class=TimedRoute)


@router.get("/integrity", response_model=Integrity, responses=documented({**EXAMPLE, "meta": examples.META}, 422, 503))
def integrity(parts: Parts, query: OpenQuery) -> dict[str, Any]:
    """Split runs, duplicates held, gaps of the ledger, freshness: what could make an answer wrong, counted.

    Range and filters narrow the split runs alone. No default range.
    """
    told = ask_together(
        parts,
        query,
        make_question(query, COVERED),
        beside=[
            lambda: ask(parts.reader, RunQuestion.SPLIT_RUNS, query.scope, {"limit": EXAMPLES}),
            lambda: stored_rows(parts.store, replace(query.scope, filters=RunFilters())),
            lambda: examine(ledger_ranges(parts.reader)),
        ],
    )
    split, stored, ledger = told.beside
    split_runs = split[0]["split_runs"] if split else 0
    duplicates = max(0, stored["stored_rows"] - stored["runs"] - stored["deleted_runs"])
    found = checks(
        {
            "split_runs": split_runs,
            "duplicates_held": duplicates,
            "ledger_gaps": len(ledger.gaps),
            "freshness_seconds": told.freshness.seconds,
        }
    )
    return {
        "ok": all(check["ok"] is not False for check in found),
        "split_runs": split_runs,
        "duplicates_held": duplicates,
        "ledger_gaps": len(ledger.gaps),
        "checks": found,
        "split": [_split_run(row) for row in split],
        "stored": {
            "rows": stored["stored_rows"],
            "runs": stored["runs"],
            "deleted_runs": stored["deleted_runs"],
        },
        "ledger": _coverage(ledger),
        "meta": build_meta(query, told.freshness, told.data_range, coverage_of(told.answers[0])),
    }


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

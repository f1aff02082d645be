"""`GET /api/v1/runs` and `GET /api/v1/runs/{run_id}` (CONTRACT 3.4)."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from runtally.identity import is_uuid7, uuid7_started_at
from runtally_clickhouse.catalogue import (
    EPOCH,
    FIRST_INSTANT,
    LAST_INSTANT,
    RunQuestion,
    RunScope,
    ask,
    unix_ms,
)
from runtally_clickhouse.run_lists import newest_runs

from runtally_api import (
    examples,
    given_ids,  # noqa: F401 - paths below say `given_id`
)
from runtally_api.answers import RunDetail, RunPage
from runtally_api.cursor_seals import opened, sealed
from runtally_api.dependencies import OpenQuery, Parts, RunQuery
from runtally_api.documentation import documented
from runtally_api.identity.access import needs
from runtally_api.identity.permissions import Permission
from runtally_api.meta import build_meta, read_freshness
from runtally_api.problems import Ambiguous, NotFound
from runtally_api.run_list_filters import RunListFilters
from runtally_api.run_rows import Cursor, page_coverage, run_answer
from runtally_api.saved_questions import ask_together
from runtally_api.timing import TimedRoute

NO_KEY = str(UUID(int=0))
FIRST_KEY, LAST_KEY = (unix_ms(instant) << 80 for instant in (FIRST_INSTANT, LAST_INSTANT))
router = APIRouter(
    prefix="/api/v1/runs", tags=["runs"], route_class=TimedRoute, dependencies=[needs(Permission.VIEW_ANALYTICS)]
)


@router.get("", response_model=RunPage, responses=documented(examples.RUN_PAGE, 422, 503))
def list_runs(
    parts: Parts,
    query: OpenQuery,
    filters: RunListFilters,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(description="next_cursor of the page before.")] = None,
) -> dict[str, Any]:
    """Runs, the newest first."""
    after = Cursor.decode(opened(query, cursor)) if cursor else None
    scope = _before(query, after).scope if after else query.scope
    newest = partial(newest_runs, parts.reader, scope, filters, limit + 1, after)
    told = ask_together(parts, query, beside=[newest])
    (rows,) = told.beside
    has_more = len(rows) > limit
    page = [run_answer(row, whole_message=False, redact=parts.settings.redact_error_messages) for row in rows[:limit]]
    return {
        "data": page,
        "next_cursor": sealed(query, Cursor.after(rows[limit - 1]).encode()) if has_more else None,
        "has_more": has_more,
        "meta": build_meta(query, told.freshness, told.data_range, page_coverage(page)),
    }


@router.get(
    "/{run_id:given_id}", response_model=RunDetail, responses=documented(examples.RUN_DETAIL, 404, 409, 422, 503)
)
def get_run(parts: Parts, query: OpenQuery, run_id: str) -> dict[str, Any]:
    """One run, by the id its producer gave or by its stored key."""
    freshness = read_freshness(parts.reader, query.now)
    by_key = is_uuid7(run_id)
    if by_key and not FIRST_KEY <= UUID(run_id).int < LAST_KEY:
        raise NotFound(f"no run '{run_id}': its UUIDv7 is of a time that no run has")
    rows = ask(
        parts.reader,
        RunQuestion.RUNS_BY_ID,
        _around_key(query.scope, UUID(run_id)) if by_key else query.scope,
        {
            "by_key": int(by_key),
            "key": run_id if by_key else NO_KEY,
            "given_id": "" if by_key else run_id,
        },
    )
    if not rows:
        raise NotFound(f"no run '{run_id[:128]}'")
    if len(rows) > 1:
        raise Ambiguous("run", run_id, [row["workspace_id"] for row in rows])
    run = run_answer(rows[0], whole_message=True, redact=parts.settings.redact_error_messages)
    started = {"first": run["started_at"], "last": run["started_at"]}
    return {**run, "meta": build_meta(query, freshness, started, page_coverage([run]))}


def _before(query: RunQuery, cursor: Cursor) -> RunQuery:
    """The same question without the runs that are surely on pages before: the store need not read them."""
    end = EPOCH + timedelta(milliseconds=cursor.started_ms + 1)
    return replace(query, scope=replace(query.scope, end=min(query.scope.end, end)))


def _around_key(scope: RunScope, key: UUID) -> RunScope:
    """The stored key tells its start, so one millisecond is all there is to read."""
    start = uuid7_started_at(key)
    return replace(scope, start=max(scope.start, start), end=min(scope.end, start + timedelta(milliseconds=1)))

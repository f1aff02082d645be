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
from runtally_clickhouse.client import Row
from runtally_clickhouse.run_draws import Draw, draw_runs
from runtally_clickhouse.run_lists import ListFilters, newest_runs

from runtally_api import (
    examples,
    given_ids,  # noqa: F401 - paths below say `given_id`
)
from runtally_api.answers import RunDetail, RunPage
from runtally_api.cursor_seals import opened, sealed
from runtally_api.dependencies import ApiParts, OpenQuery, Parts, RunQuery
from runtally_api.documentation import documented
from runtally_api.identity.access import needs
from runtally_api.identity.permissions import Permission
from runtally_api.meta import build_meta, read_freshness
from runtally_api.problems import Ambiguous, FieldError, InvalidRequest, NotFound
from runtally_api.run_list_filters import RunListFilters
from runtally_api.run_rows import Cursor, page_coverage, run_answer
from runtally_api.saved_questions import ask_together, within_limits
from runtally_api.timing import TimedRoute

NO_KEY = str(UUID(int=0))
FIRST_KEY, LAST_KEY = (unix_ms(instant) << 80 for instant in (FIRST_INSTANT, LAST_INSTANT))
MOST_DRAWN = 5000
Sample = Annotated[
    int | None,
    Query(
        ge=1,
        le=MOST_DRAWN,
        description="Instead of a page, so many runs drawn over the whole range, in proportion to where the runs are; "
        "all when there are no more. Without `cursor`; `limit` does not count. `meta.drawn_from` says of how many.",
    ),
]
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
    sample: Sample = None,
) -> dict[str, Any]:
    """Runs, the newest first: page by page, or a draw over the whole range."""
    if sample is not None and cursor is not None:
        raise InvalidRequest(FieldError("sample", "a draw has no pages", "send either sample or cursor"))
    if sample is not None:
        return _drawn(parts, query, filters, sample)
    after = Cursor.decode(opened(query, cursor)) if cursor else None
    scope = _before(query, after).scope if after else query.scope
    use_rollups = parts.settings.use_rollups
    newest = partial(newest_runs, parts.reader, scope, filters, limit + 1, after, use_rollups=use_rollups)
    told = ask_together(parts, query, beside=[newest])
    (rows,) = told.beside
    has_more = len(rows) > limit
    page = _page(parts, rows[:limit])
    return {
        "data": page,
        "next_cursor": sealed(query, Cursor.after(rows[limit - 1]).encode()) if has_more else None,
        "has_more": has_more,
        "meta": build_meta(query, told.freshness, told.data_range, page_coverage(page)),
    }


def _drawn(parts: ApiParts, query: RunQuery, filters: ListFilters, sample: int) -> dict[str, Any]:
    def draw() -> Draw:
        return within_limits(parts, lambda limits: draw_runs(parts.reader, query.scope, filters, sample, limits))

    told = ask_together(parts, query, beside=[draw])
    drawn: Draw = told.beside[0]
    page = _page(parts, drawn.rows)
    meta = build_meta(query, told.freshness, told.data_range, page_coverage(page))
    return {
        "data": page,
        "next_cursor": None,
        "has_more": False,
        "meta": {**meta, "drawn_from": drawn.drawn_from},
    }


def _page(parts: ApiParts, rows: list[Row]) -> list[dict[str, Any]]:
    return [run_answer(row, whole_message=False, redact=parts.settings.redact_error_messages) for row in rows]


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

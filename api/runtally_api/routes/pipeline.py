"""`/dead-letters`, `/ingestion/minutes` and `/ingestion/lag` under `/api/v1`: what the consumers refused, how much they
took, and how far they are behind.
"""

from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from runtally_clickhouse.letters_and_batches import (
    LetterFilters,
    acknowledged_by_minute,
    letters_by_reason,
    newest_letters,
)

from runtally_api.consumer_lag import LagUnknown
from runtally_api.cursor_seals import opened, sealed
from runtally_api.dependencies import Names, Parts, RangedQuery, RecentQuery, RequestCaller
from runtally_api.documentation import documented
from runtally_api.event_answers import events_meta
from runtally_api.identity.access import needs
from runtally_api.identity.permissions import Permission
from runtally_api.meta import read_freshness
from runtally_api.pipeline_answers import (
    LAG_EXAMPLE,
    LETTERS_EXAMPLE,
    MINUTES_EXAMPLE,
    DeadLetters,
    Lag,
    LetterCursor,
    Minutes,
    letter_answer,
    minute_answer,
    reason_answer,
)
from runtally_api.problems import FieldError, Forbidden, InvalidRequest
from runtally_api.routes.dead_letter_replay import why_not_here
from runtally_api.saved_questions import ask_together
from runtally_api.timing import TimedRoute

MOST_REASONS = 100
OF_ALL = "it is of all workspaces together, and told to who may see all of them"
LONGEST = timedelta(hours=6)
router = APIRouter(
    prefix="/api/v1", tags=["integrity"], route_class=TimedRoute, dependencies=[needs(Permission.VIEW_ANALYTICS)]
)


@router.get("/dead-letters", response_model=DeadLetters, responses=documented(LETTERS_EXAMPLE, 403, 422, 503))
def dead_letters(
    parts: Parts,
    query: RangedQuery,
    caller: RequestCaller,
    topic: Names = [],  # noqa: B006 - FastAPI copies the default for each request
    field: Names = [],  # noqa: B006
    with_values: Annotated[bool, Query(description="Keys and values, too; needs export_analytics.")] = False,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(description="next_cursor of the page before.")] = None,
) -> dict[str, Any]:
    """Records that were refused in the range, the newest first, and what for.

    Nobody knows whose a broken record is, so callers bound to workspaces see none. Of the filters `topic` and `field`
    count.
    """
    if with_values and not caller.may(Permission.EXPORT_ANALYTICS):
        raise Forbidden(Permission.EXPORT_ANALYTICS)
    after = LetterCursor.decode(opened(query, cursor)) if cursor else None
    filters = LetterFilters(tuple(topic), tuple(field))
    told = ask_together(
        parts,
        query,
        beside=[
            partial(newest_letters, parts.reader, query.scope, filters, limit + 1, after, with_values=with_values),
            partial(letters_by_reason, parts.reader, query.scope, filters, MOST_REASONS),
        ],
    )
    rows, reasons = told.beside
    redact = parts.settings.redact_error_messages
    has_more = len(rows) > limit
    return {
        "data": [letter_answer(row, with_values=with_values, redact=redact) for row in rows[:limit]],
        "reasons": [reason_answer(row, redact) for row in reasons],
        "next_cursor": sealed(query, LetterCursor.after(rows[limit - 1]).encode()) if has_more else None,
        "has_more": has_more,
        "replay_refused_because": why_not_here(parts, caller),
        "meta": events_meta(query, told.freshness, truncated=has_more),
    }


@router.get("/ingestion/minutes", response_model=Minutes, responses=documented(MINUTES_EXAMPLE, 422, 503))
def minutes(parts: Parts, query: RangedQuery) -> dict[str, Any]:
    """Records acknowledged minute by minute, six hours at most. Of all workspaces together, so null for callers who are
    bound to some. No filter counts.
    """
    if query.time.end - query.time.start > LONGEST:
        raise InvalidRequest(FieldError("from", "the range is longer than six hours", "send a shorter range"))
    sees_all = query.scope.workspaces is None
    beside = [partial(acknowledged_by_minute, parts.reader, query.scope)] if sees_all else []
    told = ask_together(parts, query, beside=beside)
    return {
        "minutes": [minute_answer(row) for row in told.beside[0]] if sees_all else None,
        "meta": events_meta(query, told.freshness),
    }


@router.get("/ingestion/lag", response_model=Lag, responses=documented(LAG_EXAMPLE, 422, 503))
def lag(request: Request, parts: Parts, query: RecentQuery) -> dict[str, Any]:
    """How far the consumers are behind, partition by partition, or why nobody can tell. Of all workspaces together, so
    unknown to callers who are bound to some. No filter counts.
    """
    freshness = read_freshness(parts.reader, query.now)
    # The lag changes while the data do not: no validator may say that this answer still holds.
    request.state.answers = None
    meta = events_meta(query, freshness)
    unknown = {"behind": None, "partitions": None, "is_at_least": False, "meta": meta}
    if query.scope.workspaces is not None:
        return {**unknown, "unknown_because": OF_ALL}
    try:
        found = parts.lag.ask()
    except LagUnknown as reason:
        return {**unknown, "unknown_because": str(reason)}
    return {
        "behind": sum(one.behind for one in found.partitions),
        "partitions": [asdict(one) for one in found.partitions],
        "is_at_least": found.is_at_least,
        "unknown_because": None,
        "meta": meta,
    }

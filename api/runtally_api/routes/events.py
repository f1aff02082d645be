"""`GET /api/v1/feedback` and `GET /api/v1/lifecycle/transitions`: what users said, and what became of agents."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from runtally_clickhouse.said_and_lived import FeedbackFilters, agents_by_state, newest_feedback, state_transitions

from runtally_api import event_answers
from runtally_api.cursor_seals import opened, sealed
from runtally_api.dependencies import OpenQuery, Parts, RangedQuery
from runtally_api.documentation import documented
from runtally_api.event_answers import FEEDBACK_EXAMPLE, TRANSITIONS_EXAMPLE, FeedbackCursor
from runtally_api.identity.access import needs
from runtally_api.identity.permissions import Permission
from runtally_api.run_list_filters import Ratings
from runtally_api.saved_questions import ask_together
from runtally_api.timing import TimedRoute

MOST_TRANSITIONS = 1000
router = APIRouter(
    prefix="/api/v1", tags=["events"], route_class=TimedRoute, dependencies=[needs(Permission.VIEW_ANALYTICS)]
)


@router.get("/feedback", response_model=event_answers.FeedbackPage, responses=documented(FEEDBACK_EXAMPLE, 422, 503))
def feedback(
    parts: Parts,
    query: OpenQuery,
    rating: Ratings = [],  # noqa: B006 - FastAPI copies the default for each request
    only_comments: Annotated[bool, Query(description="Leave out what has no comment.")] = False,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(description="next_cursor of the page before.")] = None,
) -> dict[str, Any]:
    """What users said of runs, the newest first: of the runs in the range and under the filters, whenever they said it.

    As many ratings as the measure `ratings` counts. No default range.
    """
    after = FeedbackCursor.decode(opened(query, cursor)) if cursor else None
    filters = FeedbackFilters(tuple(rating), only_comments)
    told = ask_together(
        parts, query, beside=[partial(newest_feedback, parts.reader, query.scope, filters, limit + 1, after)]
    )
    (rows,) = told.beside
    has_more = len(rows) > limit
    return {
        "data": [event_answers.feedback_answer(row) for row in rows[:limit]],
        "next_cursor": sealed(query, FeedbackCursor.after(rows[limit - 1]).encode()) if has_more else None,
        "has_more": has_more,
        "meta": event_answers.events_meta(query, told.freshness, truncated=has_more),
    }


@router.get(
    "/lifecycle/transitions",
    response_model=event_answers.Transitions,
    responses=documented(TRANSITIONS_EXAMPLE, 422, 503),
)
def transitions(parts: Parts, query: RangedQuery) -> dict[str, Any]:
    """From which state to which agents went, and how long they had been there. Of the filters, `workspace_id` and
    `agent_id` count; a transition has no model, no user and no status.
    """
    told = ask_together(
        parts,
        query,
        beside=[
            partial(state_transitions, parts.reader, query.scope, MOST_TRANSITIONS + 1),
            partial(agents_by_state, parts.reader, query.scope, MOST_TRANSITIONS + 1),
        ],
    )
    found, states = told.beside
    truncated = max(len(found), len(states)) > MOST_TRANSITIONS
    return {
        "transitions": [event_answers.transition_answer(row) for row in found[:MOST_TRANSITIONS]],
        "states": event_answers.state_answers(found, states)[:MOST_TRANSITIONS],
        "meta": event_answers.events_meta(query, told.freshness, truncated=truncated),
    }

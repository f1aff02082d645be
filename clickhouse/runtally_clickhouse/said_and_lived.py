"""Questions about events that are no runs: what users said of runs, and the states that agents went through."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from runtally_clickhouse.catalogue import RunQuestion, RunScope, ask, query_text
from runtally_clickhouse.client import Reader, Row


@dataclass(frozen=True, slots=True)
class LastFeedback:
    """The last feedback of a page: the next page begins after it."""

    created_us: int
    id: UUID
    workspace_id: str


@dataclass(frozen=True, slots=True)
class FeedbackFilters:
    """What narrows a list of feedback, besides the scope of its runs. An empty tuple does not filter."""

    rating: tuple[int, ...] = ()
    only_comments: bool = False


_FIRST_PAGE: Final = LastFeedback(0, UUID(int=0), "")
_OF_LIFECYCLE: Final = ("sees_all_workspaces", "visible_workspaces", "workspace_ids", "agent_ids", "to_ms")


def newest_feedback(
    reader: Reader, scope: RunScope, filters: FeedbackFilters, limit: int, after: LastFeedback | None = None
) -> list[Row]:
    """At most `limit` of what was said of the runs of `scope`, the newest first. Blocks; raises as `Reader.query`."""
    return ask(reader, RunQuestion.FEEDBACK_NEWEST_FIRST, scope, feedback_parameters(filters, limit, after))


def feedback_parameters(filters: FeedbackFilters, limit: int, after: LastFeedback | None = None) -> dict[str, object]:
    """The parameters of `feedback_newest_first.sql` besides the scope's."""
    place = after or _FIRST_PAGE
    return {
        "ratings": list(filters.rating),
        "only_comments": int(filters.only_comments),
        "has_cursor": int(after is not None),
        "cursor_us": place.created_us,
        "cursor_id": str(place.id),
        "cursor_workspace": place.workspace_id,
        "limit": limit,
    }


def state_transitions(reader: Reader, scope: RunScope, limit: int) -> list[Row]:
    """Transitions in the range, those that happened most first. Of the scope's filters only workspaces and agents
    count: a transition has no model and no user. Blocks; raises as `Reader.query`.
    """
    bound = _lifecycle_parameters(scope) | {"from_ms": scope.parameters()["from_ms"], "limit": limit}
    return reader.query(query_text("state_transitions"), bound)


def agents_by_state(reader: Reader, scope: RunScope, limit: int) -> list[Row]:
    """Where the same agents stand at the end of the range. Blocks; raises as `Reader.query`."""
    return reader.query(query_text("agents_by_state"), _lifecycle_parameters(scope) | {"limit": limit})


def _lifecycle_parameters(scope: RunScope) -> dict[str, object]:
    told = scope.parameters()
    return {name: told[name] for name in _OF_LIFECYCLE}

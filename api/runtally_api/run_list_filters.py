"""What narrows `GET /api/v1/runs` besides the filters of every GET: the catalogue's dimensions by their names."""

from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field
from runtally_clickhouse.measures.definitions import RATINGS
from runtally_clickhouse.run_lists import LONGEST_MS, ListFilters

from runtally_api.dependencies import Names, OpenQuery
from runtally_api.problems import FieldError, InvalidRequest

Hours = Annotated[
    list[Annotated[int, Field(ge=0, le=23)]], Query(description="Hour of the day in `timezone`, 0 to 23; any of them.")
]
Weekdays = Annotated[
    list[Annotated[int, Field(ge=1, le=7)]],
    Query(description="Day of the week in `timezone`, 1 is Monday; any of them."),
]
Ratings = Annotated[
    list[Annotated[int, Field(ge=RATINGS[0], le=RATINGS[-1])]],
    Query(description="Runs that users gave any of these ratings."),
]
Bound = Annotated[int | None, Field(ge=0, le=LONGEST_MS)]


def _list_filters(
    query: OpenQuery,
    parent_run_id: Names = [],  # noqa: B006 - FastAPI copies the default for each request
    session_id: Names = [],  # noqa: B006
    agent_version: Names = [],  # noqa: B006
    error_type: Names = [],  # noqa: B006
    error_category: Names = [],  # noqa: B006
    error_severity: Names = [],  # noqa: B006
    has_error: Annotated[
        bool | None, Query(description="Whether the run failed, timed out or names an error_type.")
    ] = None,
    has_cost: Annotated[bool | None, Query(description="Whether the run's cost is known.")] = None,
    hour: Hours = [],  # noqa: B006
    weekday: Weekdays = [],  # noqa: B006
    min_duration_ms: Annotated[Bound, Query(description="The shortest duration, included.")] = None,
    max_duration_ms: Annotated[Bound, Query(description="The longest duration, included.")] = None,
    rating: Ratings = [],  # noqa: B006
) -> ListFilters:
    if min_duration_ms is not None and max_duration_ms is not None and min_duration_ms > max_duration_ms:
        message = f"{min_duration_ms} is more than max_duration_ms, {max_duration_ms}"
        raise InvalidRequest(FieldError("min_duration_ms", message, "send a bound that is not above the other"))
    return ListFilters(
        parent_run_id=tuple(parent_run_id),
        session_id=tuple(session_id),
        agent_version=tuple(agent_version),
        error_type=tuple(error_type),
        error_category=tuple(error_category),
        error_severity=tuple(error_severity),
        has_error=has_error,
        has_cost=has_cost,
        hour=tuple(hour),
        weekday=tuple(weekday),
        min_duration_ms=min_duration_ms,
        max_duration_ms=max_duration_ms,
        rating=tuple(rating),
        zone=query.time.zone,
    )


RunListFilters = Annotated[ListFilters, Depends(_list_filters)]

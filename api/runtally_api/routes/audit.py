"""`GET /api/v1/audit`: who did what, when, from where."""

import base64
import json
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from runtally_clickhouse.audit_log import Act, AuditEntry, AuditPage, Outcome, newest_entries
from runtally_clickhouse.row_columns import listed, micros_of

from runtally_api import examples_access
from runtally_api.answers import Answer, Instant
from runtally_api.cursor_seals import not_ours, opened_for, sealed_for
from runtally_api.dependencies import Parts, RequestCaller
from runtally_api.documentation import documented
from runtally_api.formats import instant
from runtally_api.identity.access import needs
from runtally_api.identity.access_parts import Access
from runtally_api.identity.permissions import Permission

router = APIRouter(prefix="/api/v1/audit", tags=["access"], dependencies=[needs(Permission.VIEW_AUDIT)])


class Entry(Answer):
    """One act."""

    entry_id: str
    recorded_at: Instant
    act: Act
    outcome: Outcome
    actor: str
    actor_email: str
    workspaces: list[str]
    target: str
    source_address: str
    request_id: str
    details: dict[str, str]


class AuditEntries(Answer):
    """A page of the audit log."""

    data: list[Entry]
    next_cursor: str | None
    has_more: bool


@router.get("", response_model=AuditEntries, responses=documented(examples_access.AUDIT, 422, 503))
def audit(
    parts: Parts,
    access: Access,
    caller: RequestCaller,
    act: Annotated[list[Act], Query(description="Only these acts.")] = [],  # noqa: B006 - FastAPI copies it
    actor: Annotated[list[str], Query(description="Only by these.")] = [],  # noqa: B006 - as above
    days: Annotated[int, Query(ge=1, le=3650, description="How far back.")] = 400,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(description="next_cursor of the page before.")] = None,
) -> dict[str, Any]:
    """The audit log, the newest first: entries about the caller's workspaces and about no other."""
    since = parts.now() - timedelta(days=days)
    page = AuditPage(
        caller.workspaces, limit + 1, acts=[one.value for one in act], actors=actor, from_us=max(0, micros_of(since))
    )
    if cursor is not None:
        before_us, before_id = _decoded(opened_for(caller.workspaces, cursor))
        page = AuditPage(page.workspaces, page.limit, before_us, before_id, page.from_us, page.acts, page.actors)
    entries = newest_entries(access.store, page)
    has_more = len(entries) > limit
    return {
        "data": [_shown(entry) for entry in entries[:limit]],
        "next_cursor": sealed_for(caller.workspaces, _encoded(entries[limit - 1])) if has_more else None,
        "has_more": has_more,
    }


def _encoded(last: AuditEntry) -> str:
    text = json.dumps([micros_of(last.recorded_at), last.entry_id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> tuple[int, str]:
    try:
        before_us, before_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if type(before_us) is not int or not 0 <= before_us < 2**52 or not isinstance(before_id, str):
            raise TypeError("not a cursor")
        before_id.encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise not_ours() from error
    return before_us, before_id


def _shown(entry: AuditEntry) -> dict[str, Any]:
    recorded_at: datetime = entry.recorded_at
    return {
        "entry_id": entry.entry_id,
        "recorded_at": instant(recorded_at),
        "act": entry.act,
        "outcome": entry.outcome,
        "actor": entry.actor,
        "actor_email": entry.actor_email,
        "workspaces": listed(entry.workspaces),
        "target": entry.target,
        "source_address": entry.source_address,
        "request_id": entry.request_id,
        "details": dict(entry.details),
    }

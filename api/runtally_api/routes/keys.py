"""`/api/v1/keys`: API keys of services and emitters."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi import Body as RequestBody
from pydantic import BaseModel, ConfigDict, Field
from runtally_clickhouse.api_keys import MOST_LISTED, StoredKey, add_key, newest_keys, revoke_key
from runtally_clickhouse.audit_log import Act
from runtally_clickhouse.row_columns import listed

from runtally_api import examples_access
from runtally_api.answers import Answer, Instant
from runtally_api.dependencies import Parts, RequestCaller
from runtally_api.documentation import documented
from runtally_api.formats import instant
from runtally_api.identity.access import needs
from runtally_api.identity.access_parts import Access
from runtally_api.identity.api_keys import KEY_MARK, new_key
from runtally_api.identity.audit import origin_of
from runtally_api.identity.caller import Caller
from runtally_api.identity.claims import named_workspaces
from runtally_api.identity.permissions import Permission
from runtally_api.problems import NotFound, NotYours

router = APIRouter(prefix="/api/v1/keys", tags=["access"], dependencies=[needs(Permission.MANAGE_KEYS)])
Workspace = Annotated[str, Field(min_length=1, max_length=256)]


class KeyBody(BaseModel):
    """What a new key may do. Nobody can give more than they have."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100, description="What it is for.")]
    permissions: Annotated[list[Permission], Field(min_length=1, max_length=len(Permission))]
    workspaces: Annotated[list[Workspace], Field(min_length=1, max_length=1000, description='`["*"]` is all.')]
    expires_in_days: Annotated[int | None, Field(ge=1, le=3650, description="Null: until it is revoked.")] = 365


GivenKey = Annotated[KeyBody, RequestBody(openapi_examples={"emitter": {"value": examples_access.KEY_BODY}})]


class Key(Answer):
    """An API key, without its secret."""

    key_id: str
    prefix: str = Field(description="How the key begins.")
    name: str
    permissions: list[str]
    workspaces: list[str]
    created_by: str
    created_at: Instant
    expires_at: Instant | None
    last_used_at: Instant | None = Field(description="Up to a minute old.")
    revoked_at: Instant | None


class CreatedKey(Key):
    """A new key. `key` is shown here and never again."""

    key: str


class Keys(Answer):
    """Keys, the newest first."""

    data: list[Key]
    truncated: bool = Field(description=f"Whether there are more than these {MOST_LISTED}.")


@router.post(
    "",
    status_code=201,
    response_model=CreatedKey,
    responses=documented(examples_access.CREATED_KEY, 422, 503, status=201),
)
def create_key(
    request: Request, response: Response, parts: Parts, access: Access, caller: RequestCaller, body: GivenKey
) -> dict[str, Any]:
    """Make an API key; its text is in this answer and nowhere else."""
    permissions, workspaces = frozenset(body.permissions), named_workspaces(frozenset(body.workspaces))
    lifetime = None if body.expires_in_days is None else timedelta(days=body.expires_in_days)
    _require_own(caller, permissions, workspaces)
    _require_end(caller, None if lifetime is None else parts.now() + lifetime)
    key = new_key(body.name, permissions, workspaces, caller.subject, parts.now(), lifetime)
    details = {"name": body.name, "permissions": " ".join(sorted(permissions))}
    origin, target = origin_of(request), f"{KEY_MARK}{key.stored.key_id}"
    with access.audit.around(caller, Act.KEY_CREATE, origin, workspaces=workspaces, target=target, details=details):
        add_key(access.store, key.stored, key.secret_sha256)
    response.headers["Cache-Control"] = "no-store"
    return {**_shown(key.stored), "key": key.text}


@router.get("", response_model=Keys, responses=documented(examples_access.KEYS, 422, 503))
def list_keys(access: Access, caller: RequestCaller) -> dict[str, Any]:
    """API keys of the caller's workspaces, revoked and expired ones too, the newest first."""
    keys = newest_keys(access.store, caller.workspaces)
    return {"data": [_shown(key) for key in keys], "truncated": len(keys) == MOST_LISTED}


@router.delete(
    "/{key_id}",
    status_code=204,
    responses=documented({}, 404, 422, 503, status=204, problems=examples_access.NO_KEY),
)
def delete_key(
    request: Request,
    parts: Parts,
    access: Access,
    caller: RequestCaller,
    key_id: Annotated[str, Path(description="The `key_id`, or the prefix.")],
) -> Response:
    """Revoke an API key: the next request that shows it is refused. Repeating it changes nothing."""
    found = newest_keys(access.store, caller.workspaces, [key_id.removeprefix(KEY_MARK)[:64]])
    if not found:
        raise NotFound("no such API key")
    (key,) = found
    target = f"{KEY_MARK}{key.key_id}"
    if key.revoked_at is None:
        with access.audit.around(caller, Act.KEY_REVOKE, origin_of(request), workspaces=key.workspaces, target=target):
            revoke_key(access.store, key.key_id, caller.subject, parts.now())
    return Response(status_code=204)


def _require_own(caller: Caller, permissions: frozenset[Permission], workspaces: frozenset[str] | None) -> None:
    """Raise `NotYours` where the key could do more than its maker."""
    more = sorted(permissions - caller.permissions)
    if more:
        raise NotYours("permissions", f"you do not have {', '.join(more)}")
    if caller.workspaces is not None and (workspaces is None or workspaces - caller.workspaces):
        raise NotYours("workspaces", "some of them are not yours")


def _require_end(caller: Caller, ends_at: datetime | None) -> None:
    """Raise `NotYours` where the key would outlive the one that makes it."""
    if caller.ends_at is not None and (ends_at is None or ends_at > caller.ends_at):
        remedy = "let it end by then, or ask somebody who signs in"
        raise NotYours("expires_in_days", f"the key that you show ends at {instant(caller.ends_at)}", remedy)


def _shown(key: StoredKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "prefix": f"{KEY_MARK}{key.key_id}",
        "name": key.name,
        "permissions": sorted(key.permissions),
        "workspaces": listed(key.workspaces),
        "created_by": key.created_by,
        "created_at": instant(key.created_at),
        "expires_at": instant(key.expires_at),
        "last_used_at": instant(key.used_at),
        "revoked_at": instant(key.revoked_at),
    }

"""`/api/v1/auth`: how callers are known, who the caller is, and signing in by email and password."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi import Body as RequestBody
from pydantic import BaseModel, ConfigDict, Field
from runtally_clickhouse.audit_log import Act, Outcome
from runtally_clickhouse.row_columns import listed

from runtally_api import examples_access
from runtally_api.answers import Answer
from runtally_api.dependencies import RequestCaller
from runtally_api.documentation import documented
from runtally_api.identity.access import needs_a_caller, needs_nobody
from runtally_api.identity.access_parts import Access, AccessParts
from runtally_api.identity.audit import Origin, origin_of
from runtally_api.identity.live_sessions import caller_of_user
from runtally_api.identity.passwords import MOST_CHARACTERS
from runtally_api.identity.permissions import Permission
from runtally_api.identity.refusals import Refusal
from runtally_api.identity.settings import is_loopback
from runtally_api.identity.sign_in import LocalSignIn, SignedIn, SignInRefused, TooManyAttempts
from runtally_api.problems import NotFound, TooMany, Unauthorized

router = APIRouter(prefix="/api/v1/auth", tags=["access"])
_NO_STORE = {"Cache-Control": "no-store"}


class HowKnown(Answer):
    """How the API knows its callers."""

    is_open: bool = Field(description="Whether nobody has to sign in.")
    has_local_users: bool = Field(description="Whether people sign in by email and password here.")
    listens_wider: bool = Field(description="Whether it listens on an address that other machines may reach.")


class WhoIAm(Answer):
    """The caller, as the API knows them."""

    subject: str
    email: str
    permissions: list[Permission]
    workspaces: list[str] = Field(description='"*" is all of them.')


class Tokens(Answer):
    """What a signed-in user goes on with."""

    access_token: str = Field(description="For `Authorization: Bearer ...`.")
    token_type: str
    expires_in: int = Field(description="Seconds that the access token is good for.")
    refresh_token: str = Field(description="Good for one use.")


class Credentials(BaseModel):
    """Who somebody says to be."""

    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, Field(min_length=1, max_length=254)]
    password: Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)]


class RefreshBody(BaseModel):
    """A refresh token."""

    model_config = ConfigDict(extra="forbid")

    refresh_token: Annotated[str, Field(min_length=1, max_length=200)]


GivenCredentials = Annotated[Credentials, RequestBody(openapi_examples={"ann": {"value": examples_access.CREDENTIALS}})]
GivenRefresh = Annotated[RefreshBody, RequestBody(openapi_examples={"token": {"value": examples_access.REFRESH_BODY}})]


@router.get(
    "",
    response_model=HowKnown,
    responses=documented(examples_access.HOW_KNOWN, 422, 503),
    dependencies=[needs_nobody()],
)
async def how_known(request: Request, access: Access) -> dict[str, Any]:
    """Whether the API is open, and to whom, and whether people sign in here."""
    return {
        "is_open": access.settings.is_open,
        "has_local_users": access.sign_in is not None,
        "listens_wider": not is_loopback(request.app.state.parts.settings.host),
    }


@router.get(
    "/me",
    response_model=WhoIAm,
    responses=documented(examples_access.WHO_I_AM, 422, 503),
    dependencies=[needs_a_caller()],
)
async def who_i_am(caller: RequestCaller) -> dict[str, Any]:
    """Who the caller is, and what they may do."""
    permissions = [permission for permission in Permission if caller.may(permission)]
    return {
        "subject": caller.subject,
        "email": caller.email,
        "permissions": permissions,
        "workspaces": listed(caller.workspaces),
    }


@router.post(
    "/login",
    response_model=Tokens,
    responses=documented(examples_access.TOKENS, 401, 404, 422, 429, 503, problems=examples_access.NO_LOCAL_USERS),
    dependencies=[needs_nobody()],
)
async def login(request: Request, response: Response, access: Access, body: GivenCredentials) -> dict[str, Any]:
    """Sign a local user in. After ten tries an account is not looked at for a quarter of an hour."""
    return await access.sign_ins.run(partial(_login, request, response, access, body))


def _login(request: Request, response: Response, access: AccessParts, body: Credentials) -> dict[str, Any]:
    sign_in, origin = _local(access), origin_of(request)
    try:
        signed_in = sign_in.sign_in(body.email, body.password)
    except TooManyAttempts as error:
        access.refusals.tell(Refusal(Act.SIGN_IN, origin, reason="TooManyAttempts"))
        raise TooMany("too many tries to sign in to this account", error.retry_after_seconds) from error
    except SignInRefused as error:
        _record_refusal(access, Act.SIGN_IN, origin, error)
        raise Unauthorized from error
    return _tokens(access, response, signed_in, Act.SIGN_IN, origin)


@router.post(
    "/refresh",
    response_model=Tokens,
    responses=documented(examples_access.TOKENS, 401, 404, 422, 429, 503, problems=examples_access.NO_LOCAL_USERS),
    dependencies=[needs_nobody()],
)
async def refresh(request: Request, response: Response, access: Access, body: GivenRefresh) -> dict[str, Any]:
    """New tokens for a refresh token. One that is used twice ends the sign-in that it came from."""
    return await access.sign_ins.run(partial(_refresh, request, response, access, body))


def _refresh(request: Request, response: Response, access: AccessParts, body: RefreshBody) -> dict[str, Any]:
    sign_in, origin = _local(access), origin_of(request)
    try:
        signed_in = sign_in.refresh(body.refresh_token)
    except SignInRefused as error:
        act = Act.REFRESH_REUSE if error.is_reuse else Act.TOKEN_REFRESH
        _record_refusal(access, act, origin, error)
        raise Unauthorized from error
    return _tokens(access, response, signed_in, Act.TOKEN_REFRESH, origin)


@router.post(
    "/logout",
    status_code=204,
    responses=documented({}, 404, 422, 429, 503, status=204, problems=examples_access.NO_LOCAL_USERS),
    dependencies=[needs_nobody()],
)
async def logout(request: Request, access: Access, body: GivenRefresh) -> Response:
    """Sign a local user out: the refresh token and its successors are worth nothing from here on."""
    return await access.sign_ins.run(partial(_logout, request, access, body))


def _logout(request: Request, access: AccessParts, body: RefreshBody) -> Response:
    user = _local(access).sign_out(body.refresh_token)
    if user is not None:
        caller = caller_of_user(user)
        access.audit.record(
            caller, Act.SIGN_OUT, origin_of(request), workspaces=caller.workspaces, target=caller.subject
        )
    return Response(status_code=204, headers=_NO_STORE)


def _local(access: AccessParts) -> LocalSignIn:
    if access.sign_in is None:
        raise NotFound("nobody signs in here: an identity provider does it, or the API is open")
    return access.sign_in


def _record_refusal(access: AccessParts, act: Act, origin: Origin, refused: SignInRefused) -> None:
    """Each of a known user, as their tries are few. Of nobody known now and then, and without what they call
    themselves: it may be a password that went into the wrong field.
    """
    if refused.user is None:
        access.refusals.tell(Refusal(act, origin, reason="NobodyKnown"))
        return
    caller = caller_of_user(refused.user)
    access.audit.record(
        caller, act, origin, outcome=Outcome.REFUSED, workspaces=caller.workspaces, target=caller.subject
    )


def _tokens(access: AccessParts, response: Response, signed_in: SignedIn, act: Act, origin: Origin) -> dict[str, Any]:
    """The answer, once it is in the log who got it."""
    caller = caller_of_user(signed_in.user)
    access.audit.record(caller, act, origin, workspaces=caller.workspaces, target=caller.subject)
    response.headers.update(_NO_STORE)
    return {
        "access_token": signed_in.access_token,
        "token_type": "Bearer",
        "expires_in": int(access.settings.access_lifetime.total_seconds()),
        "refresh_token": signed_in.refresh_token,
    }

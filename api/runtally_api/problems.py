"""RFC 9457 problem details: every error the API answers with.

Problem
├── InvalidRequest      422  a parameter or body that breaks a rule; `errors` names each field
├── InvalidQuery        422  a question that the catalogue cannot answer
├── NotAcceptable       406  no format of the Accept header is ours
├── Unauthorized        401  nobody knows who asks
├── Forbidden           403  the caller lacks a permission
├── NotYours            403  the caller would give more than they have
├── NotFound            404
├── Ambiguous           409  several workspaces use the id
├── TooManyRequests     429  more than the caller's share (fairness/limited.py)
├── InternalError       500  a fault of ours
├── TooMany             429  more tries than are allowed
└── Unavailable         503  the broker or the store is away; safe to send again
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from runtally_clickhouse.errors import SchemaError, StoreRefused, StoreUnavailable
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2
NAMES_SHOWN = 10
# ClickHouse's codes for a question that takes more than one may.
_LIMITS = {159: "time", 160: "time", 241: "memory", 158: "rows", 396: "rows"}
_DETAILS = {404: "no endpoint has this path: /docs lists them", 405: "the endpoint has no such method: see Allow"}
# What to send instead, by the kind of error that pydantic found in a parameter.
_REMEDIES = {
    "int_parsing": "send a whole number",
    "int_parsing_size": "send a smaller number",
    "int_from_float": "send a whole number",
    "bool_parsing": "send true or false",
    "greater_than_equal": "send {ge} or more",
    "less_than_equal": "send {le} or less",
    "literal_error": "send {expected}",
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field, and what to send instead."""

    field: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ChoiceError(FieldError):
    """A field that holds none of the values it may: all of them, and the nearest one."""

    allowed: tuple[str, ...]
    nearest: str | None


class Problem(Exception):
    """An answer that is an error. `more` holds members beyond those of RFC 9457."""

    def __init__(
        self,
        status: int,
        name: str,
        title: str,
        detail: str,
        errors: list[FieldError] | None = None,
        more: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.name, self.title, self.detail = status, name, title, detail
        self.errors, self.more, self.headers = errors or [], more or {}, headers or {}

    def body(self, request_id: str) -> dict[str, Any]:
        return {
            "type": f"/problems/{self.name}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
            "errors": [asdict(error) for error in self.errors],
            **self.more,
        }


class InvalidRequest(Problem):
    """The request breaks a rule; each error names its field and the remedy."""

    def __init__(self, *errors: FieldError) -> None:
        detail = "; ".join(f"{error.field}: {error.message}" for error in errors)
        super().__init__(422, "invalid-request", "Invalid request", detail, list(errors))


class InvalidQuery(Problem):
    """A question of the catalogue that cannot be asked so."""

    def __init__(self, *errors: FieldError) -> None:
        detail = "; ".join(f"{error.field}: {error.message}" for error in errors)
        super().__init__(422, "invalid-query", "Invalid query", detail, list(errors))


class NotAcceptable(Problem):
    """None of the formats that the Accept header names."""

    def __init__(self, formats: list[str]) -> None:
        detail = f"the answer can be had as {', '.join(formats)}"
        super().__init__(406, "not-acceptable", "Not acceptable", detail)


class Unauthorized(Problem):
    """Whatever was shown in place of a token, the answer is this one: why is not told, and is `reason` for the log."""

    def __init__(self, reason: str = "") -> None:
        self.reason = reason
        detail = "show a valid token or API key: Authorization: Bearer ..."
        super().__init__(401, "unauthorized", "Unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(Problem):
    """The caller is known, and may not do this."""

    def __init__(self, permission: str) -> None:
        super().__init__(403, "forbidden", "Forbidden", f"this needs the permission {permission}")


class NotYours(Problem):
    """A caller would give away what they do not have themselves."""

    def __init__(self, field: str, message: str, remedy: str = "leave them out, or ask somebody who has them") -> None:
        error = FieldError(field, message, remedy)
        super().__init__(403, "not-yours", "Not yours to give", f"{field}: {message}", [error])


class TooMany(Problem):
    """More tries than are allowed; after a while there are others."""

    def __init__(self, detail: str, retry_after_seconds: int) -> None:
        headers = {"Retry-After": str(retry_after_seconds)}
        super().__init__(429, "too-many-requests", "Too many requests", detail, headers=headers)


class NotFound(Problem):
    def __init__(self, detail: str) -> None:
        super().__init__(404, "not-found", "Not found", detail)


class Ambiguous(Problem):
    """Several workspaces use the id of a `kind` of thing, and none of them is named."""

    def __init__(self, kind: str, given_id: str, workspaces: list[str]) -> None:
        more = f" and {len(workspaces) - NAMES_SHOWN} more" if len(workspaces) > NAMES_SHOWN else ""
        names = ", ".join(workspaces[:NAMES_SHOWN]) + more
        error = FieldError("workspace_id", f"several workspaces use this {kind}_id: {names}", "name one of them")
        super().__init__(
            409, f"ambiguous-{kind}", f"Ambiguous {kind}", f"{kind} '{given_id}' exists in {names}", [error]
        )


class InternalError(Problem):
    def __init__(self) -> None:
        detail = "a fault of Runtally's own; its log has the cause under the request_id"
        super().__init__(500, "internal-error", "Internal error", detail)


class Unavailable(Problem):
    def __init__(self, detail: str, more: dict[str, Any] | None = None) -> None:
        retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        super().__init__(503, "unavailable", "Temporarily unavailable", detail, more=more, headers=retry)


class ProblemResponse(JSONResponse):
    """A problem on the wire. It may quote what a sender wrote, lone surrogates included, so those are replaced."""

    media_type = MEDIA_TYPE

    def __init__(self, problem: Problem, request_id: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.body(request_id), problem.status, {**(headers or {}), **problem.headers})

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
            "utf-8", "replace"
        )


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every error, the framework's own included, as a problem."""

    @app.exception_handler(Problem)
    async def own(request: Request, error: Problem) -> ProblemResponse:
        return _response(request, error)

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> ProblemResponse:
        title = HTTPStatus(error.status_code).phrase
        name = title.lower().replace(" ", "-")
        detail = _DETAILS.get(error.status_code, str(error.detail))
        return _response(request, Problem(error.status_code, name, title, detail), error.headers)

    @app.exception_handler(RequestValidationError)
    async def parameters(request: Request, error: RequestValidationError) -> ProblemResponse:
        errors = [_field_error(item) for item in error.errors()]
        return _response(request, InvalidRequest(*errors))

    @app.exception_handler(StoreUnavailable)
    @app.exception_handler(SchemaError)
    async def store_away(request: Request, error: Exception) -> ProblemResponse:
        return _response(request, Unavailable("the store does not answer"))

    @app.exception_handler(StoreRefused)
    async def store_refused(request: Request, error: StoreRefused) -> ProblemResponse:
        return _response(request, store_refusal(error))


def exceeded_limit(error: StoreRefused) -> str | None:
    """What a question needed too much of: time, memory or rows; None when the store refused it for another reason."""
    return _LIMITS.get(error.code)


def store_refusal(error: StoreRefused) -> Problem:
    """What an asker is told when the store refuses a question."""
    if limit := exceeded_limit(error):
        message = f"the question needs more {limit} than one may take"
        return InvalidRequest(FieldError("from", message, "ask for a shorter range or fewer groups, or filter"))
    return Unavailable(f"the store refused the question (code {error.code})")


def _field_error(item: dict[str, Any]) -> FieldError:
    place = [str(part) for part in item["loc"] if part not in ("query", "path", "body", "header")]
    remedy = _REMEDIES.get(item["type"], "see the API's documentation at /docs").format(**item.get("ctx", {}))
    return FieldError(".".join(place) or "body", str(item["msg"]).lower(), remedy)


def _response(request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> ProblemResponse:
    return ProblemResponse(problem, request.state.request_id, headers)

"""RFC 9457 problem details: every error the API answers with.

Problem
├── InvalidRequest      422  a parameter or body that breaks a rule; `errors` names each field
├── NotFound            404
├── AmbiguousRun        409  several workspaces use the id
└── Unavailable         503  the broker or the store is away; safe to send again
"""

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
_TOO_SLOW = 159
_TOO_MUCH_MEMORY = 241


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field, and what to send instead."""

    field: str
    message: str
    remedy: str


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


class NotFound(Problem):
    def __init__(self, detail: str) -> None:
        super().__init__(404, "not-found", "Not found", detail)


class AmbiguousRun(Problem):
    def __init__(self, run_id: str, workspaces: list[str]) -> None:
        names = ", ".join(workspaces)
        error = FieldError("workspace_id", f"several workspaces use this run_id: {names}", "name one of them")
        super().__init__(409, "ambiguous-run", "Ambiguous run", f"run '{run_id}' exists in {names}", [error])


class Unavailable(Problem):
    def __init__(self, detail: str) -> None:
        retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        super().__init__(503, "unavailable", "Temporarily unavailable", detail, headers=retry)


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every error, the framework's own included, as a problem."""

    @app.exception_handler(Problem)
    async def own(request: Request, error: Problem) -> JSONResponse:
        return _response(request, error)

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> JSONResponse:
        title = HTTPStatus(error.status_code).phrase
        name = title.lower().replace(" ", "-")
        return _response(request, Problem(error.status_code, name, title, str(error.detail)), error.headers)

    @app.exception_handler(RequestValidationError)
    async def parameters(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [_field_error(item) for item in error.errors()]
        return _response(request, InvalidRequest(*errors))

    @app.exception_handler(StoreUnavailable)
    @app.exception_handler(SchemaError)
    async def store_away(request: Request, error: Exception) -> JSONResponse:
        return _response(request, Unavailable("the store does not answer"))

    @app.exception_handler(StoreRefused)
    async def store_refused(request: Request, error: StoreRefused) -> JSONResponse:
        return _response(request, _refusal(error))


def _refusal(error: StoreRefused) -> Problem:
    if error.code in (_TOO_SLOW, _TOO_MUCH_MEMORY):
        limit = "time" if error.code == _TOO_SLOW else "memory"
        return InvalidRequest(
            FieldError(
                "from",
                f"the question needs more {limit} than one may take",
                "ask for a shorter range, or filter",
            )
        )
    return Unavailable(f"the store refused the question (code {error.code})")


def _field_error(item: dict[str, Any]) -> FieldError:
    place = [str(part) for part in item["loc"] if part not in ("query", "path", "body", "header")]
    return FieldError(".".join(place) or "body", str(item["msg"]).lower(), "see the API's documentation at /docs")


def _response(request: Request, problem: Problem, headers: Any = None) -> JSONResponse:
    body = problem.body(getattr(request.state, "request_id", ""))
    return JSONResponse(body, problem.status, headers={**(headers or {}), **problem.headers}, media_type=MEDIA_TYPE)

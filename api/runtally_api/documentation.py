"""What the OpenAPI document says beyond what FastAPI finds out: messages, problems and examples."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from runtally.events import EVENTS, Event, RunSnapshot
from runtally.schemas import schema_of

from runtally_api import examples
from runtally_api.identity.access import OPEN, declared_access
from runtally_api.problems import MEDIA_TYPE

_PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. `errors` names what is wrong, field by field, and what to send instead.",
    "required": ["type", "title", "status", "detail", "request_id", "errors"],
    "properties": {
        "type": {"type": "string", "pattern": "^/problems/"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message", "remedy"],
                "properties": {
                    "field": {"type": "string"},
                    "message": {"type": "string"},
                    "remedy": {"type": "string"},
                    "index": {"type": "integer", "description": "Place of the item in the request."},
                },
            },
        },
    },
}
_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "A token (JWT) or an API key (`rtk_...`). In open mode none is needed, and none is looked at.",
}
_CHALLENGE = {"WWW-Authenticate": {"description": "`Bearer`.", "schema": {"type": "string"}}}
NO_CONTENT = 204
_BROKEN_BODY = "Not JSON, incomplete, or two lengths"
_RATE = {
    "RateLimit-Policy": {"description": 'Such as `"read";q=30000;w=60`: 30000 in 60 s.', "schema": {"type": "string"}},
    "RateLimit": {"description": 'Such as `"read";r=12;t=40`: 12 left for 40 s.', "schema": {"type": "string"}},
}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}}


def documented(
    example: dict[str, Any],
    *problem_statuses: int,
    status: int = 200,
    problems: dict[int, dict[str, Any]] | None = None,
) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an endpoint: an example of its answer (204 has none), and its problems.

    `problems` are examples of its own, by status, where the general ones would not do.
    """
    shown = {**examples.PROBLEMS, **(problems or {})}
    answer = {"content": {"application/json": {"example": example}}} if status != NO_CONTENT else {}
    responses: dict[int | str, dict[str, Any]] = {status: answer}
    for number in problem_statuses:
        responses[number] = {
            "description": shown[number]["title"],
            "content": {
                MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": shown[number]},
            },
        }
        if number in (429, 503):
            responses[number]["headers"] = _RETRY_AFTER
    return responses


def body_of(model: type[Event]) -> dict[str, Any]:
    """The `openapi_extra` of an endpoint that takes events: one, several, or one a line."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    example = examples.MESSAGES[model.__name__]
    either = {"oneOf": [schema, {"type": "array", "maxItems": 10_000, "items": schema}]}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": either,
                    "examples": {"one": {"value": example}, "several": {"value": [example]}},
                },
                "application/x-ndjson": {"schema": {"type": "string", "description": "One JSON object a line."}},
            },
        }
    }


def describe(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Add the contract's messages and problems to the document: FastAPI knows neither, as both are written by us."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = _PROBLEM_SCHEMA
        document["components"]["securitySchemes"] = {"bearer": _BEARER}
        for event in EVENTS:
            schemas[event.__name__] = _message_schema(event)
        for route in (route for router in routers for route in router.routes if isinstance(route, APIRoute)):
            for method in route.methods or ():
                operation = document["paths"][route.path_format][method.lower()]
                _restore_examples(operation["responses"], route.responses)
                _demand_caller(operation, route)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _demand_caller(operation: dict[str, Any], route: APIRoute) -> None:
    """Say of a route what it asks of its callers, their headers and bodies, and what those hear who do not have it."""
    access, has_body = declared_access(route), "requestBody" in operation
    # Headers are looked at before anybody knows what is asked.
    statuses: tuple[int, ...] = (400, 408, 413, 429, 431) if has_body else (400, 431)
    if OPEN not in access:
        operation["security"] = [{"bearer": []}]
        operation["x-permissions"] = sorted(access)
        statuses = (401, 403, 429, *statuses)
    problems = documented({}, 401, *statuses, problems={} if has_body else {400: examples.TWO_LENGTHS})
    problems[401]["headers"] = _CHALLENGE
    if 429 in problems:
        problems[429]["headers"] = {**_RETRY_AFTER, **_RATE}
    operation["responses"] |= {
        str(status): problems[status] for status in statuses if str(status) not in operation["responses"]
    }
    if has_body:
        operation["responses"]["400"]["description"] = _BROKEN_BODY


def _restore_examples(documented: dict[str, Any], declared: dict[int | str, dict[str, Any]]) -> None:
    """Put the examples in once more: FastAPI leaves out what is null."""
    for status, response in declared.items():
        for media_type, media in response.get("content", {}).items():
            if "example" in media:
                documented[str(status)]["content"][media_type]["example"] = media["example"]


def _message_schema(event: type[Event]) -> dict[str, Any]:
    schema = {name: value for name, value in schema_of(event).items() if name not in ("$schema", "$id")}
    if event is RunSnapshot:  # over HTTP the door fills updated_at in
        schema["required"] = [name for name in schema["required"] if name != "updated_at"]
    return schema

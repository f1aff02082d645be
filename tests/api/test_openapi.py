"""The OpenAPI document: every example is of its schema, every problem is described, bodies are the contract's."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from api.asgi_client import running
from api.door import StoringPublisher, build_app
from fastapi import FastAPI
from runtally.events import EVENTS
from runtally.schemas import schema_of
from runtally_api.examples import MESSAGES
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation

Node = dict[str, Any]


@pytest.fixture(scope="module")
def app() -> FastAPI:
    # The document needs no store: nothing connects before the first question.
    store = Store(StoreLocation(url="http://nowhere.test:1"))
    return build_app(store, StoringPublisher(store), [])


@pytest.fixture(scope="module")
def document(app: FastAPI) -> Node:
    found: Node = json.loads(json.dumps(app.openapi()))
    return found


def _operations(document: Node) -> Iterator[tuple[str, Node]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def _media(document: Node) -> Iterator[tuple[str, Node]]:
    for name, operation in _operations(document):
        for media_type, media in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{name} {media_type}", media
        for status, response in operation["responses"].items():
            for media_type, media in response.get("content", {}).items():
                yield f"{name} {status} {media_type}", media


def _check(document: Node, schema: Node, value: object) -> None:
    rooted = {**schema, "components": document["components"]}
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(rooted, format_checker=checker).validate(value)


def test_every_example_is_of_its_schema(document: Node) -> None:
    checked = 0
    for name, media in _media(document):
        examples = [media["example"]] if "example" in media else []
        examples += [example["value"] for example in media.get("examples", {}).values()]
        for example in examples:
            try:
                _check(document, media["schema"], example)
            except jsonschema.ValidationError as error:
                pytest.fail(f"{name}: {error.message} at {error.json_path}")
            checked += 1
    assert checked > 40


def test_every_answer_has_an_example(document: Node) -> None:
    without = [
        name
        for name, media in _media(document)
        if "example" not in media and "examples" not in media and not name.endswith(("text/plain", "x-ndjson"))
    ]
    assert without == []


def test_every_error_is_a_problem(document: Node) -> None:
    for name, operation in _operations(document):
        errors = {status: answer for status, answer in operation["responses"].items() if int(status) >= 400}
        for status, answer in errors.items():
            assert list(answer["content"]) == ["application/problem+json"], (name, status)
            assert answer["content"]["application/problem+json"]["example"]["status"] == int(status)
        if "/api/" in name:
            assert {"422", "503"} <= set(errors), name
            assert "Retry-After" in errors["503"]["headers"]


def test_headers_are_refused_everywhere_and_as_it_is_documented(app: FastAPI, document: Node) -> None:
    """Whatever is asked: nothing looks at the route before. Where a body may be broken, that is the example of 400."""
    refused = {"431": {"X-Much": "x" * 66_000}, "400": {"Content-Length": "2", "Transfer-Encoding": "chunked"}}
    with running(app) as client:
        for name, operation in _operations(document):
            for status, headers in refused.items():
                answer = client.request(*name.split(), headers=headers)
                assert answer.status_code == int(status), name
                documented = operation["responses"][status]
                example = documented["content"]["application/problem+json"]["example"]
                assert answer.json()["title"].lower() in documented["description"].lower(), name
                if status == "431" or "requestBody" not in operation:
                    assert {**answer.json(), "request_id": example["request_id"]} == example, name


def test_bodies_are_the_contracts_messages(document: Node) -> None:
    for event in EVENTS:
        described, schema = document["components"]["schemas"][event.__name__], schema_of(event)
        assert described["properties"] == schema["properties"]
        assert set(schema["required"]) - set(described["required"]) <= {"updated_at"}
        jsonschema.Draft202012Validator.check_schema(described)
        _check(document, described, MESSAGES[event.__name__])
        event.model_validate(MESSAGES[event.__name__])


def test_operations_have_names_of_their_own(document: Node) -> None:
    names = [operation["operationId"] for _, operation in _operations(document)]
    assert len(set(names)) == len(names)
    assert all(operation["description"] for _, operation in _operations(document))


def test_the_document_is_served(app: FastAPI, document: Node) -> None:
    with running(app) as client:
        assert client.get("/openapi.json").json() == document
        assert client.get("/docs").status_code == 200

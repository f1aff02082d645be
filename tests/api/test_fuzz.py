"""Generated requests over the whole OpenAPI document: no 5xx, only documented statuses, answers of their schemas.

By callers with all rights, with some, and with none.

`RUNTALLY_FUZZ_CASES` is how many requests each operation gets, half of them against their own schema.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from api.asgi_client import running
from api.door import Door, StoringPublisher, Whoever, build_app, run
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from runtally_api.identity.caller import Caller
from runtally_api.identity.permissions import GRANTED, Role
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

DEFAULT_CASES = 20
CASES = int(os.environ.get("RUNTALLY_FUZZ_CASES", DEFAULT_CASES))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


# Nobody who is known, and one of each role, who sees one workspace, or none.
CALLERS = [
    None,
    *(Caller(role, "", GRANTED[role], frozenset(seen)) for role in Role for seen in ({"acme"}, set[str]())),
]


def _operations() -> list[str]:
    store = Store(StoreLocation(url="http://nowhere.test:1"))
    paths = build_app(store, StoringPublisher(store), []).openapi()["paths"]
    return [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]


@pytest.fixture(scope="module")
def api_schema(shared_door: Door) -> schemathesis.BaseSchema:
    shared_door.reset().post(run(), run("run-2", workspace_id="beta", cost_usd="0.1"))
    schema: schemathesis.BaseSchema = schemathesis.openapi.from_asgi("/openapi.json", shared_door.app)
    return schema


@pytest.mark.parametrize("label", _operations())
def test_no_request_breaks_the_document(api_schema: schemathesis.BaseSchema, label: str) -> None:
    operation = api_schema.find_operation_by_label(label)
    assert operation is not None
    modes = [GenerationMode.POSITIVE] + ([GenerationMode.NEGATIVE] if _can_be_broken(operation) else [])
    cases = st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes])

    @settings(
        max_examples=CASES,
        deadline=None,
        derandomize=CASES == DEFAULT_CASES,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def request(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(checks=CHECKS)

    request()


@pytest.fixture(scope="module")
def rights() -> Whoever:
    return Whoever()


@pytest.fixture(scope="module")
def guarded_schema(shared_store: Store, rights: Whoever) -> Iterator[schemathesis.BaseSchema]:
    app = build_app(shared_store, StoringPublisher(shared_store, late=True), [], rights)
    with running(app):
        yield schemathesis.openapi.from_asgi("/openapi.json", app)


@pytest.mark.parametrize("label", _operations())
def test_nor_does_one_without_all_rights(guarded_schema: schemathesis.BaseSchema, rights: Whoever, label: str) -> None:
    operation = guarded_schema.find_operation_by_label(label)
    assert operation is not None

    @settings(
        max_examples=max(3, CASES // 4),
        deadline=None,
        derandomize=CASES == DEFAULT_CASES,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), who=st.sampled_from(CALLERS))
    def request(case: schemathesis.Case[Any], who: Caller | None) -> None:
        rights.who = who
        case.call_and_validate(checks=CHECKS)

    request()


def _can_be_broken(operation: schemathesis.APIOperation[Any, Any, Any, Any]) -> bool:
    return bool(list(operation.iter_parameters()) or operation.body)

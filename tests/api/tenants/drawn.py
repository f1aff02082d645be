"""Requests drawn from the OpenAPI document: whatever route it has, with parameters of one tenant or the other.

A parameter or body that cannot be filled in fails the test that draws it, with the place where to say how.
"""

import copy
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from api.tenants.fleets import MINE, THEIRS, text, workspace
from runtally.events import EVENTS
from runtally_api.tabular import FORMATS
from runtally_clickhouse.measures.definitions import MEASURES
from runtally_clickhouse.measures.dimensions import DIMENSIONS

Node = dict[str, Any]
HERE: Final = "tests/api/tenants/drawn.py"
_INSTANTS: Final = ("2026-11-20", "-7d", "2026-11-21T00:00:00Z", "2025-01-01", "2026-12-31", "nonsense")
_BY_FIELD: Final = ("agent_id", "model", "user_id", "environment", "session_id", "agent_version", "error_type")
_MORE: Final = ("error_category", "error_severity", "trace_id", "provider", "trigger", "agent_name", "price_version")
OPERATORS: Final = ("in", "not_in", "contains", "gte", "lt")


@dataclass(frozen=True)
class Operation:
    """A method of a path, as the document has it."""

    method: str
    path: str
    described: Node

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Pool:
    """What strings are drawn from, by the parameter's name; `cursors` and `tags` are other answers' own."""

    cursors: dict[str, list[str]] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)

    def strings(self, operation: Operation, name: str) -> Sequence[str]:
        by_name: dict[str, Sequence[str]] = {
            "workspace_id": [workspace(MINE), workspace(THEIRS), "nobody", "*"],
            "status": ["succeeded", "failed", "stalled", "nonsense"],
            **dict.fromkeys(("from", "to", "start_date", "end_date"), _INSTANTS),
            "timezone": ["UTC", "Europe/Berlin", "Nowhere/Else"],
            "topic": ["agent-runs.v1", "nobody"],
            "field": ["cost_usd", "nobody"],
            "actor": [*_of_both("actor"), "nobody"],
            "key_id": [*_of_both("key"), "nobody"],
            "erasure_id": ["5bb1f3a4-9b70-4a53-8a0f-6f3a4a1d2c11", "nobody"],
            "type": [*_of_both("error_type"), "nobody"],
            "cursor": [*self.cursors.get(operation.path, ()), "nonsense"],
            **{name: _of_both(name) for name in (*_BY_FIELD, *_MORE)},
            **{key: [*_of_both("run_id"), "nobody"] for key in ("run_id", "parent_run_id")},
        }
        if name == "id":
            of_workspaces = "/workspaces/" in operation.path
            return [workspace(MINE), workspace(THEIRS)] if of_workspaces else [*_of_both("agent_id"), "nobody"]
        assert name in by_name, f"{operation}: say in {HERE} what '{name}' may be, of either tenant"
        return by_name[name]


def _of_both(name: str) -> list[str]:
    return [text(tenant, name, number) for tenant in (MINE, THEIRS) for number in (0, 1)]


@dataclass(frozen=True)
class Request:
    """What is sent; `sent` are its texts, which an answer may say again."""

    method: str
    path: str
    parameters: dict[str, Any]
    headers: dict[str, str]
    body: Any = None

    @property
    def sent(self) -> str:
        return json.dumps([self.path, self.parameters, self.headers, self.body], default=str, ensure_ascii=False)


def operations(document: Node) -> list[Operation]:
    """All of the document, in its order."""
    return [
        Operation(method.upper(), path, described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]


def drawn(rng: random.Random, document: Node, operation: Operation, pool: Pool) -> Request:
    """A request of that operation."""
    path, parameters = operation.path, dict[str, Any]()
    for parameter in operation.described.get("parameters", ()):
        name = parameter["name"]
        if parameter["in"] == "path":
            path = path.replace(f"{{{name}}}", _one(rng, operation, name, parameter["schema"], pool))
        elif parameter["in"] == "query" and (parameter.get("required") or rng.random() < _likely(name)):
            parameters[name] = _value(rng, operation, name, parameter["schema"], pool)
    headers = {"X-Request-ID": f"r{rng.randrange(10**6)}", "Accept": rng.choice(FORMATS)}
    if pool.tags and rng.random() < 0.3:
        headers["If-None-Match"] = ", ".join(pool.tags)
    return Request(operation.method, path, parameters, headers, _body(rng, document, operation))


def _likely(name: str) -> float:
    return {"from": 0.4, "to": 0.2, "limit": 0.5, "cursor": 0.6, "workspace_id": 0.3}.get(name, 0.15)


def _value(rng: random.Random, operation: Operation, name: str, schema: Node, pool: Pool) -> Any:
    if schema.get("type") == "array":
        return [_one(rng, operation, name, schema["items"], pool) for _ in range(rng.choice((1, 1, 2)))]
    return _one(rng, operation, name, schema, pool)


def _one(rng: random.Random, operation: Operation, name: str, schema: Node, pool: Pool) -> Any:
    schema = next((each for each in schema.get("anyOf", ()) if each.get("type") != "null"), schema)
    if "enum" in schema:
        return rng.choice(schema["enum"])
    match schema.get("type"):
        case "integer" | "number":
            least = schema.get("minimum", 0)
            return rng.choice([least, least + 1, min(schema.get("maximum", 50), 50)])
        case "boolean":
            return rng.choice(["true", "false"])
        case "string":
            return rng.choice(pool.strings(operation, name))
    raise AssertionError(f"{operation}: say in {HERE} how '{name}' is drawn: {schema}")


def _body(rng: random.Random, document: Node, operation: Operation) -> Any:
    content = operation.described.get("requestBody", {}).get("content")
    if not content:
        return None
    assert "application/json" in content, f"{operation}: say in {HERE} how to draw a body of {list(content)}"
    schema = content["application/json"]["schema"]
    name = json.dumps(schema)
    if "QueryBody" in name:
        return query_body(rng)
    examples = [example["value"] for example in content["application/json"].get("examples", {}).values()]
    examples += [content["application/json"]["example"]] if "example" in content["application/json"] else []
    assert examples, f"{operation}: give its body an example in the document"
    known = {event.__name__ for event in EVENTS}
    body = copy.deepcopy(rng.choice(examples))
    return _named(rng, body) if any(event in name for event in known) else _of_a_tenant(rng, body)


def _named(rng: random.Random, body: Any) -> Any:
    items = body if isinstance(body, list) else [body]
    for item in items:
        item["workspace_id"] = rng.choice([workspace(MINE), workspace(THEIRS)])
    return body


def _of_a_tenant(rng: random.Random, body: Any) -> Any:
    """The example, its names of workspaces and users those of a tenant."""
    if isinstance(body, dict):
        return {name: _told(rng, name, value) for name, value in body.items()}
    return body


def _told(rng: random.Random, name: str, value: Any) -> Any:
    tenant = rng.choice([MINE, THEIRS])
    if name in ("workspace_id", "user_id") and value is not None:
        return workspace(tenant) if name == "workspace_id" else text(tenant, name)
    if name == "workspaces" and value is not None:
        return [workspace(tenant)]
    return value


def query_body(rng: random.Random) -> Node:
    """A question of the catalogue, any filter of either tenant's."""
    grouping = [name for name, dimension in DIMENSIONS.items() if dimension.groups] + [f"tag:{text(MINE, 'tag')}"]
    grouping += [f"tag:{text(THEIRS, 'tag')}"]
    body: Node = {
        "measures": rng.sample(sorted(MEASURES), rng.randint(1, 4)),
        "dimensions": rng.sample(grouping, rng.choice((0, 1, 1, 2))),
        "filters": [
            {"dimension": name, "op": rng.choice(OPERATORS[:3]), "values": [rng.choice(_of_both(name))]}
            for name in rng.sample(_BY_FIELD, rng.choice((0, 0, 1, 2)))
        ],
        "limit": rng.choice((1, 2, 100)),
    }
    if rng.random() < 0.5:
        body["time"] = {"from": rng.choice(("2025-12-01", "-7d")), "to": "2026-12-31" if rng.random() < 0.3 else "-1h"}
    if rng.random() < 0.3:
        body["compare"] = "previous_period"
    return body


def with_cursors(document: Node) -> Iterator[Operation]:
    """Those whose answers come page by page."""
    for operation in operations(document):
        if any(parameter["name"] == "cursor" for parameter in operation.described.get("parameters", ())):
            yield operation

"""Whatever text a request has, the statements are the same: it travels as a parameter, never as SQL.

Every string of every route of the OpenAPI document is tried, so a new one is, too.
"""

import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from api.asgi_client import running
from api.door import StoringPublisher, Whoever, build_app
from api.tenants.drawn import Operation, Pool, Request, drawn
from api.tenants.fleets import MINE, THEIRS, caller, fill
from api.tenants.test_isolation import DOCUMENT, OPERATIONS, send
from backends.clickhouse_backend import ClickHouseBackend
from clickhouse.stores import Engine, migrated_store
from runtally_api.identity.caller import ANYBODY
from runtally_clickhouse.client import BoundStore, Row, Store
from runtally_clickhouse.measures.group_counts import GroupCounts
from runtally_clickhouse.profiles import Settings

HARMLESS = "zqword"
ATTACKS = (
    "zqa' OR 1 = 1 --",
    "zqb'); DROP TABLE agent_runs; --",
    "zqc\\",
    "zqd') UNION ALL SELECT * FROM system.users /*",
    "{zqe:String}",
    'zqf" OR "a"="a',
    "zqg` SETTINGS log_comment = '*",
)


@dataclass
class Recording:
    """A store that takes down the text of each statement; what was bound stands apart from it."""

    store: Store
    texts: list[str] = field(default_factory=list)

    def bound_to(self, workspaces: frozenset[str] | None) -> "_Bound":
        return _Bound(self.store, self.store.bound_to(workspaces).settings, self.texts)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


@dataclass(frozen=True, slots=True)
class _Bound(BoundStore):
    texts: list[str]

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        self.texts.append(sql)
        return BoundStore.query(self, sql, parameters)

    def unmerged(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[Row]:
        self.texts.append(sql)
        return BoundStore.unmerged(self, sql, parameters)

    def with_settings(self, more: Settings) -> "_Bound":
        return _Bound(self.store, {**self.settings, **more}, self.texts)


class Asked:
    """An application, and the statements that each request led to."""

    def __init__(self, recording: Recording, client: httpx.Client) -> None:
        self._recording = recording
        self._client = client

    def texts(self, request: Request) -> tuple[int, list[str]]:
        """The status, and the statements in order of their texts, as questions go out together."""
        self._recording.texts.clear()
        answer = send(self._client, request)
        assert answer.status_code < 500, f"{request}: {answer.text}"
        return answer.status_code, sorted(self._recording.texts)


@pytest.fixture(scope="module")
def asked(clickhouse: ClickHouseBackend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    engine: Engine = "embedded" if clickhouse.url is None else "server"
    with migrated_store(engine, clickhouse, tmp_path_factory.getbasetemp()) as store:
        fill(store, MINE, THEIRS)
        recording, door = Recording(store), Whoever(caller())
        door.who = replace(ANYBODY, subject="tester")
        app = build_app(recording, StoringPublisher(store, late=True), [], door)  # type: ignore[arg-type] # a store's
        with running(app) as client:
            # So that each request asks the store, and as if none had come before.
            app.state.parts = replace(app.state.parts, cache=None, group_counts=GroupCounts(most=0))
            yield Asked(recording, client)


def _strings(operation: Operation) -> Iterator[str]:
    """The parameters that take any text."""
    for parameter in operation.described.get("parameters", ()):
        schema = parameter["schema"]
        schemas = [schema, schema.get("items", {}), *schema.get("anyOf", ())]
        if parameter["in"] in ("path", "query") and any(
            each.get("type") == "string" and "enum" not in each for each in schemas
        ):
            yield parameter["name"]


def _with(operation: Operation, name: str, text: str) -> Request:
    """A request of nothing but this parameter, its path filled in."""
    path, parameters = operation.path, dict[str, Any]()
    for parameter in operation.described.get("parameters", ()):
        if parameter["in"] == "path":
            said = text if parameter["name"] == name else HARMLESS
            path = path.replace(f"{{{parameter['name']}}}", "".join(f"%{byte:02X}" for byte in said.encode()))
        elif parameter["name"] == name:
            parameters[name] = text
    return Request(operation.method, path, parameters, {})


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.method == "GET"], ids=str)
def test_no_parameter_changes_a_statement(asked: Asked, operation: Operation) -> None:
    for name in _strings(operation):
        status, harmless = asked.texts(_with(operation, name, HARMLESS))
        attack = random.Random(f"{operation} {name}").choice(ATTACKS)
        told, texts = asked.texts(_with(operation, name, attack))
        assert told == status, (name, attack)
        # Fewer where a harmless word is also what the path says.
        assert set(texts) <= set(harmless), (name, attack)
        assert texts or not harmless or "{" in operation.path, (name, attack)


def _leaves(node: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a body has texts."""
    if isinstance(node, str):
        yield place
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from _leaves(child, (*place, key))


def _replaced(node: Any, place: Sequence[Any], text: str) -> Any:
    body = copy.deepcopy(node)
    inner = body
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = text
    return body


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if "requestBody" in one.described], ids=str)
def test_no_text_of_a_body_is_in_a_statement(asked: Asked, operation: Operation) -> None:
    request = drawn(random.Random(str(operation)), DOCUMENT, operation, Pool())
    for place in _leaves(request.body):
        for attack in random.Random(str(place)).sample(ATTACKS, 2):
            _, texts = asked.texts(replace(request, body=_replaced(request.body, place, attack)))
            assert not [text for text in texts if attack[:3] in text], (place, attack)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_question_with_names_of_ones_own_is_the_same_statement(asked: Asked, attack: str) -> None:
    def question(word: str) -> Request:
        filters = [
            {"dimension": name, "op": operator, "values": [word]}
            for name, operator in (("agent_id", "in"), ("model", "contains"), (f"tag:{word}", "not_in"))
        ]
        body = {"measures": ["runs", "cost_usd"], "dimensions": [f"tag:{word}", "user_id"], "filters": filters}
        return Request("POST", "/api/v1/query", {}, {}, body)

    status, harmless = asked.texts(question(HARMLESS))
    assert (status, bool(harmless)) == (200, True)
    assert asked.texts(question(attack)) == (200, harmless)

"""No route tells one tenant a byte of another: a store with both answers each as if the other had never been.

The requests are drawn from the OpenAPI document (`drawn.py`), so a new route is tried as well.
`RUNTALLY_TENANT_CASES` is how many requests each operation gets.
"""

import base64
import io
import json
import os
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from api.door import StoringPublisher, build_app
from api.tenants.drawn import Node, Operation, Pool, Request, drawn, operations, with_cursors
from api.tenants.fleets import MINE, THEIRS, asking, caller, fill
from backends.clickhouse_backend import ClickHouseBackend
from clickhouse.stores import Engine, migrated_store
from runtally_api import tabular
from runtally_api.identity.caller import Caller
from runtally_api.identity.permissions import Role
from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation

CASES = int(os.environ.get("RUNTALLY_TENANT_CASES", "4"))
# Numbers of the process, of nobody's runs.
# Answers that no two applications give alike: counts of requests, and ids of keys and entries that are drawn by chance.
NEVER_ALIKE = ("/metrics", "/api/v1/keys", "/api/v1/keys/{key_id}", "/api/v1/audit")
# Headers that say when, and what this caller has asked: a validator is compared by itself.
BY_THE_CLOCK = ("server-timing", "etag", "ratelimit")
AskAs = Callable[[Caller], None]


def _document() -> Node:
    store = Store(StoreLocation(url="http://nowhere.test:1"))
    found: Node = build_app(store, StoringPublisher(store), []).openapi()
    return found


DOCUMENT = _document()
OPERATIONS = operations(DOCUMENT)


class Two:
    """An application over the runs of both, and one over mine alone; and what theirs were told, to try it on them."""

    def __init__(self, both: tuple[Any, httpx.Client, AskAs], alone: tuple[Any, httpx.Client, AskAs]) -> None:
        (_, self.both, self._ask_both_as), (_, self.alone, self._ask_alone_as) = both, alone
        self.pool = Pool()
        for tenant in (MINE, THEIRS):
            self.ask_as(caller(Role.OWNER, tenant))
            for operation in with_cursors(DOCUMENT):
                answer = self.both.get(operation.path, params={"limit": 1})
                self.pool.cursors.setdefault(operation.path, []).append(answer.json()["next_cursor"])
                self.pool.tags += [tag] if (tag := answer.headers.get("etag")) else []

    def ask_as(self, who: Caller) -> None:
        self._ask_both_as(who)
        self._ask_alone_as(who)


@pytest.fixture(scope="module")
def two(clickhouse: ClickHouseBackend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    engine: Engine = "embedded" if clickhouse.url is None else "server"
    scratch: Path = tmp_path_factory.getbasetemp()
    with migrated_store(engine, clickhouse, scratch) as both, migrated_store(engine, clickhouse, scratch) as alone:
        fill(both, MINE, THEIRS)
        fill(alone, MINE)
        with asking(both) as full, asking(alone) as half:
            yield Two(full, half)


def send(client: httpx.Client, request: Request) -> httpx.Response:
    return client.request(
        request.method, request.path, params=request.parameters, headers=request.headers, json=request.body
    )


def readable(answer: httpx.Response) -> str:
    """Status line, headers and body as text; what is packed is unpacked."""
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if answer.status_code == 200 and kind == tabular.PARQUET:
        table = pq.read_table(io.BytesIO(answer.content))
    elif answer.status_code == 200 and kind == tabular.ARROW:
        table = pa.ipc.open_stream(answer.content).read_all()
    else:
        table = None
    body = answer.text if table is None else f"{table.to_pylist()} {table.schema.metadata}"
    # A cursor is packed, too.
    body += "".join(_unpacked(cursor) for cursor in re.findall(r'"next_cursor":"([\w-]+)', body))
    headers = {name: value for name, value in answer.headers.items() if name not in BY_THE_CLOCK}
    return f"{answer.status_code} {answer.reason_phrase}\n{json.dumps(headers)}\n{body}"


def _unpacked(cursor: str) -> str:
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()


def require_nothing_of(tenant: str, request: Request, answer: httpx.Response) -> None:
    """Fail with the first text of the tenant that the request did not say itself."""
    for found in re.findall(rf"{tenant}[\w-]*", readable(answer), re.IGNORECASE):
        assert found in request.sent, f"{request} was told of {found}"


def test_a_document_and_both_tenants_are_there(two: Two) -> None:
    assert len(OPERATIONS) > 30
    two.ask_as(caller(Role.OWNER, MINE, THEIRS))
    names = {row["workspace_id"] for row in two.both.get("/api/v1/workspaces").json()["data"]}
    assert names == {f"{MINE}-workspace_id-0", f"{THEIRS}-workspace_id-0"}
    short = ("/api/v1/workspaces", "/api/v1/dead-letters")  # one each; and nobody knows whose a broken record is
    assert all(cursors[0] and cursors[1] for path, cursors in two.pool.cursors.items() if path not in short)


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_an_answer_is_as_if_the_other_tenant_had_never_been(two: Two, operation: Operation) -> None:
    rng = random.Random(str(operation))
    for _ in range(CASES):
        request = drawn(rng, DOCUMENT, operation, two.pool)
        two.ask_as(caller(rng.choice(list(Role)), MINE))
        answer = send(two.both, request)
        assert answer.status_code < 500, f"{request}: {answer.text}"
        require_nothing_of(THEIRS, request, answer)
        if operation.path not in NEVER_ALIKE:
            assert readable(answer) == readable(send(two.alone, request)), request


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_who_sees_no_workspace_is_told_of_nobody(two: Two, operation: Operation) -> None:
    rng = random.Random(f"nobody {operation}")
    for _ in range(max(1, CASES // 4)):
        request = drawn(rng, DOCUMENT, operation, two.pool)
        two.ask_as(caller(rng.choice(list(Role))))
        answer = send(two.both, request)
        assert answer.status_code < 500, f"{request}: {answer.text}"
        for tenant in (MINE, THEIRS):
            require_nothing_of(tenant, request, answer)


def test_a_cursor_goes_on_for_nobody_else(two: Two) -> None:
    for path, (mine, theirs) in two.pool.cursors.items():
        two.ask_as(caller(Role.OWNER, MINE))
        if mine is not None:
            assert two.both.get(path, params={"cursor": mine, "limit": 1}).status_code == 200, path
        refused = two.both.get(path, params={"cursor": theirs or "e30.0123456789abcdef", "limit": 1})
        assert refused.status_code == 422, path
        assert refused.json()["errors"][0]["message"] == "is not one of ours"


def test_a_validator_of_another_is_no_validator(two: Two) -> None:
    path = "/api/v1/agents"
    two.ask_as(caller(Role.OWNER, THEIRS))
    tag = two.both.get(path).headers["etag"]
    assert two.both.get(path, headers={"If-None-Match": tag}).status_code == 304
    two.ask_as(caller(Role.OWNER, MINE))
    answer = two.both.get(path, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.headers["etag"] == tag) == (200, False)


@pytest.mark.parametrize("path", ["/api/v1/runs/{}", "/api/v1/agents/{}/analytics", "/api/v1/workspaces/{}/health"])
def test_a_foreign_id_is_as_unknown_as_any(two: Two, path: str) -> None:
    kind = {"runs": "run_id", "agents": "agent_id", "workspaces": "workspace_id"}[path.split("/")[3]]
    two.ask_as(caller(Role.OWNER, MINE))
    foreign, unknown = f"{THEIRS}-{kind}-0", f"zqnobody-{kind}-0"
    answers = [two.both.get(path.format(name), headers={"X-Request-ID": "r"}) for name in (foreign, unknown)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].text.replace(foreign, unknown) == answers[1].text

"""ClickHouse's row filters hold where ours is taken out: every question then answers as it did with it in."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from api.tenants.drawn import Pool, drawn, operations
from api.tenants.fleets import MINE, THEIRS, asking, caller, fill, workspace
from api.tenants.test_isolation import DOCUMENT, require_nothing_of, send
from backends.deployed_clickhouse import StartClickHouse, opened_as_deployed
from fastapi import FastAPI
from runtally_api.dependencies import visible_workspaces
from runtally_api.identity.permissions import Role
from runtally_clickhouse.client import Store
from runtally_clickhouse.measures.definitions import MEASURES
from runtally_clickhouse.measures.dimensions import DIMENSIONS
from runtally_clickhouse.migrations import migrate
from runtally_clickhouse.row_bounds import written

TABLES = ("agent_runs", "agent_feedback", "agent_lifecycle", "user_activity", "run_rollup", "run_rollup_by_day")
# Numbers of the whole store, which only who sees all workspaces is told: so they are there without our bound.
OF_ALL = "/api/v1/integrity"


@pytest.fixture
def stores(private_clickhouse: StartClickHouse) -> Iterator[tuple[Store, Store]]:
    """The deployment's writer, and its reader; both tenants' runs are stored."""
    with opened_as_deployed(private_clickhouse) as open_as:
        writer, reader = open_as("writer"), open_as("reader")
        migrate(writer)
        fill(writer, MINE, THEIRS)
        yield writer, reader


@contextmanager
def without_our_bound(app: FastAPI) -> Iterator[None]:
    """Questions are about all workspaces: what a fault in `visible_workspaces` would make of them."""
    app.dependency_overrides[visible_workspaces] = lambda: None
    try:
        yield
    finally:
        del app.dependency_overrides[visible_workspaces]


def _answers(client: httpx.Client, dimension: str) -> Any:
    groups = [dimension] if DIMENSIONS[dimension].groups else []
    filters = [] if groups else [{"dimension": dimension, "op": "not_in", "values": [-1]}]
    body = {"measures": list(MEASURES), "dimensions": groups, "filters": filters, "time": {"from": "2026-11-01"}}
    answer = client.post("/api/v1/query", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def test_no_foreign_row_without_our_bound(stores: tuple[Store, Store]) -> None:
    writer, reader = stores
    rng, pool = random.Random(9), Pool()
    with asking(reader, writer) as (app, client, ask_as):
        ask_as(caller(Role.OWNER, MINE))
        bound = {dimension: _answers(client, dimension) for dimension in DIMENSIONS}
        with without_our_bound(app):
            assert client.get("/api/v1/workspaces").json()["totals"]["runs"] == 8
            for dimension, wanted in bound.items():
                assert _answers(client, dimension) == wanted, dimension
            for operation in operations(DOCUMENT):
                request = drawn(rng, DOCUMENT, operation, pool)
                answer = send(client, request)
                assert answer.status_code < 500, f"{request}: {answer.text}"
                require_nothing_of(THEIRS, request, answer)
                if operation.method == "GET" and "{" not in operation.path and operation.path != OF_ALL:
                    # A range that every route takes: minutes are told of six hours at most.
                    assert client.get(operation.path, params={"from": "-5h"}).status_code == 200, operation


def test_who_says_nothing_reads_no_tenants_rows(stores: tuple[Store, Store]) -> None:
    writer, reader = stores

    def count(store: Any, table: str) -> Any:
        return store.query(f"SELECT count() AS n, uniqExact(workspace_id) AS w FROM {table}", {})[0]

    mine, both = frozenset({workspace(MINE)}), frozenset({workspace(MINE), workspace(THEIRS)})
    for table in TABLES:
        everything = count(writer, table)
        assert everything["w"] == 2, table
        assert count(reader, table)["n"] == 0, table
        assert count(reader.bound_to(frozenset()), table)["n"] == 0, table
        assert count(reader.bound_to(mine), table)["w"] == 1, table
        assert count(reader.bound_to(both), table) == everything, table
        assert count(reader.bound_to(None), table) == everything, table


STRANGE = ("*", '"', "a','b", f"{MINE}'", '["*"]', "\\", "\n", f'x", "{MINE}-workspace_id-0', "] OR 1 --", "é")


def test_no_name_of_a_workspace_opens_another(stores: tuple[Store, Store]) -> None:
    writer, reader = stores
    sql = "SELECT count() AS n FROM agent_feedback"

    assert reader.bound_to(frozenset({"\ud800"})).query(sql, {})[0]["n"] == 0  # no text that can be stored
    for name in STRANGE:
        assert reader.bound_to(frozenset({name})).query(sql, {})[0]["n"] == 0, name
        writer.command("INSERT INTO agent_feedback (workspace_id) VALUES ({name:String})", {"name": name})
        assert reader.bound_to(frozenset({name})).query(sql, {})[0]["n"] == 1, name
    assert reader.bound_to(frozenset(STRANGE)).query(sql, {})[0]["n"] == len(STRANGE)
    assert written(frozenset({"*"})) != written(None)

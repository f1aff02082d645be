"""The doctor and the store access where something runs: a stack that holds the folder, nobody, a server, nothing."""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from backends.clickhouse_backend import ClickHouseBackend
from backends.waiting import eventually
from integration.stacks import RUNTALLY, RunningStack, free_ports, local_stack
from runtally_cli.local.admin import HeldElsewhere, read_announcement, store_access
from runtally_cli.local.settings import LocalSettings
from runtally_cli.local.stack import owner_of
from runtally_clickhouse.client import Store
from runtally_clickhouse.errors import StoreRefused
from runtally_clickhouse.location import StoreLocation
from runtally_clickhouse.migrations import migrate

Found = dict[str, Any]
AREAS = {
    "settings", "stack", "broker", "topics", "group", "lag", "store", "schema", "writes", "profile", "tables",
    "freshness", "services", "memory", "disk",
}  # fmt: skip


def _examined(environment: Mapping[str, str]) -> Found:
    done = subprocess.run(
        [*RUNTALLY, "doctor", "--json"], env=dict(environment), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == "", done.stderr
    document: Found = json.loads(done.stdout)
    assert done.returncode == (0 if document["ok"] else 1)
    return document


def _of(document: Found, area: str) -> list[Found]:
    return [finding for finding in document["findings"] if finding["area"] == area]


def _levels(document: Found, *areas: str) -> set[str]:
    return {finding["level"] for area in areas for finding in _of(document, area)}


@contextmanager
def _as_if_started_with(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalSettings]:
    for name, value in environment.items():
        if name.startswith("RUNTALLY_"):
            monkeypatch.setenv(name, value)
    yield LocalSettings()


def _post_runs(stack: RunningStack) -> None:
    run = {"workspace_id": "acme", "agent_id": "planner", "status": "succeeded", "started_at": "2026-11-01T00:00:00Z"}
    with stack.client() as client:
        answer = client.post(
            "/api/v1/runs", json=[run | {"run_id": f"r{n}"} for n in range(50)], headers={"Prefer": "wait=30"}
        )
    assert answer.status_code == 202, answer.text


def test_a_running_stack_is_healthy_and_its_memory_is_shown(running: RunningStack) -> None:
    _post_runs(running)

    def acknowledged() -> bool:
        return "ago" in _of(_examined(running.environment), "freshness")[0]["message"]

    eventually(acknowledged, 30, "a batch in the store")
    document = _examined(running.environment)

    assert document["ok"], document
    assert {finding["area"] for finding in document["findings"]} == AREAS
    assert document["counts"]["unknown"] == document["counts"]["error"] == 0, document
    assert "which runs on" in _of(document, "store")[0]["message"]
    broker, node = _of(document, "memory")
    assert "a million runs" in broker["message"]
    assert "node" in node["message"]
    assert len(_of(document, "services")) == 3
    assert "can be short" in _of(document, "lag")[0]["message"]


def test_people_read_lines(running: RunningStack) -> None:
    done = subprocess.run(
        [*RUNTALLY, "doctor"], env=dict(running.environment), capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "errors 0" in done.stdout.splitlines()[-1]
    assert " ok " in done.stdout


def test_a_shell_with_other_settings_is_told_so_and_still_answered(running: RunningStack) -> None:
    environment = {name: text for name, text in running.environment.items() if not name.endswith("_PORT")}

    document = _examined({**environment, "RUNTALLY_APIPORT": "1"})

    warnings = [finding["message"] for finding in _of(document, "settings")]
    assert any("RUNTALLY_APIPORT is read by nothing" in message for message in warnings)
    assert any("in the running stack" in message for message in warnings)
    assert _levels(document, "broker", "store", "services") == {"ok"}


def test_operations_run_in_the_process_that_holds_the_folder(
    running: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _as_if_started_with(running.environment, monkeypatch) as settings, store_access(settings) as access:
        facts = access.run("store_facts")

        assert str(owner_of(settings.data_dir)) in access.held_by
        assert (facts["embedded"], facts["missing"], facts["writes"]) == (True, {"value": []}, {"value": None})
        with pytest.raises(HeldElsewhere, match="another version"):
            access.run("unheard_of")


def test_the_routes_of_a_running_stack_want_the_token(running: RunningStack) -> None:
    announcement = read_announcement(Path(running.environment["RUNTALLY_DATA_DIR"]))
    assert announcement is not None
    headers = {"x-runtally-admin": announcement.token}

    assert httpx.post(f"{announcement.url}/store_facts", json={}).status_code == 403
    foreign = {**headers, "host": "runtally.example.com"}
    assert httpx.post(f"{announcement.url}/store_facts", json={}, headers=foreign).status_code == 403
    assert httpx.post(f"{announcement.url}/store_facts", json={}, headers=headers).status_code == 200
    # The door that other machines may reach has no such routes.
    assert httpx.post(f"{running.api_url}/admin/store_facts", json={}, headers=headers).status_code == 404


def test_where_nobody_holds_the_folder_the_command_opens_it_and_tells_the_same(tmp_path: Path) -> None:
    with local_stack(tmp_path) as stack:
        held = _examined(stack.environment)
        environment = stack.environment
    assert read_announcement(tmp_path) is None

    alone = _examined(environment)

    assert not alone["ok"]
    assert _levels(alone, "broker") == {"error"}
    assert _levels(alone, "topics", "group", "lag") == {"unknown"}
    assert _levels(alone, "store", "schema", "writes", "profile", "tables", "freshness", "ports") == {"ok"}
    assert "opened by this command" in _of(alone, "store")[0]["message"]
    for area in ("schema", "writes", "profile", "tables"):
        assert _of(alone, area) == _of(held, area)
    assert owner_of(tmp_path) is None


def test_where_there_is_nothing_yet_every_error_says_how_to_start(tmp_path: Path) -> None:
    document = _examined(free_ports(tmp_path / "data"))

    errors = [finding for finding in document["findings"] if finding["level"] == "error"]
    assert {finding["area"] for finding in errors} == {"broker", "store"}
    assert {finding["remedy"] for finding in errors} == {"`runtally up`"}
    assert not (tmp_path / "data").exists()


def test_servers_that_accept_and_say_nothing_cost_a_deadline(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        environment = {
            **free_ports(tmp_path),
            "RUNTALLY_KAFKA_BOOTSTRAP": f"127.0.0.1:{port}",
            "RUNTALLY_CLICKHOUSE_URL": f"http://user:secret@127.0.0.1:{port}/runtally",
            "RUNTALLY_API_PORT": str(port),
        }
        before = time.monotonic()
        document = _examined(environment)
        seconds = time.monotonic() - before

    assert seconds < 40
    assert _levels(document, "broker", "store") == {"error"}
    assert "secret" not in json.dumps(document)


@pytest.fixture
def server_environment(clickhouse: ClickHouseBackend, database: str, tmp_path: Path) -> dict[str, str]:
    url = clickhouse.url_of(database)
    if url is None:
        pytest.skip("there is no ClickHouse server: the embedded engine stands in for it")
    return {**free_ports(tmp_path), "RUNTALLY_CLICKHOUSE_URL": url, "RUNTALLY_KAFKA_BOOTSTRAP": "127.0.0.1:1"}


def test_a_server_is_asked_over_http(server_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    with _as_if_started_with(server_environment, monkeypatch) as settings, store_access(settings) as access:
        facts = access.run("store_facts", {"writes": False})

        assert access.held_by.startswith("ClickHouse at http://")
        assert facts["embedded"] is False
        assert len(facts["missing"]["value"]) >= 3
        assert facts["disks"]["value"]
        assert "writes" not in facts


def test_a_server_without_the_schema_and_then_with_it(server_environment: dict[str, str]) -> None:
    before = _examined(server_environment)
    assert _levels(before, "store", "writes", "disk") == {"ok"}, before
    (schema,) = _of(before, "schema")
    assert (schema["level"], schema["remedy"]) == ("error", "`runtally migrate`")

    store = Store(StoreLocation.server(server_environment["RUNTALLY_CLICKHOUSE_URL"]))
    migrate(store)
    store.command("RENAME TABLE dead_letters TO put_aside")
    store.command("CREATE TABLE dead_letters (topic String) ENGINE = MergeTree ORDER BY topic")
    store.close()

    reads = {"RUNTALLY_CLICKHOUSE_READ_URL": server_environment["RUNTALLY_CLICKHOUSE_URL"]}
    after = _examined({**server_environment, **reads})
    assert _levels(after, "store", "schema", "writes", "freshness") == {"ok"}
    assert any("reads: " in finding["message"] for finding in _of(after, "store"))
    (table,) = _of(after, "tables")
    assert (table["level"], "dead_letters" in table["message"]) == ("error", True)


def test_a_database_that_is_not_there_is_the_stores_error(
    server_environment: dict[str, str], unique: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server_environment["RUNTALLY_CLICKHOUSE_URL"].rpartition("/")[0]
    environment = {**server_environment, "RUNTALLY_CLICKHOUSE_URL": f"{url}/{unique('nowhere')}"}

    with (
        _as_if_started_with(environment, monkeypatch) as settings,
        store_access(settings) as access,
        pytest.raises(StoreRefused, match="UNKNOWN_DATABASE"),
    ):
        access.run("store_facts")
    (found,) = _of(_examined(environment), "store")
    assert (found["level"], "`runtally migrate`" in found["remedy"]) == ("error", True)


def test_a_wrong_password_is_told_without_it(server_environment: dict[str, str]) -> None:
    url = server_environment["RUNTALLY_CLICKHOUSE_URL"].replace("://", "://stranger:secret@")

    document = _examined({**server_environment, "RUNTALLY_CLICKHOUSE_URL": url})

    (found,) = _of(document, "store")
    assert (found["level"], "user and the password" in found["remedy"]) == ("error", True)
    assert "secret" not in json.dumps(document)

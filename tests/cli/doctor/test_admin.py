"""The admin routes: for commands of this machine that hold the token, named operations only."""

import asyncio
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from runtally_cli.local.admin import (
    OPERATIONS,
    TOKEN_HEADER,
    HeldElsewhere,
    NoStore,
    admin_app,
    announced,
    read_announcement,
    store_access,
)
from runtally_cli.local.settings import LocalSettings
from runtally_cli.local.stack import owned_folder
from runtally_clickhouse.client import Store
from runtally_clickhouse.errors import SchemaError, StoreRefused, StoreUnavailable
from runtally_clickhouse.location import StoreLocation

TOKEN = "the-token-of-this-start"
STORE = cast(Store, object())  # the operations here ask it nothing


def _echo(store: Store, parameters: Mapping[str, Any]) -> Any:
    assert store is STORE
    return {"given": dict(parameters)}


def _fails(store: Store, parameters: Mapping[str, Any]) -> Any:
    raise {
        "refused": StoreRefused("memory limit", 241),
        "away": StoreUnavailable("nobody there"),
        "schema": SchemaError("run migrate"),
        "value": ValueError("days must be a number"),
    }[parameters["how"]]


def _ask(
    path: str,
    *,
    peer: str = "127.0.0.1",
    host: str = "127.0.0.1:9464",
    headers: Mapping[str, str] | None = None,
    content: bytes = b"{}",
    method: str = "POST",
) -> httpx.Response:
    app = admin_app(STORE, TOKEN, {"echo": _echo, "fails": _fails})

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, client=(peer, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            given = {TOKEN_HEADER: TOKEN} if headers is None else headers
            encoded = [(name.encode(), text.encode()) for name, text in given.items()]
            return await client.request(method, path, content=content, headers=encoded)

    return asyncio.run(ask())


@pytest.mark.parametrize("host", ["127.0.0.1:9464", "localhost:9464", "[::1]:9464", "localhost"])
def test_a_command_of_this_machine_is_answered(host: str) -> None:
    answer = _ask("/echo", host=host, content=b'{"days": 3}')

    assert (answer.status_code, answer.json()) == (200, {"given": {"days": 3}})


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("10.0.0.7", "127.0.0.1:9464"),
        ("2001:db8::1", "localhost"),
        ("not-an-address", "localhost"),
        ("127.0.0.1", "runtally.example.com:9464"),
        ("127.0.0.1", "10.0.0.7:9464"),
    ],
)
def test_another_machine_or_a_name_that_was_bound_to_this_one_is_refused(peer: str, host: str) -> None:
    assert _ask("/echo", peer=peer, host=host).status_code == 403


def test_a_proxy_in_front_is_refused() -> None:
    assert _ask("/echo", headers={TOKEN_HEADER: TOKEN, "x-forwarded-for": "127.0.0.1"}).status_code == 403


@pytest.mark.parametrize("given", ["", "another", TOKEN + "x", "täken"])
def test_without_the_token_nothing_is_told_not_even_what_there_is(given: str) -> None:
    headers = {TOKEN_HEADER: given}

    assert _ask("/echo", headers=headers).status_code == 403
    assert _ask("/unheard-of", headers=headers).status_code == 403


def test_without_the_header_nothing_is_told() -> None:
    assert _ask("/echo", headers={}).status_code == 403


def test_only_named_operations_only_by_post() -> None:
    assert _ask("/unheard-of").status_code == 404
    assert _ask("/echo", method="GET").status_code == 405


@pytest.mark.parametrize("body", [b"", b"[]", b"SELECT 1", b'"SELECT 1"'])
def test_parameters_are_a_json_object(body: bytes) -> None:
    answer = _ask("/echo", content=body)

    assert (answer.status_code, answer.json()["kind"]) == (422, "ValueError")


@pytest.mark.parametrize(
    ("how", "status", "kind", "code"),
    [
        ("refused", 503, "StoreRefused", 241),
        ("away", 503, "StoreUnavailable", 0),
        ("schema", 503, "SchemaError", 0),
        ("value", 422, "ValueError", 0),
    ],
)
def test_what_an_operation_raises_is_told_by_its_name(how: str, status: int, kind: str, code: int) -> None:
    answer = _ask("/fails", content=json.dumps({"how": how}).encode())

    assert answer.status_code == status
    assert (answer.json()["kind"], answer.json()["code"]) == (kind, code)


def test_the_announcement_is_for_its_owner_only_new_each_time_and_gone_afterwards(tmp_path: Path) -> None:
    settings = LocalSettings(data_dir=tmp_path, consumer_port=1234)
    store = StoreLocation.server("http://reader:secret@ch:8123/db")
    with announced(settings, "127.0.0.1:9092", store) as first:
        path = tmp_path / "admin.json"
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert "secret" not in path.read_text()
        found = read_announcement(tmp_path)
        assert found is not None
        assert (found.url, found.token) == ("http://127.0.0.1:1234/admin", first)
    assert read_announcement(tmp_path) is None
    path.write_text(json.dumps({"url": "left by one that was killed"}))
    path.chmod(0o644)
    assert read_announcement(tmp_path) is None
    with announced(settings, "127.0.0.1:9092", store) as second:
        assert second != first
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_a_folder_without_a_store_gets_none(tmp_path: Path, no_variables: None) -> None:
    with pytest.raises(NoStore, match="runtally up"), store_access(LocalSettings(data_dir=tmp_path / "none")):
        pass
    assert not (tmp_path / "none").exists()


def test_a_process_that_holds_the_folder_and_does_not_answer_is_told(tmp_path: Path, no_variables: None) -> None:
    settings = LocalSettings(data_dir=tmp_path, consumer_port=1)
    with owned_folder(tmp_path):
        with store_access(settings) as access, pytest.raises(HeldElsewhere, match="starting, draining"):
            access.run("store_facts")
        with (
            announced(settings, "127.0.0.1:9092", StoreLocation.embedded(tmp_path)),
            store_access(settings) as access,
            pytest.raises(HeldElsewhere, match="does not answer"),
        ):
            access.run("store_facts")


def test_every_operation_has_a_name_that_a_path_can_have() -> None:
    assert all(name.isidentifier() for name in OPERATIONS)

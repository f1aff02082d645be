"""The audit log: who reads what of it, its pages, and that no act goes without its entry."""

from typing import Any

import pytest
from api.door import assert_problem
from api.identity.conftest import Guarded
from api.identity.signing import shared
from runtally_api.identity.audit import AuditTrail, Origin
from runtally_api.identity.caller import Caller
from runtally_clickhouse.audit_log import Act, AuditPage, Outcome, newest_entries
from runtally_clickhouse.errors import StoreUnavailable

ORIGIN = Origin("192.0.2.7", "request-1")
ANN = Caller("ann", "ann@example.com", frozenset(), frozenset({"acme"}))
QUERY = {"measures": ["runs"]}


def _export(guarded: Guarded, token: str | None = None) -> Any:
    headers = {"Authorization": f"Bearer {token or shared()}", "Accept": "text/csv"}
    return guarded.door.client.post("/api/v1/query", json=QUERY, headers=headers)


def test_an_export_is_recorded_and_a_question_is_not(guarded: Guarded) -> None:
    assert guarded.ask("POST", "/api/v1/query", json=QUERY).status_code == 200
    response = _export(guarded)
    assert response.status_code == 200
    (entry,) = guarded.ask("GET", "/api/v1/audit").json()["data"]
    assert (entry["act"], entry["outcome"], entry["actor"], entry["actor_email"]) == (
        "export",
        "done",
        "ann",
        "ann@example.com",
    )
    assert entry["workspaces"] == ["acme"]
    assert entry["request_id"] == response.headers["x-request-id"]
    assert entry["details"] == {"format": "text/csv", "measures": "runs"}


def test_an_act_whose_entry_cannot_be_written_is_not_done(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(table: str, rows: object) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr(guarded.door.app.state.parts.access.audit._writer, "insert", lost)
        assert_problem(_export(guarded), 503)
        body = {"name": "x", "permissions": ["ingest_runs"], "workspaces": ["acme"]}
        assert_problem(guarded.ask("POST", "/api/v1/keys", json=body), 503)
    assert guarded.ask("GET", "/api/v1/keys").json()["data"] == []


def test_an_act_that_fails_has_a_second_entry(guarded: Guarded) -> None:
    trail = AuditTrail(guarded.store, guarded.now)
    with pytest.raises(RuntimeError, match="no"), trail.around(ANN, Act.ERASE, ORIGIN, target="user 7"):
        raise RuntimeError("no")
    entries = newest_entries(guarded.store, AuditPage(None, 10))
    assert sorted(entry.outcome for entry in entries) == [Outcome.DONE, Outcome.FAILED]
    assert {entry.target for entry in entries} == {"user 7"}
    assert {entry.source_address for entry in entries} == {"192.0.2.7"}


def test_entries_are_of_the_readers_workspaces_alone(guarded: Guarded) -> None:
    trail = AuditTrail(guarded.store, guarded.now)
    for number, workspaces in enumerate((frozenset({"acme"}), frozenset({"acme", "beta"}), None, frozenset())):
        trail.record(ANN, Act.ERASE, ORIGIN, workspaces=workspaces, target=str(number))

    def targets(token: str) -> list[str]:
        data = guarded.ask("GET", "/api/v1/audit", token).json()["data"]
        return sorted(entry["target"] for entry in data)

    assert targets(shared()) == ["0"]
    assert targets(shared(workspaces=["acme", "beta", "other"])) == ["0", "1"]
    assert targets(shared(workspaces=None)) == []
    assert targets(shared(workspaces="*")) == ["0", "1", "2", "3"]
    assert_problem(guarded.ask("GET", "/api/v1/audit", shared(role="admin")), 403)


def test_pages_leave_nothing_out_and_show_nothing_twice(guarded: Guarded) -> None:
    trail = AuditTrail(guarded.store, lambda: now)
    now = guarded.now()
    for number in range(7):
        trail.record(
            ANN, Act.SIGN_IN if number % 2 else Act.ERASE, ORIGIN, workspaces=ANN.workspaces, target=str(number)
        )
    seen: list[str] = []
    parameters: dict[str, Any] = {"limit": 3}
    while True:
        page = guarded.ask("GET", "/api/v1/audit", params=parameters).json()
        seen += [entry["target"] for entry in page["data"]]
        assert page["has_more"] == (page["next_cursor"] is not None)
        if not page["has_more"]:
            break
        parameters["cursor"] = page["next_cursor"]
    assert sorted(seen) == list("0123456")
    found = guarded.ask("GET", "/api/v1/audit", params={"act": "sign_in", "actor": ["ann", "bob"]}).json()["data"]
    assert {entry["target"] for entry in found} == {"1", "3", "5"}
    assert guarded.ask("GET", "/api/v1/audit", params={"actor": "bob"}).json()["data"] == []


@pytest.mark.parametrize("cursor", ["", "x", "e30", "WzEsIDJd", "WyJhIiwgImIiXQ", "W10", "ezp9"])
def test_a_cursor_that_is_none_is_refused(guarded: Guarded, cursor: str) -> None:
    assert_problem(guarded.ask("GET", "/api/v1/audit", params={"cursor": cursor}), 422)


def test_what_cannot_be_written_is_replaced_and_what_is_long_is_cut(guarded: Guarded) -> None:
    AuditTrail(guarded.store, guarded.now).record(ANN, Act.ERASE, ORIGIN, target="\ud800" + "x" * 1000)
    (entry,) = newest_entries(guarded.store, AuditPage(None, 10))
    assert entry.target == "?" + "x" * 511

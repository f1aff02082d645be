"""Erasures through the API: who may ask for which, and what a job tells, before and after a consumer has done it."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from api.door import assert_problem
from api.identity.conftest import Guarded
from api.identity.signing import shared
from clickhouse.withdrawing_records import RUNS, run_message, visible, write
from runtally_clickhouse.erasing import Eraser, erasure_jobs
from runtally_clickhouse.withdrawals import user_hash

ERASURES = "/api/v1/erasures"


def _fill(guarded: Guarded) -> None:
    runs = [run_message("a", "user-77"), run_message("b", "bob"), run_message("c", "user-77", "beta")]
    write(guarded.store, RUNS, runs)


def _consume(guarded: Guarded) -> None:
    for job in erasure_jobs(guarded.store):
        Eraser(guarded.store, lambda: datetime.now(UTC)).finish(job)


def test_a_user_is_erased_in_the_workspaces_of_the_caller(guarded: Guarded) -> None:
    _fill(guarded)
    response = guarded.ask("POST", ERASURES, json={"user_id": "user-77"})
    assert response.status_code == 202, response.text
    job = response.json()
    assert (job["state"], job["workspaces"], job["whole_workspaces"]) == ("requested", ["acme"], False)
    assert (job["rows_before"]["agent_runs"], job["rows_after"]) == (1, None)
    _consume(guarded)
    done = guarded.ask("GET", f"{ERASURES}/{job['id']}").json()
    assert (done["state"], done["rows_before"]["agent_runs"], set(done["rows_after"].values())) == ("done", 1, {0})
    assert guarded.ask("GET", ERASURES).json() == {"data": [done], "has_more": False}
    assert visible(guarded.store) == [("acme", "b", "bob"), ("beta", "c", "user-77")]
    entry = guarded.ask("GET", "/api/v1/audit").json()["data"][0]
    assert (entry["act"], entry["target"], entry["outcome"]) == ("erase", f"erasure:{job['id']}", "done")
    assert "user-77" not in str(guarded.store.unmerged("SELECT * FROM erasures"))


def test_a_workspace_is_erased_as_a_whole(guarded: Guarded) -> None:
    _fill(guarded)
    job = guarded.ask("POST", ERASURES, json={"workspace_id": "acme"}).json()
    assert (job["whole_workspaces"], job["rows_before"]["agent_runs"]) == (True, 2)
    _consume(guarded)
    assert visible(guarded.store) == [("beta", "c", "user-77")]


def test_foreign_workspaces_and_jobs_are_not_there(guarded: Guarded) -> None:
    _fill(guarded)
    theirs = shared(workspaces=["beta"])
    for body in ({"workspace_id": "beta"}, {"workspace_id": "beta", "user_id": "user-77"}, {"workspace_id": "none"}):
        assert_problem(guarded.ask("POST", ERASURES, json=body), 404)
    assert erasure_jobs(guarded.store) == []
    job = guarded.ask("POST", ERASURES, theirs, json={"user_id": "user-77"}).json()
    assert_problem(guarded.ask("GET", f"{ERASURES}/{job['id']}"), 404)
    assert_problem(guarded.ask("GET", f"{ERASURES}/nonsense"), 404)
    assert guarded.ask("GET", ERASURES).json()["data"] == []
    assert guarded.ask("GET", f"{ERASURES}/{job['id']}", theirs).json()["workspaces"] == ["beta"]


@pytest.mark.parametrize("role", ["admin", "member", "viewer"])
def test_only_who_may_erase_is_heard(guarded: Guarded, role: str) -> None:
    token = shared(role=role)
    assert_problem(guarded.ask("POST", ERASURES, token, json={"user_id": "user-77"}), 403)
    assert_problem(guarded.ask("GET", ERASURES, token), 403)
    assert erasure_jobs(guarded.store) == []


def test_a_request_that_names_nothing_or_too_much_is_refused(guarded: Guarded) -> None:
    for body in ({}, {"user_id": ""}, {"user_id": "x" * 257}, {"user_id": "user-77", "everything": True}):
        assert_problem(guarded.ask("POST", ERASURES, json=body), 422)
    assert erasure_jobs(guarded.store) == []


def test_a_request_that_is_sent_twice_at_once_is_one_job(guarded: Guarded) -> None:
    ids = {guarded.ask("POST", ERASURES, json={"user_id": "user-77"}).json()["id"] for _ in range(2)}
    jobs = erasure_jobs(guarded.store)
    assert {str(job.id) for job in jobs} == ids
    assert all(job.subject.user_hash == user_hash("user-77") and isinstance(job.id, UUID) for job in jobs)

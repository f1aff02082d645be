"""Erasures and retention as named operations: they run in whichever process holds the store."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from runtally_clickhouse.audit_log import Act
from runtally_clickhouse.client import Store
from runtally_clickhouse.erasing import Eraser, ErasureJob, ErasurePlan, erasure_jobs, plan_erasure, request_erasure
from runtally_clickhouse.retention import apply_horizons, horizon_of_age, months_before, set_horizons

from runtally_cli.access.person import caller_of, recorded


def erasure_counts(store: Store, parameters: Mapping[str, Any]) -> dict[str, int]:
    """How many rows an erasure of `user_hash` in `workspaces` would be about. Raises `StoreError`, `ValueError`."""
    return dict(_plan(store, parameters, datetime.now(UTC)).counts)


def erasure_request(store: Store, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Put an erasure on the list, for good, and return its job. Raises as `erasure_counts`."""
    now = datetime.now(UTC)
    plan = _plan(store, parameters, now)
    id, about = uuid4(), frozenset(plan.subject.workspaces) or None
    with recorded(store, parameters, Act.ERASE, workspaces=about, target=f"erasure:{id}"):
        return _told(request_erasure(store, id, plan, caller_of(parameters).subject, now))


def erasure_step(store: Store, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Do a piece of the job `id`, and return it. Raises as `erasure_counts`."""
    found = erasure_jobs(store, [UUID(str(parameters["id"]))])
    if not found:
        raise ValueError(f"no erasure {parameters['id']}")
    return _told(found[0] if found[0].is_over else Eraser(store).step(found[0]))


def retention_plan(store: Store, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What `tables` hold of months that are older than `days`. Raises as `erasure_counts`."""
    before = horizon_of_age(int(parameters["days"]), datetime.now(UTC))
    months = months_before(store, [str(table) for table in parameters["tables"]], before)
    return {"before": before.isoformat(), "months": [asdict(one) for one in months]}


def retention_apply(store: Store, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Drop the months of `tables` that began `before`, for good; returns those that are gone.

    A consumer that reads the horizon at once may be the one who drops them. Raises as `erasure_counts`.
    """
    before, now = datetime.fromisoformat(str(parameters["before"])), datetime.now(UTC)
    tables = [str(table) for table in parameters["tables"]]
    details = {"tables": " ".join(tables), "before": before.isoformat()}
    with recorded(store, parameters, Act.RETENTION, workspaces=None, target="retention", details=details):
        found = months_before(store, tables, before)
        set_horizons(store, tables, before, now)
        apply_horizons(store, now)
        kept = {(one.event_table, one.month) for one in months_before(store, tables, before)}
        return [asdict(one) for one in found if (one.event_table, one.month) not in kept]


def _plan(store: Store, parameters: Mapping[str, Any], now: datetime) -> ErasurePlan:
    workspaces = [str(one) for one in parameters.get("workspaces", ())]
    return plan_erasure(store, workspaces, str(parameters.get("user_hash", "")), now)


def _told(job: ErasureJob) -> dict[str, Any]:
    return {
        "id": str(job.id),
        "state": job.state,
        "is_over": job.is_over,
        "counts_before": dict(job.counts_before),
        "counts_after": dict(job.counts_after),
        "reason": job.reason,
    }

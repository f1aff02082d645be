"""Records that go through the consumer's own writer into a store that knows what is gone for good."""

import asyncio
import json
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from clickhouse.runs import scope
from consumer.fakes import FakeDeadLetterTopic
from consumer.samples import StoredRecord
from runtally.identity import derive_uuid7
from runtally_clickhouse.client import Store
from runtally_clickhouse.erasing import DONE, Eraser, ErasureJob, plan_erasure, request_erasure
from runtally_clickhouse.measures.cell_questions import CellQuestion, ask_cells
from runtally_clickhouse.measures.composition import Limits
from runtally_clickhouse.withdrawals import user_hash
from runtally_consumer.decoding.versions import run_version
from runtally_consumer.records import Batch, Partition, Slice
from runtally_consumer.withdrawals_keeping import StoredWithdrawals
from runtally_consumer.writing import BatchWriter, Written

RUNS, FEEDBACK = "agent-runs.v1", "agent-feedback.v1"
LIFECYCLE, ACTIVITY = "agent-lifecycle.v1", "user-activity.v1"
BEFORE = datetime(2026, 11, 20, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


def run_message(run_id: str, user: str = "", workspace: str = "acme", **fields: Any) -> bytes:
    """A snapshot of a run."""
    given = {
        "run_id": run_id,
        "workspace_id": workspace,
        "agent_id": "planner",
        "status": "succeeded",
        "user_id": user,
        "started_at": "2026-11-20T09:00:00Z",
        "updated_at": "2026-11-20T09:01:00Z",
        **fields,
    }
    return json.dumps(given).encode()


def event_message(topic: str, id: str, user: str, workspace: str = "acme", at: str = "2026-11-20T09:00:00Z") -> bytes:
    """An event of one of the other topics, by or about a user."""
    fields: dict[str, dict[str, object]] = {
        FEEDBACK: {"feedback_id": id, "run_id": "r", "agent_id": "a", "user_id": user, "rating": 5, "created_at": at},
        LIFECYCLE: {"event_id": id, "agent_id": "a", "to_state": "on", "actor": user, "at": at},
        ACTIVITY: {"event_id": id, "user_id": user, "event_name": "login", "at": at},
    }
    return json.dumps({"workspace_id": workspace, **fields[topic]}).encode()


def write(store: Store, topic: str, values: Sequence[bytes], first: int = 0) -> Written:
    """As the consumer does."""
    return asyncio.run(writer(store).write(batch(topic, values, first)))


def batch(topic: str, values: Sequence[bytes], first: int = 0) -> Batch:
    records = tuple(StoredRecord(first + at, value) for at, value in enumerate(values))
    return Batch(1, 1, topic, (Slice(Partition(topic, 0), 1, records),), 0)


def writer(store: Store) -> BatchWriter:
    return BatchWriter(
        store, FakeDeadLetterTopic(), "cluster", lambda: NOW, time.monotonic, withdrawn=StoredWithdrawals(store)
    )


def request(store: Store, user: str = "", *workspaces: str, now: datetime = NOW, number: int = 1) -> ErasureJob:
    """Put an erasure on the list."""
    plan = plan_erasure(store, workspaces, user_hash(user) if user else "", now)
    return request_erasure(store, UUID(int=number), plan, "tester", now)


def erase(store: Store, user: str = "", *workspaces: str, number: int = 1) -> ErasureJob:
    """Request an erasure, and do it."""
    job = Eraser(store, lambda: NOW).finish(request(store, user, *workspaces, number=number))
    assert job.state == DONE, job.reason
    return job


def visible(store: Store, table: str = "agent_runs", sign: str = "agent_id") -> list[tuple[str, str, str]]:
    """What answers can see: workspace, given id and user, in order."""
    names = {"agent_runs": ("external_id", "user_id"), "agent_lifecycle": ("event_id", "actor")}
    given, user = names.get(table, (f"{'feedback' if 'feedback' in table else 'event'}_id", "user_id"))
    rows = store.query(
        f"SELECT workspace_id, {given} AS given, {user} AS user FROM {table} FINAL WHERE {sign} != '' ORDER BY ALL", {}
    )
    return [(row["workspace_id"], row["given"], row["user"]) for row in rows]


def drawn_snapshots(draw: random.Random, many: int) -> list[dict[str, Any]]:
    """Snapshots of a few runs whose users differ from one to the next."""
    return [
        {
            "run_id": f"run-{draw.randrange(12)}",
            "workspace": draw.choice(["acme", "beta"]),
            "user": draw.choice(["", "ann", "bob", "bøb"]),
            "status": draw.choice(["queued", "running", "succeeded"]),
            "updated_at": f"2026-11-20T09:{draw.randrange(60):02d}:00Z",
            "deleted": draw.random() < 0.05,
        }
        for _ in range(many)
    ]


def expected_runs(messages: Sequence[bytes], erased_users: Sequence[str]) -> list[tuple[str, str, str]]:
    """By the contract's order: the newest snapshot decides, and is not seen if it is deleted or names one erased."""
    newest: dict[UUID, tuple[int, dict[str, Any]]] = {}
    for value in messages:
        one = json.loads(value)
        key = derive_uuid7(one["workspace_id"], one["run_id"], datetime.fromisoformat(one["started_at"]))
        updated = datetime.fromisoformat(one["updated_at"])
        version = run_version(one["status"], one.get("deleted", False), updated, value)
        newest[key] = max(newest.get(key, (-1, one)), (version, one), key=lambda item: item[0])
    return sorted(
        (one["workspace_id"], one["run_id"], one["user_id"])
        for _, one in newest.values()
        if not one.get("deleted") and one["user_id"] not in erased_users
    )


def runs_in_answers(store: Store) -> int:
    """By the rollups where these are up to date."""
    month = replace(scope(), start=datetime(2026, 11, 1, tzinfo=UTC), end=datetime(2026, 12, 1, tzinfo=UTC))
    (totals,) = ask_cells(store, CellQuestion.RUN_TOTALS, month, Limits(2**30, 1000))
    return int(totals["messages"])

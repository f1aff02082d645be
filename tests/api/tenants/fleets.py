"""Two tenants whose every text says whose it is, so that a byte of one in an answer to the other is seen."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
from api.asgi_client import running
from api.door import NOW, StoringPublisher, Whoever, build_app
from clickhouse.rolling_up import mark, refresh
from fastapi import FastAPI
from runtally.events import AgentLifecycle, Event, RunFeedback, RunSnapshot, UserActivity
from runtally_api.identity.access_parts import make_access
from runtally_api.identity.caller import Caller
from runtally_api.identity.permissions import GRANTED, Permission, Role
from runtally_api.identity.settings import IdentitySettings
from runtally_clickhouse.api_keys import StoredKey, add_key
from runtally_clickhouse.audit_log import Act, AuditEntry, Outcome, write_entry
from runtally_clickhouse.client import Store

MINE: Final = "zqmine"
THEIRS: Final = "zqtheirs"
_SAID_BY_RUNS: Final = (
    *("agent_id", "agent_name", "provider", "model", "agent_version", "environment", "trigger", "user_id"),
    *("session_id", "trace_id", "price_version", "error_type", "error_severity", "error_category", "error_message"),
)
_ENDED: Final = ("succeeded", "failed", "timed_out", "running")


def text(tenant: str, field: str, number: int = 0) -> str:
    """What a tenant's field of that name says."""
    return f"{tenant}-{field}-{number}"


def workspace(tenant: str) -> str:
    return text(tenant, "workspace_id")


def run(tenant: str, number: int, started_at: datetime) -> RunSnapshot:
    """A run with a text of the tenant's in every field that takes one."""
    fields: dict[str, Any] = {name: text(tenant, name, number % 2) for name in _SAID_BY_RUNS}
    return RunSnapshot.model_validate(
        {
            **fields,
            "run_id": text(tenant, "run_id", number),
            "parent_run_id": text(tenant, "run_id") if number % 3 else "",
            "workspace_id": workspace(tenant),
            "status": _ENDED[number % 4],
            "started_at": started_at,
            "updated_at": started_at + timedelta(seconds=number),
            "handed_off_at": started_at + timedelta(seconds=1) if number % 2 else None,
            "duration_ms": 1000 * number + 7,
            "queue_ms": number,
            "input_tokens": 10 * number,
            "output_tokens": number,
            "cost_usd": f"0.{number + 1}",
            "retries": number,
            "tags": {text(tenant, "tag"): text(tenant, "tag_value")},
        }
    )


def events(tenant: str, starts: Sequence[datetime]) -> list[Event]:
    """Runs that began then, and one event of each other kind, of feedback two."""
    where = {name: text(tenant, name) for name in ("agent_id", "user_id", "session_id", "run_id")}
    where |= {"workspace_id": workspace(tenant)}
    said = {name: text(tenant, name) for name in ("comment", "category", "sentiment", "reason", "actor", "event_name")}
    said |= {"from_state": "idle", "to_state": text(tenant, "state")}
    given = {**where, **said, "feedback_id": text(tenant, "feedback"), "event_id": text(tenant, "event"), "rating": 4}
    given |= {"created_at": starts[0], "at": starts[0], "properties": {text(tenant, "property"): text(tenant, "value")}}
    others = [
        model.model_validate({name: value for name, value in given.items() if name in model.model_fields})
        for model in (RunFeedback, AgentLifecycle, UserActivity)
    ]
    again = RunFeedback.model_validate({**others[0].model_dump(), "feedback_id": text(tenant, "feedback", 1)})
    return [*(run(tenant, number, start) for number, start in enumerate(starts)), *others, again]


def fill(store: Store, *tenants: str) -> None:
    """The tenants' events. Theirs began at the times of mine, and long before and after as well; some is rolled up."""
    near = [NOW - timedelta(hours=5 * number) for number in range(8)]
    far = [datetime(2025, 2, 3, tzinfo=UTC), datetime(2026, 12, 24, tzinfo=UTC)]
    publisher = StoringPublisher(store)
    for tenant in tenants:
        for event in events(tenant, near + far if tenant == THEIRS else near):
            _publish(publisher, event)
        for number in range(2):
            _remember(store, tenant, number)
    publisher.acknowledge("agent-runs.v1", 0, 99)
    draw = random.Random(7)
    mark(store, [int(start.timestamp() * 1000) for start in near[2:]], draw)
    refresh(store, draw)


def _remember(store: Store, tenant: str, number: int) -> None:
    """A key, and an entry of the audit log."""
    where, name = frozenset({workspace(tenant)}), text(tenant, "key", number)
    ingest = frozenset({Permission.INGEST_RUNS.value})
    add_key(store, StoredKey(name, text(tenant, "name"), ingest, where, text(tenant, "actor"), NOW, None), name)
    act = AuditEntry(
        act=Act.ERASE,
        outcome=Outcome.DONE,
        actor=text(tenant, "actor"),
        recorded_at=NOW - timedelta(hours=1),
        workspaces=where,
        target=text(tenant, "target"),
        entry_id=text(tenant, "entry", number),
    )
    write_entry(store, act)


def _publish(publisher: StoringPublisher, event: Event) -> None:
    try:
        publisher.publish([event]).send(None)
    except StopIteration:
        return
    raise AssertionError("the publisher of the tests waits for nothing")


def caller(role: Role = Role.OWNER, *tenants: str) -> Caller:
    """Somebody of these tenants."""
    name = f"{role}-of-{'-and-'.join(tenants)}"
    return Caller(name, f"{name}@example.com", GRANTED[role], frozenset(workspace(tenant) for tenant in tenants))


@contextmanager
def asking(
    store: Store, access_store: Store | None = None
) -> Iterator[tuple[FastAPI, httpx.Client, Callable[[Caller], None]]]:
    """The application over a store that no more runs are written to, its client, and who asks from now on.

    `access_store` takes keys and the audit log, where the other takes no writes.
    """
    publisher, door = StoringPublisher(store, late=True), Whoever(caller())
    app = build_app(store, publisher, [], door, make_access(IdentitySettings(), access_store or store, lambda: NOW))

    def ask_as(who: Caller) -> None:
        door.who = who

    with running(app) as client:
        yield app, client, ask_as

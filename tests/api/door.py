"""The application as its users meet it, on 21 November 2026, with a publisher that is its own consumer."""

from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pyarrow as pa
from api.asgi_client import running
from fastapi import FastAPI
from runtally.events import Event
from runtally_api.answer_cache import AnswerCache
from runtally_api.app import make_app
from runtally_api.dependencies import ApiParts
from runtally_api.identity.access_parts import AccessParts, make_access
from runtally_api.identity.authentication import Authenticator, OpenDoor
from runtally_api.identity.caller import Caller
from runtally_api.identity.settings import IdentitySettings
from runtally_api.problems import Unauthorized
from runtally_api.publishing import Published, Publisher, PublishFailed, Record
from runtally_api.settings import ApiSettings
from runtally_clickhouse.client import Store
from runtally_consumer.decoding import DECODERS

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
STREAM = "test-cluster"


def nothing_kept() -> None:
    """What a plain store has to forget."""


@dataclass
class StoringPublisher:
    """Decodes and inserts what is published, as the consumer would. `lost` and `late` are the brokers' bad days."""

    store: Store
    lost: bool = False
    late: bool = False
    not_ready: str | None = None
    closed: str | None = None
    signs: bool = False
    published: list[Event] = field(default_factory=list)
    republished: list[Record] = field(default_factory=list)

    async def publish(self, events: Sequence[Event]) -> Published | None:
        if self.lost:
            raise PublishFailed("KafkaTimeoutError: no broker")
        topic, first = events[0].topic, len(self.published)
        self.published += events
        if not self.late:
            decoder = DECODERS[topic]
            decoded = decoder.decode([event.message_value() for event in events])
            assert not decoded.rejected, "the door let a bad event through"
            self.store.insert(decoder.table, decoded.table)
            self.acknowledge(topic, first, len(self.published) - 1)
        return Published(STREAM, topic, {0: range(first, len(self.published))})

    async def republish(self, records: Sequence[Record]) -> None:
        if self.lost:
            raise PublishFailed("KafkaTimeoutError: no broker")
        self.republished += records
        for topic in sorted({record.topic for record in records}):
            decoded = DECODERS[topic].decode([record.value for record in records if record.topic == topic])
            assert not decoded.rejected, "the door let a bad record through"
            self.store.insert(DECODERS[topic].table, decoded.table)

    def closed_because(self) -> str | None:
        return self.closed

    def not_ready_reason(self) -> str | None:
        return self.not_ready

    def acknowledge(self, topic: str, first: int, last: int, at: datetime = NOW) -> None:
        """Write the ledger row for a range of offsets."""
        row = {
            "stream": STREAM,
            "topic": topic,
            "partition": 0,
            "first_offset": first,
            "last_offset": last,
            "accepted": last - first + 1,
            "dead": 0,
            "acknowledged_at": at,
        }
        types = [pa.string(), pa.string(), pa.uint32(), pa.uint64(), pa.uint64(), pa.uint32(), pa.uint32()]
        schema = pa.schema(list(zip(row, [*types, pa.timestamp("us", "UTC")], strict=True)))
        self.store.insert("ingest_ledger", pa.Table.from_pylist([row], schema))


@dataclass
class Door:
    """A running application. `now` is its clock."""

    client: httpx.Client
    publisher: StoringPublisher
    app: FastAPI
    now: datetime = NOW

    def reset(self) -> "Door":
        self.now, self.publisher.not_ready = NOW, None
        self.publisher.lost = self.publisher.late = False
        self.publisher.closed, self.publisher.signs = None, False
        self.publisher.published.clear()
        self.publisher.republished.clear()
        return self

    def post(self, *runs: dict[str, Any]) -> dict[str, Any]:
        """Post runs that must all be accepted."""
        response = self.client.post("/api/v1/runs", json=list(runs))
        assert response.status_code == 202, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def get(self, path: str, **parameters: Any) -> Any:
        """The answer to a GET that must succeed."""
        response = self.client.get(path, params=parameters)
        assert response.status_code == 200, response.text
        return response.json()


def build_app(
    store: Store,
    publisher: Publisher,
    door: list[Door],
    authenticator: Authenticator | None = None,
    access: AccessParts | None = None,
    settings: ApiSettings | None = None,
) -> FastAPI:
    """The application as composed for production, with a publisher and a clock of the test's."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        readiness = (publisher.not_ready_reason,)
        with ThreadPoolExecutor(2) as pool:
            app.state.parts = ApiParts(
                settings or ApiSettings(),
                store,
                publisher,
                readiness,
                lambda: door[0].now if door else NOW,
                AnswerCache(2**20),
                pool,
                authenticator=authenticator or OpenDoor(),
                access=access or make_access(IdentitySettings(), store, lambda: NOW),
            )
            yield

    return make_app(lifespan, settings or ApiSettings())


class Whoever:
    """Knows every request's caller without looking at it: whom the test says, or nobody."""

    is_open = False

    def __init__(self, who: Caller | None = None) -> None:
        self.who = who

    async def caller(self, authorization: str | None) -> Caller:
        if self.who is None:
            raise Unauthorized
        return self.who


@contextmanager
def open_door(
    store: Store, authenticator: Authenticator | None = None, access: AccessParts | None = None
) -> Iterator[Door]:
    """The application over a store, until the end of the block; open unless told how callers are known."""
    publisher = StoringPublisher(store)
    doors: list[Door] = []
    app = build_app(store, publisher, doors, authenticator, access)
    with running(app) as client:
        doors.append(Door(client, publisher, app))
        yield doors[0]


def run(run_id: str = "run-1", **fields: Any) -> dict[str, Any]:
    """A snapshot with what is required, and more."""
    return {
        "run_id": run_id,
        "workspace_id": "acme",
        "agent_id": "planner",
        "status": "succeeded",
        "started_at": "2026-11-21T09:00:00.123Z",
        "updated_at": "2026-11-21T09:00:02.000001Z",
        **fields,
    }


def assert_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """Every error has the same shape."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["type"].startswith("/problems/")
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == response.headers["x-request-id"]
    assert all(error["message"] and error["remedy"] for error in problem["errors"])
    return problem

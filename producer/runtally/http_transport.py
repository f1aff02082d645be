"""Delivery over HTTP to `POST /api/v1/runs` and its neighbours, for agents that cannot reach Kafka."""

import asyncio
import http.client
import json
import queue
import ssl
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from runtally.settings import InvalidSettings
from runtally.transport import Receipt, Record, Refusal, TransportUnavailable

PATHS = {
    "agent-runs.v1": "/api/v1/runs",
    "agent-feedback.v1": "/api/v1/feedback",
    "agent-lifecycle.v1": "/api/v1/lifecycle",
    "user-activity.v1": "/api/v1/activity",
}
_MOST_ITEMS = 10_000
_MOST_BYTES = 8 * 1024 * 1024
_MOST_ANSWER_BYTES = 16 * 1024 * 1024
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    retry_after: float
    body: bytes


class HttpTransport:
    """Posts records as NDJSON over one kept connection, in a daemon thread: the loop never waits."""

    def __init__(self, url: str, *, token: str = "", ca_file: str = "", timeout_seconds: float = 10.0) -> None:
        """Raises `InvalidSettings` for an address that cannot be one; connects to nothing."""
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise InvalidSettings(f"RUNTALLY_API_URL is '{url}': {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidSettings(f"RUNTALLY_API_URL is '{url}': set an address such as http://127.0.0.1:8000")
        self._host, self._port, self._prefix = parts.hostname, port, parts.path.rstrip("/")
        self._secure = parts.scheme == "https"
        self._ca_file = ca_file
        self._timeout = timeout_seconds
        self._headers = {"Content-Type": "application/x-ndjson", "User-Agent": "runtally-emitter"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._connection: http.client.HTTPConnection | None = None
        self._worker: _Worker | None = None

    async def send(self, records: Sequence[Record]) -> Receipt:
        refused: list[Refusal] = []
        undelivered: list[Record] = []
        reason, pause = "", 0.0
        for topic, body in _bodies(records):
            try:
                refused += await self._post_all(topic, body)
            except TransportUnavailable as error:
                reason, pause = error.reason, max(pause, error.retry_after)
                undelivered += body
        if len(undelivered) == len(records):
            raise TransportUnavailable(reason, pause)
        return Receipt(refused, undelivered, reason)

    async def close(self) -> None:
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def after_fork(self) -> None:
        # Without the client's own close: over TLS that would say goodbye on the parent's connection.
        self._connection = self._worker = None

    async def _post_all(self, topic: str, records: Sequence[Record]) -> list[Refusal]:
        """Post, and halve where the answer is about the body as a whole, until it is about one record."""
        answer = await self._in_worker(lambda: self._post(topic, records))
        if answer.status in (200, 201, 202):
            return []
        if answer.status == 422:
            return _refusals(records, answer)
        if answer.status in (400, 413):
            if len(records) == 1:
                return [Refusal(records[0], f"the API answered {answer.status}: {_detail(answer)}")]
            middle = len(records) // 2
            return await self._post_all(topic, records[:middle]) + await self._post_all(topic, records[middle:])
        raise TransportUnavailable(f"the API answered {answer.status}: {_detail(answer)}", answer.retry_after)

    async def _in_worker(self, job: Callable[[], T]) -> T:
        if self._worker is None:
            self._worker = _Worker()
        try:
            return await asyncio.wrap_future(self._worker.submit(job))
        except (OSError, http.client.HTTPException) as error:
            raise TransportUnavailable(f"{type(error).__name__}: {error}".rstrip(": ")) from error

    def _post(self, topic: str, records: Sequence[Record]) -> _Answer:
        body = b"\n".join(record.value for record in records)
        fresh = self._connection is None
        try:
            return self._exchange(topic, body)
        except (OSError, http.client.HTTPException):
            if fresh:
                raise
        # A kept connection that the server has closed in the meantime: once more on a new one.
        return self._exchange(topic, body)

    def _exchange(self, topic: str, body: bytes) -> _Answer:
        connection = self._connection or self._connect()
        self._connection = connection
        try:
            connection.request("POST", self._prefix + PATHS[topic], body=body, headers=self._headers)
            response = connection.getresponse()
            answer = _Answer(
                response.status,
                _seconds(response.getheader("Retry-After")),
                response.read(_MOST_ANSWER_BYTES),
            )
            if response.will_close or not response.isclosed():
                self._drop_connection()
        except BaseException:
            self._drop_connection()
            raise
        return answer

    def _connect(self) -> http.client.HTTPConnection:
        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        context = ssl.create_default_context(cafile=self._ca_file or None)
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=context)

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _Worker:
    """One daemon thread that runs jobs in turn.

    (`ThreadPoolExecutor` refuses work while the interpreter exits, just when the last messages have to go.)
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="runtally-http", daemon=True).start()

    def submit(self, job: Callable[[], T]) -> "Future[T]":
        future: Future[T] = Future()

        def run() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(job())
                except BaseException as error:
                    future.set_exception(error)

        self._jobs.put(run)
        return future

    def stop(self) -> None:
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _bodies(records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    by_topic: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_topic[record.topic].append(record)
    bodies = []
    for topic, held in by_topic.items():
        body: list[Record] = []
        size = 0
        for record in held:
            if body and (len(body) >= _MOST_ITEMS or size + len(record.value) > _MOST_BYTES):
                bodies.append((topic, body))
                body, size = [], 0
            body.append(record)
            size += len(record.value) + 1
        bodies.append((topic, body))
    return bodies


def _refusals(records: Sequence[Record], answer: _Answer) -> list[Refusal]:
    """The records that the API rejected; it has taken the others."""
    try:
        errors = json.loads(answer.body)["errors"]
        reasons = {
            int(error["index"]): f"{error.get('field', '')} {error.get('message', '')}".strip() for error in errors
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TransportUnavailable(f"the API answered 422 without saying which: {_detail(answer)}") from error
    return [Refusal(records[index], reason) for index, reason in reasons.items() if 0 <= index < len(records)]


def _detail(answer: _Answer) -> str:
    try:
        problem = json.loads(answer.body)
        return str(problem.get("detail") or problem.get("title") or "")[:200]
    except (ValueError, AttributeError):
        return answer.body[:100].decode("utf-8", "replace")


def _seconds(header: str | None) -> float:
    try:
        return max(float(header or 0), 0.0)
    except ValueError:
        return 0.0

"""Where the time of a request goes: what `Server-Timing` tells."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Protocol

from fastapi.routing import APIRoute
from runtally_clickhouse.client import Reader, Row


class RequestTimes:
    """The time of one request, from its making: `total`, and its parts, which add up to it. For any number of threads.

    `store` is while at least one read was under way (they go out together), `encode` from the answer's composition to
    its first byte, `compose` all else.
    """

    def __init__(self, monotonic: Callable[[], float] = time.perf_counter) -> None:
        self._monotonic = monotonic
        self._began = monotonic()
        self._lock = threading.Lock()
        self._reads = self._under_way = 0
        self._busy_since = self._store_seconds = 0.0
        self._composed_at: float | None = None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Around a read of the store."""
        with self._lock:
            self._reads += 1
            self._under_way += 1
            if self._under_way == 1:
                self._busy_since = self._monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1
                if not self._under_way:
                    self._store_seconds += self._monotonic() - self._busy_since

    def composed(self) -> None:
        """What is to be said is there; what follows is to write it out. Only the first call counts."""
        if self._composed_at is None:
            self._composed_at = self._monotonic()

    def header(self) -> str:
        """The value of `Server-Timing`, in milliseconds, as of now; a request that read nothing has no `store`."""
        now = self._monotonic()
        total = now - self._began
        found = {"total": total}
        if self._reads:
            found["store"] = self._store_seconds
        if self._composed_at is not None:
            encode = now - self._composed_at
            found |= {"compose": max(0.0, total - self._store_seconds - encode), "encode": encode}
        return ", ".join(f"{name};dur={seconds * 1000:.1f}" for name, seconds in found.items())


class TimedReader:
    """A reader whose reads count as the store's part of a request."""

    def __init__(self, reader: Reader, times: RequestTimes) -> None:
        self._reader = reader
        self._times = times

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        with self._times.reading():
            return self._reader.query(sql, parameters)


class Timed(Protocol):
    """What an endpoint is given that knows the request's times."""

    @property
    def times(self) -> RequestTimes | None: ...


class TimedRoute(APIRoute):
    """A route whose endpoint, where it takes `parts`, tells when its answer is composed."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint if iscoroutinefunction(endpoint) else _telling(endpoint), **options)


def _telling(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(endpoint)
    def tell(**values: Any) -> Any:
        answer = endpoint(**values)
        parts: Timed | None = values.get("parts")
        if parts is not None and parts.times is not None:
            parts.times.composed()
        return answer

    return tell

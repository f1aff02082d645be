"""How often a caller may ask one route: counted by the `limits` library, in this process or in Redis.

The headers are those of draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy: "read";q=30000;w=60` and
`RateLimit: "read";r=29999;t=12`.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from limits import RateLimitItemPerMinute
from limits.errors import ConfigurationError
from limits.storage import MemoryStorage, Storage, storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.concurrency import run_in_threadpool

WINDOW_SECONDS: Final = 60
IN_MEMORY: Final = "memory://"
# Everybody may still ask while the counters are away: they guard what is fair, not what is allowed.
_RETRY_SECONDS: Final = 5.0
_PATIENCE_SECONDS: Final = 0.5
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rate:
    """What is left of a quota, after this request."""

    policy: str
    quota: int
    remaining: int
    reset_seconds: int
    is_exceeded: bool = False

    def headers(self) -> dict[str, str]:
        """What the answer says of it."""
        found = {
            "RateLimit-Policy": f'"{self.policy}";q={self.quota};w={WINDOW_SECONDS}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.reset_seconds}',
        }
        return found | ({"Retry-After": str(max(1, self.reset_seconds))} if self.is_exceeded else {})


class NoRateStorage(RuntimeError):
    """Nothing can count at the address given. The message is ready to be shown to a person, and holds no password."""


class RateCounters:
    """Counts requests by policy, caller and route. For any number of tasks of one event loop.

    Making one connects to nothing; raises `NoRateStorage` for what no installed package can speak to.
    """

    def __init__(self, storage_url: str = IN_MEMORY, clock: Callable[[], float] = time.time) -> None:
        storage = _storage(storage_url)
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._is_remote = not isinstance(storage, MemoryStorage)
        self._clock = clock
        self._away_until = 0.0

    async def hit(self, policy: str, quota: int, *key: str) -> Rate | None:
        """Count one request; None without a quota, and while nothing counts."""
        return await self._asked(self._hit, policy, quota, _written(key))

    async def look(self, policy: str, quota: int, *key: str) -> Rate | None:
        """The same without counting one."""
        return await self._asked(self._look, policy, quota, _written(key))

    async def _asked(self, ask: Callable[[str, int, str], Rate], policy: str, quota: int, key: str) -> Rate | None:
        if quota <= 0 or self._clock() < self._away_until:
            return None
        if not self._is_remote:
            return ask(policy, quota, key)
        try:
            return await run_in_threadpool(ask, policy, quota, key)
        except Exception as error:  # whatever the storage's own client raises
            self._away_until = self._clock() + _RETRY_SECONDS
            log.warning("rates are not counted: their storage does not answer", reason=type(error).__name__)
            return None

    def _hit(self, policy: str, quota: int, key: str) -> Rate:
        return self._rate(policy, quota, key, passes=self._limiter.hit(RateLimitItemPerMinute(quota), policy, key))

    def _look(self, policy: str, quota: int, key: str) -> Rate:
        return self._rate(policy, quota, key, passes=self._limiter.test(RateLimitItemPerMinute(quota), policy, key))

    def _rate(self, policy: str, quota: int, key: str, *, passes: bool) -> Rate:
        stats = self._limiter.get_window_stats(RateLimitItemPerMinute(quota), policy, key)
        reset = max(0, math.ceil(stats.reset_time - self._clock()))
        return Rate(policy, quota, max(0, stats.remaining), min(reset, WINDOW_SECONDS), is_exceeded=not passes)


def _storage(storage_url: str) -> Storage:
    reason: ConfigurationError | None = None
    try:
        found = storage_from_string(storage_url, **_options(storage_url))
        if isinstance(found, Storage):
            return found
    except ConfigurationError as error:
        reason = error
    raise NoRateStorage(
        f"RUNTALLY_RATE_STORAGE_URL: nothing installed counts at {storage_url.partition(':')[0]}://. It takes "
        "redis://host:6379 with the package redis beside the API (pip install redis), or leave it unset: each process "
        "then counts for itself"
    ) from reason


def _options(storage_url: str) -> dict[str, float]:
    """Who counts is away when it takes longer than an answer may wait; its client would wait for ever."""
    if not storage_url.startswith(("redis", "unix", "valkey")):
        return {}
    return {"socket_timeout": _PATIENCE_SECONDS, "socket_connect_timeout": _PATIENCE_SECONDS}


def _written(key: tuple[str, ...]) -> str:
    """One text for each key: joined, one caller's name could be another's with a route."""
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]

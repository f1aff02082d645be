"""Whose turn it is: questions wait without a thread until their tenant's turn comes.

Each tenant has at most `per_tenant` questions under way, all together `slots`. A slot that becomes free goes to the
tenant with the fewest under way, among these to the one that has taken the least time of late, and there to whoever
came first. So a tenant that asks much waits for itself; and who takes or asks far more than another has one
question under way at a time, as those under way share the store's cores whoever they are of.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

# What a tenant took counts half after this.
HALF_LIFE_SECONDS: Final = 10.0
_FORGOTTEN_SECONDS: Final = 0.001
# Who asked so long ago asks as well.
_RECENT_SECONDS: Final = 2.0
# Seconds that a tenant may take of late without having taken much: a page of the dashboard.
_LITTLE_SECONDS: Final = 0.5


class QueueFull(Exception):
    """So many questions of the tenant wait that this one would be answered too late."""


@dataclass(slots=True)
class _Tenant:
    running: int = 0
    spent: float = 0.0
    spent_at: float = 0.0
    starts: float = 0.0
    """The sum of when those that run began."""
    waiting: deque[asyncio.Future[float]] = field(default_factory=deque)

    @property
    def asks(self) -> int:
        """Questions under way, and those that wait."""
        return self.running + len(self.waiting)

    def spent_by(self, now: float) -> float:
        """Seconds that its questions took, those under way too; of the others, what is long ago counts less."""
        return self.ended_by(now) + self.running * now - self.starts

    def ended_by(self, now: float) -> float:
        return self.spent * math.exp2((self.spent_at - now) / HALF_LIFE_SECONDS)


class Turns:
    """For any number of tasks of one event loop; `is_ahead` for threads, too."""

    def __init__(
        self, slots: int, per_tenant: int, most_waiting: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._slots = slots
        self._per_tenant = min(slots, per_tenant)
        self._most_waiting = most_waiting
        self._monotonic = monotonic
        self._running = 0
        self._tenants: dict[Hashable, _Tenant] = {}

    @asynccontextmanager
    async def turn(self, tenant: Hashable) -> AsyncIterator[None]:
        """Waits for the tenant's turn, which lasts as long as the block. Raises `QueueFull`."""
        began = await self._enter(tenant)
        try:
            yield
        finally:
            self._leave(tenant, began)

    def is_ahead(self, tenant: Hashable) -> bool:
        """Whether another that asks now has taken more than twice as much of late, or asks more than twice as much at
        once: this one's questions then go first. Time alone would call two equal as soon as the other has to wait.
        """
        now = self._monotonic()
        tenants = dict(self._tenants)
        own = tenants.get(tenant, _Tenant())
        spent, asks = own.spent_by(now), max(1, own.asks)
        return any(
            other is not own and other.asks and (other.spent_by(now) > 2 * spent or other.asks > 2 * asks)
            for other in tenants.values()
        )

    def is_over(self, tenant: Hashable) -> bool:
        """Whether it has taken much of late, and took or asks more than twice as much as another that asks as well."""
        tenants = dict(self._tenants)
        return tenant in tenants and self._takes_more(tenants[tenant], tenants.values(), self._monotonic())

    @staticmethod
    def _takes_more(tenant: _Tenant, tenants: Iterable[_Tenant], now: float) -> bool:
        own = tenant.spent_by(now)
        return own > _LITTLE_SECONDS and any(
            other is not tenant
            and (other.running or other.waiting or now - other.spent_at < _RECENT_SECONDS)
            and (own > 2 * other.spent_by(now) or tenant.asks > 2 * max(1, other.asks))
            for other in tenants
        )

    def _has_room(self, tenant: _Tenant, now: float) -> bool:
        most = 1 if self._takes_more(tenant, self._tenants.values(), now) else self._per_tenant
        return tenant.running < most

    def is_shared(self, tenant: Hashable) -> bool:
        """Whether others have asked of late."""
        now = self._monotonic()
        return any(
            name != tenant and (other.running or other.waiting or other.spent_by(now) > _FORGOTTEN_SECONDS)
            for name, other in dict(self._tenants).items()
        )

    async def _enter(self, name: Hashable) -> float:
        """Returns when the turn began."""
        tenant, now = self._tenants.setdefault(name, _Tenant()), self._monotonic()
        if not tenant.waiting and self._has_room(tenant, now) and self._running < self._slots:
            self._start(tenant, now)
            return now
        if len(tenant.waiting) >= self._most_waiting:
            raise QueueFull
        place: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        tenant.waiting.append(place)
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave(name, place.result())  # its turn had come
            elif place in tenant.waiting:
                tenant.waiting.remove(place)
            raise

    def _start(self, tenant: _Tenant, now: float) -> None:
        tenant.running += 1
        tenant.starts += now
        self._running += 1

    def _leave(self, name: Hashable, began: float) -> None:
        tenant, now = self._tenants[name], self._monotonic()
        tenant.spent, tenant.spent_at = tenant.ended_by(now) + now - began, now
        tenant.running -= 1
        tenant.starts -= began
        self._running -= 1
        self._wake(now)
        for idle in [name for name, one in self._tenants.items() if self._is_forgotten(one, now)]:
            del self._tenants[idle]

    def _wake(self, now: float) -> None:
        while self._running < self._slots:
            ready = [one for one in self._tenants.values() if one.waiting and self._has_room(one, now)]
            if not ready:
                return
            turn = min(ready, key=lambda one: (one.running, one.spent_by(now)))
            place = turn.waiting.popleft()
            if not place.cancelled():
                self._start(turn, now)
                place.set_result(now)

    @staticmethod
    def _is_forgotten(tenant: _Tenant, now: float) -> bool:
        return not tenant.running and not tenant.waiting and tenant.spent_by(now) < _FORGOTTEN_SECONDS

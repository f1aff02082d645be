"""The API that asks everybody for a token or key, over a store of each engine."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from api.door import Door, open_door
from api.identity.signing import SECRET, bearer, shared
from clickhouse.stores import empty
from pydantic import SecretStr
from runtally_api.identity.access_parts import make_access
from runtally_api.identity.api_keys import StoredKeys
from runtally_api.identity.authentication import make_authenticator
from runtally_api.identity.live_sessions import LiveSessions
from runtally_api.identity.settings import IdentitySettings
from runtally_clickhouse.client import Store

SETTINGS = IdentitySettings(auth="token", auth_secret=SecretStr(SECRET))


@dataclass
class Guarded:
    """A running API with local users. `ahead` turns the clock of keys and users, not that of tokens."""

    door: Door
    store: Store
    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def ask(self, method: str, path: str, token: str | None = None, **more: object) -> httpx.Response:
        """As an owner of acme, or whoever's token it is."""
        headers = bearer(shared() if token is None else token)
        return self.door.client.request(method, path, headers=headers, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def shared_guarded(shared_store: Store) -> Iterator[Guarded]:
    made: list[Guarded] = []

    def now() -> datetime:
        return made[0].now() if made else datetime.now(UTC)

    def monotonic() -> float:
        return time.monotonic() + (made[0].ahead.total_seconds() if made else 0.0)

    sessions = LiveSessions(shared_store, monotonic)
    authenticator = make_authenticator(SETTINGS, StoredKeys(shared_store, now), sessions)
    with open_door(shared_store, authenticator, make_access(SETTINGS, shared_store, now, sessions)) as door:
        made.append(Guarded(door, shared_store))
        yield made[0]


@pytest.fixture
def guarded(shared_guarded: Guarded) -> Guarded:
    """Over an empty store, with the clock right."""
    empty(shared_guarded.store)
    shared_guarded.door.reset()
    shared_guarded.door.now = datetime.now(UTC)
    shared_guarded.ahead = timedelta()
    shared_guarded.door.app.state.parts.access.refusals._counts.clear()
    return shared_guarded

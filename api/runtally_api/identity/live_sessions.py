"""Whether the sign-in that an access token belongs to still stands, and what its user may do now.

The store is asked, and its answer kept for `KEPT_SECONDS`: for no longer do tokens outlive a sign-out, a removed user,
another password or another role. The process that signs somebody out forgets what it kept of them.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from runtally_clickhouse.client import Reader
from runtally_clickhouse.local_users import StoredUser, find_users, refresh_events

from runtally_api.identity.caller import Caller
from runtally_api.identity.permissions import GRANTED, Role

KEPT_SECONDS: Final = 3.0
MOST_KEPT: Final = 10_000
# So that the questions of one page ask the store once, and no user waits for another's.
_LOCKS: Final = 32


class SessionOver(Exception):
    """The sign-in that the token belongs to has ended, or its user is gone."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What was found of a sign-in: its user as they are now, None once it is over. Counts until then."""

    caller: Caller | None
    until: float


def caller_of_user(user: StoredUser) -> Caller:
    """Somebody who signs in here, as the rest of the API sees them."""
    return Caller(user.email, user.email, GRANTED[Role(user.role)], user.workspaces)


def standing_user(store: Reader, session: str) -> StoredUser | None:
    """Whose sign-in it is; None once it ended. Blocks; raises `StoreError`."""
    events = refresh_events(store, session)
    if not events or any(event.event == "ended" for event in events):
        return None
    user = next(iter(find_users(store, events[0].email)), None)
    if user is None or user.signed_in_since is None or user.signed_in_since > events[0].began_at:
        return None
    return user


class LiveSessions:
    """Sign-ins by what access tokens say of them. For any number of threads."""

    def __init__(self, store: Reader, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._kept: dict[str, Standing] = {}
        self._keeping = threading.Lock()
        self._asking = tuple(threading.Lock() for _ in range(_LOCKS))

    def kept(self, session: str) -> Standing | None:
        """What is known without asking. Never blocks."""
        with self._keeping:
            found = self._kept.get(session)
        return found if found is not None and self._monotonic() < found.until else None

    def standing(self, session: str) -> Standing:
        """Blocks; raises `StoreError` when nobody can tell."""
        with self._asking[hash(session) % _LOCKS]:
            if found := self.kept(session):
                return found
            until = self._monotonic() + KEPT_SECONDS  # counted from before it was asked
            user = standing_user(self._store, session)
            found = Standing(caller_of_user(user) if user else None, until)
            self._keep(session, found)
            return found

    def forget(self, session: str) -> None:
        """Ask the store the next time."""
        with self._keeping:
            self._kept.pop(session, None)

    def _keep(self, session: str, found: Standing) -> None:
        with self._keeping:
            self._kept.pop(session, None)
            while len(self._kept) >= MOST_KEPT:
                self._kept.pop(next(iter(self._kept)))  # the one that was asked for the longest ago
            self._kept[session] = found

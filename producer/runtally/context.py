"""Which run and which session the running code belongs to, carried by context variables.

asyncio tasks and `asyncio.to_thread` inherit them; a thread of one's own starts without (take
`contextvars.copy_context().run`, or give `parent_run_id`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtally.run import Run


@dataclass(frozen=True, slots=True)
class Session:
    """The conversation, and who has it."""

    session_id: str
    user_id: str = ""


CURRENT_RUN: ContextVar[Run | None] = ContextVar("runtally_run", default=None)
CURRENT_SESSION: ContextVar[Session | None] = ContextVar("runtally_session", default=None)


def current_run() -> Run | None:
    """The innermost run that the calling code is part of."""
    return CURRENT_RUN.get()


@contextlib.contextmanager
def session(session_id: str, user_id: str = "") -> Iterator[Session]:
    """Runs and activity inside belong to the session, and to its user, unless they name others themselves."""
    outside = CURRENT_SESSION.get()
    inside = Session(session_id, user_id or (outside.user_id if outside else ""))
    token = CURRENT_SESSION.set(inside)
    try:
        yield inside
    finally:
        try:
            CURRENT_SESSION.reset(token)
        except ValueError:  # left in another context than entered, as in an asynchronous generator
            CURRENT_SESSION.set(outside)

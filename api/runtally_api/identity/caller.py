"""Who asks, as the rest of the API sees it."""

from dataclasses import dataclass
from datetime import datetime

from runtally_api.identity.permissions import Permission


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who asks. `workspaces` None is all of them; an empty set is none.

    `subject` is a user's `sub`, or `key:` and the prefix of an API key; it is what the audit log names. `session` is
    the sign-in that a local user's token belongs to, which may be over by now; empty for everybody else. `ends_at` is
    when an API key does; None is never, or a token, which is no right of its own.
    """

    subject: str
    email: str
    permissions: frozenset[Permission]
    workspaces: frozenset[str] | None
    session: str = ""
    ends_at: datetime | None = None

    def may(self, permission: Permission) -> bool:
        """Whether the caller has a permission."""
        return permission in self.permissions


ANYBODY = Caller("anybody", "", frozenset(Permission), None)
"""The caller of open mode: everything is allowed."""

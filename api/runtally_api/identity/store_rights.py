"""What the API needs of the store to know its callers, looked at before the first of them comes."""

from typing import Final

import structlog
from runtally_clickhouse.access_rights import table_without_rights
from runtally_clickhouse.client import Writer
from runtally_clickhouse.errors import StoreError

from runtally_api.identity.settings import InvalidIdentity

UNTOLD: Final = "the store did not tell yet whether keys, sign-ins and the audit log can be written"
log = structlog.get_logger(__name__)


class StoreRights:
    """Whether keys, sign-ins and the audit log can be written as the user that the settings name.

    `look` until it is told; `reason` is for `/ready`, and never blocks.
    """

    def __init__(self, store: Writer, *, has_own_url: bool) -> None:
        self._store = store
        self._has_own_url = has_own_url
        self._reason: str | None = UNTOLD

    @property
    def is_told(self) -> bool:
        """Whether the store has answered."""
        return self._reason != UNTOLD

    def look(self) -> None:
        """Ask the store, if it answers. Blocks."""
        try:
            table = table_without_rights(self._store)
        except StoreError as error:
            log.warning(UNTOLD, cause=str(error)[:300])
            return
        self._reason = None if table is None else self._why_not(table)

    def require(self) -> None:
        """Raise `InvalidIdentity` where the store has said that it cannot be."""
        if self.is_told and self._reason is not None:
            raise InvalidIdentity(self._reason)

    def reason(self) -> str | None:
        """Why nobody could sign in; None when they can."""
        return self._reason

    def _why_not(self, table: str) -> str:
        which = "as `access` in deploy/clickhouse/users.xml (docs/access.md)"
        if self._has_own_url:
            return (
                f"the user of RUNTALLY_CLICKHOUSE_ACCESS_URL may not read and add to the table {table}: "
                f"name a user there with these rights, {which}"
            )
        return (
            f"RUNTALLY_CLICKHOUSE_ACCESS_URL is not set, and the user of RUNTALLY_CLICKHOUSE_URL may not read and "
            f"add to the table {table}, so nobody could sign in: set it to the URL of a user that may, {which}"
        )

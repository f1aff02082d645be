"""Before anybody signs in: whether keys, sign-ins and the audit log can be written, and which setting is to blame."""

from collections.abc import Mapping

import pytest
from api.identity.conftest import Guarded
from runtally_api.identity.settings import InvalidIdentity
from runtally_api.identity.store_rights import UNTOLD, StoreRights
from runtally_clickhouse.access_rights import ACCESS_TABLES, table_without_rights
from runtally_clickhouse.errors import StoreError, StoreRefused, StoreUnavailable


class Answering:
    """A store that answers a trial of one table with an error."""

    def __init__(self, table: str, error: StoreError | None) -> None:
        self.table, self.error = table, error

    def insert(self, table: str, rows: object) -> None:
        raise AssertionError("nothing is inserted")

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        if self.error and parameters == {"table": self.table}:
            raise self.error


def test_the_tables_are_there_and_nothing_is_added_to_them(guarded: Guarded) -> None:
    def rows() -> list[int]:
        return [guarded.store.unmerged(f"SELECT count() AS n FROM {table}")[0]["n"] for table in ACCESS_TABLES]

    before = rows()
    assert table_without_rights(guarded.store) is None
    assert rows() == before


@pytest.mark.parametrize("code", [164, 497])
def test_the_setting_and_the_remedy_are_named(code: int) -> None:
    store = Answering("sign_in_attempts", StoreRefused("not enough privileges", code))
    for has_own_url, told in (
        (False, "ACCESS_URL is not set.*sign_in_attempts.*set it to"),
        (True, "of RUNTALLY_CLICKHOUSE_ACCESS_URL may not"),
    ):
        rights = StoreRights(store, has_own_url=has_own_url)
        rights.look()
        with pytest.raises(InvalidIdentity, match=told):
            rights.require()


@pytest.mark.parametrize("error", [StoreUnavailable("away"), StoreRefused("no such table", 60)])
def test_while_nobody_can_tell_it_is_not_ready_and_starts(error: StoreError) -> None:
    store = Answering("audit_log", error)
    rights = StoreRights(store, has_own_url=False)
    rights.look()
    rights.require()
    assert (rights.is_told, rights.reason()) == (False, UNTOLD)
    store.error = None
    rights.look()
    assert (rights.is_told, rights.reason()) == (True, None)

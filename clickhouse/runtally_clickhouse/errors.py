"""What can go wrong with the store, named by what the caller can do.

StoreError
├── StoreUnavailable   nobody answered, or the answer was lost: the same call may be made again
├── StoreRefused       the engine answered with an error: `code` says which
└── SchemaError        the tables are not what this version of Runtally needs: `runtally migrate`
"""

from collections.abc import Iterator
from contextlib import contextmanager

from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError


class StoreError(Exception):
    """Any failure of the store."""


class StoreUnavailable(StoreError):
    """The store did not answer. Whether a write was applied is not known."""


class StoreRefused(StoreError):
    """The store answered with an error of its own; `code` is ClickHouse's, 0 where it gave none."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class SchemaError(StoreError):
    """The tables are missing, older or newer than this version needs. `str()` names the remedy."""


@contextmanager
def store_errors() -> Iterator[None]:
    """Translate the client's exceptions into the tree above."""
    try:
        yield
    except ClickHouseError as error:
        code = getattr(error, "code", None)
        if code:
            raise StoreRefused(str(error), int(code)) from error
        if isinstance(error, OperationalError):
            raise StoreUnavailable(str(error)) from error
        raise StoreRefused(str(error), 0) from error
    except (OSError, EOFError) as error:
        raise StoreUnavailable(f"{type(error).__name__}: {error}") from error

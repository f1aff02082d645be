"""What can go wrong with the store, named by what the caller can do.

StoreError
├── StoreUnavailable   nobody answered, or the answer was lost: the same call may be made again
├── StoreRefused       the engine answered with an error: `code` says which
├── StoreUnfit         what exactness rests on is not so: `str()` names each thing and its remedy
└── SchemaError        the tables are not what this version of Runtally needs: `runtally migrate`
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

# The client tells the status, and the code of a body without its header, in the text alone.
_STATUS = re.compile(r"^HTTP driver received HTTP status (\d+)(?:, server response: Code: (\d+)\.)?")
_TRY_LATER = frozenset({408, 425, 429})


class StoreError(Exception):
    """Any failure of the store."""


class StoreUnavailable(StoreError):
    """The store did not answer. Whether a write was applied is not known."""


class StoreRefused(StoreError):
    """The store answered with an error of its own; `code` is ClickHouse's, 0 where it gave none.

    `status` is that of an HTTP answer without a code, from a proxy say; else 0.
    """

    def __init__(self, message: str, code: int, status: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class SchemaError(StoreError):
    """The tables are missing, older or newer than this version needs. `str()` names the remedy."""


class StoreUnfit(StoreError):
    """The engine, its settings or its tables would make answers wrong. `str()` names each thing and its remedy."""


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
        raise _without_code(str(error)) from error
    except (OSError, EOFError) as error:
        raise StoreUnavailable(f"{type(error).__name__}: {error}") from error


def _without_code(told: str) -> StoreError:
    """An answer without ClickHouse's code comes from something in front of it, most often."""
    found = _STATUS.match(told)
    if found is None:
        return StoreRefused(told, 0)
    status, code = int(found[1]), int(found[2] or 0)
    if code:
        return StoreRefused(told, code)
    if status in _TRY_LATER or status >= 500:
        return StoreUnavailable(told)
    return StoreRefused(told, 0, status)

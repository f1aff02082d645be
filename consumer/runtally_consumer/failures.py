"""Why a batch was not written, by what follows from it."""

from enum import StrEnum

from runtally_clickhouse.errors import StoreRefused, StoreUnavailable

TRANSIENT_CODES = frozenset({159, 202, 203, 209, 210, 241, 242, 252, 285, 319, 425, 999})


class FailureClass(StrEnum):
    """`transient`: the same batch again, soon. `systemic`: the same batch again, slowly, and loud."""

    TRANSIENT = "transient"
    SYSTEMIC = "systemic"


class DeadLetterTopicUnavailable(Exception):
    """A dead letter was not acknowledged. The batch that holds its record must not be committed."""


def classify(error: Exception) -> FailureClass:
    """What to do about a failed write. Whatever is not known to pass by itself is systemic; nothing is ever dropped."""
    if isinstance(error, StoreUnavailable | DeadLetterTopicUnavailable):
        return FailureClass.TRANSIENT
    if isinstance(error, StoreRefused) and error.code in TRANSIENT_CODES:
        return FailureClass.TRANSIENT
    return FailureClass.SYSTEMIC

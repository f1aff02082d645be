"""Why a batch was not written, by what follows from it."""

from enum import StrEnum

from runtally_clickhouse.errors import StoreRefused, StoreUnavailable

# The store is busy, out of room for a while, or changing hands: the same insert passes later.
TRANSIENT_CODES = frozenset({159, 202, 203, 209, 210, 241, 242, 252, 285, 319, 425, 999})


class FailureClass(StrEnum):
    """`transient`: the same batch again, soon. `systemic`: the same batch again, slowly, and loud."""

    TRANSIENT = "transient"
    SYSTEMIC = "systemic"


class DeadLetterTopicUnavailable(Exception):
    """A dead letter was not acknowledged. The batch that holds its record must not be committed.

    `needs_person` when waiting will not mend it: rights are missing, say.
    """

    def __init__(self, reason: str, *, needs_person: bool = False) -> None:
        super().__init__(reason)
        self.needs_person = needs_person


def classify(error: Exception) -> FailureClass:
    """What to do about a failed write. Whatever is not known to pass by itself is systemic; nothing is ever dropped."""
    passes = (
        isinstance(error, StoreUnavailable)
        or (isinstance(error, StoreRefused) and error.code in TRANSIENT_CODES)
        or (isinstance(error, DeadLetterTopicUnavailable) and not error.needs_person)
    )
    return FailureClass.TRANSIENT if passes else FailureClass.SYSTEMIC

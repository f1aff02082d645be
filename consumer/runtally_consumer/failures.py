"""Why a batch was not written, by what follows from it."""

from enum import StrEnum

from runtally_clickhouse.errors import StoreRefused, StoreUnavailable

# The store is busy, out of room for a while, or changing hands: the same insert passes later.
TRANSIENT_CODES = frozenset({159, 202, 203, 209, 210, 241, 242, 252, 285, 319, 425, 999})
# Something in the rows does not fit the table: a value out of range, of the wrong type, against a constraint.
DATA_CODES = frozenset({6, 26, 27, 38, 41, 53, 69, 70, 117, 131, 321, 349, 376, 407, 469, 691})

MEMORY_LIMIT_CODE = 241
BODY_TOO_LARGE_STATUS = 413


class FailureClass(StrEnum):
    """`transient`: the same batch again, soon. `systemic`: the same batch again, slowly, and loud.

    `data`: some of the rows may be bad, and a bisection finds which. Where there is none to make, as for the
    ledger, the same as systemic.
    """

    TRANSIENT = "transient"
    SYSTEMIC = "systemic"
    DATA = "data"


class DeadLetterTopicUnavailable(Exception):
    """A dead letter was not acknowledged. The batch that holds its record must not be committed.

    `needs_person` when waiting will not mend it: rights are missing, say.
    """

    def __init__(self, reason: str, *, needs_person: bool = False) -> None:
        super().__init__(reason)
        self.needs_person = needs_person


def classify(error: Exception) -> FailureClass:
    """What to do about a failed write. Whatever is not known is systemic; nothing is ever dropped."""
    if isinstance(error, StoreUnavailable):
        return FailureClass.TRANSIENT
    if isinstance(error, DeadLetterTopicUnavailable):
        return FailureClass.SYSTEMIC if error.needs_person else FailureClass.TRANSIENT
    if isinstance(error, StoreRefused) and error.code in TRANSIENT_CODES:
        return FailureClass.TRANSIENT
    if isinstance(error, StoreRefused) and error.code in DATA_CODES:
        return FailureClass.DATA
    return FailureClass.SYSTEMIC

"""The rules of the contract over whole columns.

Each function turns a column as JSON gave it into a column as the table wants it, and adds to `Doubts` the rows
that it is not sure about. A row in doubt is not bad: it is the model's to judge.
"""

from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from runtally.fields import MAX_INTEGER

from runtally_consumer.decoding.schemas import MICROS
from runtally_consumer.decoding.schemas import MONEY as MONEY_TYPE

# Half-even rounding to nine decimals lifts this, and nothing below it, to 10^9.
_MONEY_BOUND = Decimal("999999999.9999999995")
_YEAR = r"(?:201[4-9]|20[2-9]\d|210[01])"
_DAY = (
    rf"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
    r"|02-(?:0[1-9]|1\d|2[0-8]))|20(?:16|[2468][048]|[3579][26])-02-29)"
)
# The spellings that nearly all senders use, of days that exist and that a nanosecond timestamp holds.
PLAIN_INSTANT = rf"^{_DAY}[T ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{{1,9}})?(?:Z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)$"
_SHORTEST_SURE_INSTANT = 20
_NANOS = pa.timestamp("ns", tz="UTC")
FIRST_MICROS = 1_420_070_400_000_000  # 2015-01-01T00:00:00Z
END_MICROS = 4_133_980_800_000_000  # 2101-01-01T00:00:00Z


class Doubts:
    """The rows of a batch that the fast path leaves to the model."""

    def __init__(self, rows: int) -> None:
        self.rows: npt.NDArray[np.bool_] = np.zeros(rows, dtype=np.bool_)

    def add(self, where: pa.Array | npt.NDArray[np.bool_]) -> None:
        """Doubt the rows where this is true; null is not true."""
        if not isinstance(where, np.ndarray):
            where = where.fill_null(False).to_numpy(zero_copy_only=False)
        self.rows |= where


def require(column: pa.Array, doubts: Doubts) -> None:
    """The column must hold a value in every row."""
    if column.null_count:
        doubts.add(column.is_null())


def check_text(column: pa.Array, longest: int, doubts: Doubts, shortest: int = 0) -> None:
    """Strings of `shortest` to `longest` characters."""
    sizes = _byte_sizes(column)
    if sizes.max(initial=0) > longest:  # in bytes: count characters
        doubts.add(pc.greater(pc.utf8_length(column), longest))
    if shortest and sizes.min(initial=shortest) < shortest:  # of null too, which is for `require`
        doubts.add(pc.less(pc.utf8_length(column), shortest))


def check_choice(column: pa.Array, names: tuple[str, ...], doubts: Doubts) -> pa.Array:
    """One of the names, as its place among them."""
    places = pc.index_in(column, pa.array(names))
    if places.null_count != column.null_count:
        doubts.add(pc.and_(places.is_null(), column.is_valid()))
    return places


def counts(column: pa.Array, doubts: Doubts) -> pa.Array:
    """Integers from 0 to 2^53-1, with or without a fraction of zero."""
    whole = column if column.type == pa.int64() else _without_fraction(column, doubts)
    least, most = _bounds(whole)
    if least < 0 or most > MAX_INTEGER:
        doubts.add(pc.or_(pc.less(whole, 0), pc.greater(whole, MAX_INTEGER)))
    return whole.view(pa.uint64())


def _without_fraction(column: pa.Array, doubts: Doubts) -> pa.Array:
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        # An integer of 2^53 or more may not fit 64 bits: such a one goes first.
        inside = pc.and_(pc.greater(column, Decimal(-1)), pc.less_equal(column, Decimal(MAX_INTEGER)))
        whole = pc.if_else(inside, column, None).cast(pa.int64(), safe=False)
        exact = pc.and_(inside, pc.equal(whole.cast(column.type), column).fill_null(False))
        doubts.add(pc.invert(exact))
        return whole


def money(column: pa.Array, doubts: Doubts) -> pa.Array:
    """Amounts from 0 to below 10^9, rounded half-even to nine decimals."""
    bounds = pc.min_max(column).as_py()
    if bounds["min"] is not None and (bounds["min"] < 0 or bounds["max"] >= _MONEY_BOUND):
        low = pa.scalar(Decimal(0), column.type)
        inside = pc.and_(pc.greater_equal(column, low), pc.less(column, pa.scalar(_MONEY_BOUND, column.type)))
        doubts.add(pc.invert(inside))
        column = pc.if_else(inside, column, None)
    # The narrow type is the table's; it holds no more than nine decimals.
    return column if column.type == MONEY_TYPE else pc.round(column, 9, "half_to_even").cast(MONEY_TYPE)


def instants(column: pa.Array, doubts: Doubts) -> pa.Array:
    """RFC 3339 times with a zone in the years 2015 to 2100, cut to the microsecond."""
    nanos = _cast_instants(column)
    if nanos is None:
        plain = pc.match_substring_regex(column, PLAIN_INSTANT)
        doubts.add(pc.invert(plain))
        nanos = pc.if_else(plain, column, None).cast(_NANOS)
    micros = nanos.cast(MICROS, safe=False)
    ticks = micros.view(pa.int64())
    doubts.add(pc.or_(pc.less(ticks, FIRST_MICROS), pc.greater_equal(ticks, END_MICROS)))
    return micros


def _cast_instants(column: pa.Array) -> pa.Array | None:
    """The times, when Arrow's parser takes them all and takes none that the contract refuses."""
    sizes = _byte_sizes(column)
    # Of what it takes with a zone, only times without minutes are refused: `2026-11-21T09+01:00` is the longest.
    if np.any((sizes > 0) & (sizes < _SHORTEST_SURE_INSTANT)):
        return None
    try:
        return column.cast(_NANOS)
    except pa.ArrowInvalid:
        return None


def cut_text(column: pa.Array, most_bytes: int) -> pa.Array:
    """Each string cut to at most so many bytes, at a character."""
    too_long = _byte_sizes(column) > most_bytes
    if not too_long.any():
        return column
    mask = pa.array(too_long)
    cut = [text.encode("utf-8")[:most_bytes].decode("utf-8", "ignore") for text in column.filter(mask).to_pylist()]
    return pc.replace_with_mask(column, mask, pa.array(cut, pa.string()))


def _byte_sizes(column: pa.Array) -> npt.NDArray[np.int32]:
    """The length of each string in bytes; of null 0."""
    offsets = np.frombuffer(column.buffers()[1], dtype=np.int32)
    return np.diff(offsets[column.offset : column.offset + len(column) + 1])


def _bounds(numbers: pa.Array) -> tuple[int, int]:
    """The least and the greatest; zeros when there is none."""
    bounds = pc.min_max(numbers).as_py()
    return bounds["min"] or 0, bounds["max"] or 0

"""JSON objects to Arrow columns by pyarrow's reader, and the means to see what it passes over in silence."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.json

QUOTE, COLON, BACKSLASH, SPACE = b'":\\ '
Counts = npt.NDArray[np.int64]

KEYS_UNCLEAR = -1
"""No count: a quick look does not find all keys."""


def read_columns(lines: bytes, rows: int, schema: pa.Schema) -> pa.RecordBatch:
    """The fields of the schema, a row per value; other fields are passed over.

    `lines` holds `rows` values, each one JSON object in valid UTF-8 with a newline behind it: that newline
    keeps the reader from cutting a value that is spread over lines. Raises `pa.ArrowInvalid` when one value's
    field does not fit its column, without saying which.
    """
    table = pa.json.read_json(
        pa.BufferReader(lines),
        read_options=pa.json.ReadOptions(use_threads=False, block_size=len(lines) + 1),
        parse_options=pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
    )
    if table.num_rows != rows:
        raise pa.ArrowInvalid(f"{rows} values gave {table.num_rows} rows")
    return table.combine_chunks().to_batches()[0]


def key_counts(lines: bytes, sizes: Sequence[int]) -> Counts:
    """How many keys each JSON object holds, at every depth: never fewer than there are, rarely more.

    `lines` holds the objects, each of `sizes` bytes and with a newline behind it. A key is a colon behind a
    quote. A string that begins with a colon counts as one too. KEYS_UNCLEAR where a key may hide from this:
    space before the colon, or a backslash before the quote.
    """
    text = np.frombuffer(lines, dtype=np.uint8)
    ends = np.cumsum(np.array(sizes, dtype=np.int64) + 1)
    colons = np.flatnonzero(text == COLON)
    before = text[colons - 1]
    keys = colons[before == QUOTE]
    counts = np.diff(np.searchsorted(keys, ends), prepend=0).astype(np.int64)
    # An object begins with `{`: no colon stands before its third byte.
    for unclear in (colons[before <= SPACE], keys[text[keys - 2] == BACKSLASH]):
        counts[np.searchsorted(ends, unclear, side="right")] = KEYS_UNCLEAR
    return counts

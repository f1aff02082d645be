"""Reading a chunk in which some messages may fail pyarrow's whole block: find them, read the others."""

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from runtally_consumer.decoding.admission import Admitted
from runtally_consumer.decoding.json_columns import read_columns
from runtally_consumer.decoding.key_shapes import may_have_keys_once
from runtally_consumer.decoding.run_fields import Width, is_typed, json_schema

_PIECE_ROWS = 32


def read_groups(
    admitted: Admitted, names: Sequence[str], width: Width, guesses: Mapping[str, pa.DataType]
) -> Iterator[tuple[Admitted, pa.RecordBatch, Width]]:
    """Groups of the messages with the columns of these names, and the width that held them.

    A message that is in no group is for the model. Types for numbers narrower than `width` are not tried.
    `guesses` are fields outside the contract: columns for them only if all messages fit all guesses.
    Pieces make this right whatever the sieves let pass: a message that fails takes its piece with it.
    """
    if guesses:
        guessed = pa.schema([*json_schema(names, width), *guesses.items()])
        batch = _try_reading(admitted, guessed) if width < Width.WIDE else None
        if batch is not None:
            yield admitted, batch, width
            return
    for sieve in (None, is_typed, may_have_keys_once):
        if sieve is not None:
            admitted = admitted.only([at for at, value in enumerate(admitted.values) if sieve(value)])
        for wider in Width:
            # Not typed, not WIDE: see there.
            if wider < width or (wider == Width.WIDE and sieve is None):
                continue
            batch = _try_reading(admitted, json_schema(names, wider))
            if batch is not None:
                yield admitted, batch, wider
                return
    schema = json_schema(names, Width.WIDE)
    for start in range(0, len(admitted.values), _PIECE_ROWS):
        piece = admitted.only(range(start, min(start + _PIECE_ROWS, len(admitted.values))))
        batch = _try_reading(piece, schema)
        if batch is not None:
            yield piece, batch, Width.WIDE


def _try_reading(admitted: Admitted, schema: pa.Schema) -> pa.RecordBatch | None:
    if not admitted.values:
        return None
    try:
        return read_columns(admitted.lines, len(admitted.values), schema)
    except pa.ArrowException:
        return None

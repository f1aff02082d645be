"""Decoding of `agent-runs.v1`: columns where they are sure to say what the model says, the model elsewhere.

A chunk of messages is read by pyarrow; rules are checked over whole columns. What is not sure to be good is
left to the model, which has the last word: so it words each rejection, and no verdict depends on the path.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from runtally.events import RunSnapshot

from runtally_consumer.decoding.admission import Admitted, admit
from runtally_consumer.decoding.batch import Decoded, Indices, as_indices, bounded
from runtally_consumer.decoding.column_checks import Doubts
from runtally_consumer.decoding.json_columns import key_counts
from runtally_consumer.decoding.key_shapes import KeyShapes, key_starts
from runtally_consumer.decoding.reference import ReferenceReader
from runtally_consumer.decoding.resilient_reading import read_groups
from runtally_consumer.decoding.rows import rows_table
from runtally_consumer.decoding.run_columns import check_runs, find_keys, runs_batch
from runtally_consumer.decoding.run_fields import COLUMN_FIELDS, FIELDS, REQUIRED, Width, guess_type
from runtally_consumer.decoding.schemas import AGENT_RUNS

CHUNK_ROWS = 8192
CHUNK_BYTES = 8 * 1024 * 1024
_SAMPLES = 8
_MOST_GUESSES = 16


def decode_runs(values: Sequence[bytes | None]) -> Decoded:
    """Decode run snapshots. Pure; equal to the model on every message, and never raises for what one holds."""
    batch = _RunBatch(values)
    for start, end in _chunks(values):
        batch.decode_chunk(start, end)
    return batch.decoded()


def _chunks(values: Sequence[bytes | None]) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(values):
        rows = CHUNK_ROWS
        while rows > 1 and sum(map(len, filter(None, values[start : start + rows]))) > CHUNK_BYTES:
            rows //= 2
        end = min(start + rows, len(values))
        yield start, end
        start = end


class _RunBatch:
    """The state of one call: rows so far, what is left to the model, and what was learnt about the senders."""

    def __init__(self, values: Sequence[bytes | None]) -> None:
        self._values = values
        self._batches: list[pa.RecordBatch] = []
        self._rows: list[Indices] = []
        self._left: list[int] = []
        self._unknown: Counter[tuple[str, ...]] = Counter()
        self._names: tuple[str, ...] = ()
        self._width = Width.NARROW
        self._guesses: dict[str, pa.DataType] = {}
        self._shapes = KeyShapes(FIELDS)

    def decode_chunk(self, start: int, end: int) -> None:
        """Take in the messages from `start` up to `end`."""
        admitted = admit(self._values, start, end)
        if len(admitted.values) < end - start:
            self._left += set(range(start, end)).difference(admitted.indices)
        if not admitted.values:
            return
        if not self._names:
            self._learn(admitted.values[:: -(-len(admitted.values) // _SAMPLES)])
        unread = self._read(admitted)
        if unread:
            late = admitted.only(at for at, index in enumerate(admitted.indices) if index in unread)
            self._learn(late.values)
            self._left += self._read(late)

    def decoded(self) -> Decoded:
        """Let the model read what is left, and put all rows together."""
        reader = ReferenceReader(RunSnapshot)
        reader.read_all(self._values, sorted(self._left))
        tables = [pa.Table.from_batches(self._batches, AGENT_RUNS), rows_table(AGENT_RUNS, reader.events)]
        unknown = reader.unknown
        for names, count in self._unknown.items():
            for name in names:
                unknown[name] += count
        rows = np.concatenate([*self._rows, as_indices(reader.indices)])
        return Decoded(pa.concat_tables(tables), rows, reader.rejected, bounded(unknown))

    def _learn(self, values: Iterable[bytes]) -> None:
        """Read the fields of these messages from now on: only fields that someone sends cost time."""
        starts: dict[str, bytes] = {}
        for value in values:
            starts.update(key_starts(value))
        names = dict.fromkeys([*self._names, *starts, *REQUIRED])
        self._names = tuple(name for name in names if name in COLUMN_FIELDS)
        guesses = {name: kind for name in starts if name not in FIELDS and (kind := guess_type(starts[name]))}
        self._guesses = guesses if len(guesses) <= _MOST_GUESSES else {}

    def _read(self, admitted: Admitted) -> set[int]:
        """Take in these messages; back come the indices of those with fields that `_names` does not hold."""
        unread: set[int] = set()
        taken: set[int] = set()
        for group, columns, width in read_groups(admitted, self._names, self._width, self._guesses):
            whole = group is admitted
            if whole:  # who sends 3.0 once does so always
                self._width = width
            if not self._guesses.keys() <= set(columns.schema.names):
                self._guesses = {}
            try:
                unread |= self._take_in(group, columns)
            except pa.ArrowException:
                continue
            if whole:
                return unread
            taken.update(group.indices)
        self._left += set(admitted.indices) - taken
        return unread

    def _take_in(self, group: Admitted, columns: pa.RecordBatch) -> set[int]:
        doubts = Doubts(len(group.values))
        unknown, unread = self._account_for_keys(group, columns, doubts)
        runs = check_runs(columns, doubts)
        keys, given = find_keys(runs, doubts)
        keep = ~doubts.rows
        sure = group if keep.all() else group.only(np.flatnonzero(keep).tolist())
        if sure.values:
            tags = group.tags.array(keep)
            self._batches.append(runs_batch(runs.only(keep), keys[keep], given[keep], tags, sure.values))
            self._rows.append(np.array(sure.indices, dtype=np.int64))
        self._left += {group.indices[at] for at in np.flatnonzero(doubts.rows).tolist()} - unread
        self._unknown.update(names for at, names in unknown.items() if keep[at])
        keep[list(unknown)] = False  # counted: of the others a column holds each unknown field
        for name in self._guesses.keys() & set(columns.schema.names):
            if count := np.count_nonzero(keep & _is_valid(columns.column(name))):
                self._unknown[(name,)] += int(count)
        return unread

    def _account_for_keys(
        self, group: Admitted, columns: pa.RecordBatch, doubts: Doubts
    ) -> tuple[dict[int, tuple[str, ...]], set[int]]:
        """Doubt each message that may hold a key twice, or a field that no column holds.

        Gives the unknown names of the others, by position, and the indices of those with an unread field.
        """
        keys = key_counts(group.lines, [len(value) for value in group.values])
        entries = group.tags.entries
        read = frozenset((*self._names, "tags"))
        unknown: dict[int, tuple[str, ...]] = {}
        unread: set[int] = set()
        # As many keys as values and tags were read: then there is no other key, and none stands twice.
        for at in np.flatnonzero(keys != _valid(columns) + entries + 1).tolist():
            shape = self._shapes.shape(group.values[at], int(keys[at]), max(int(entries[at]), 0))
            if shape is None:
                doubts.rows[at] = True
            elif not shape.known <= read:
                doubts.rows[at] = True
                unread.add(group.indices[at])
            else:
                unknown[at] = shape.unknown
        return unknown, unread


def _valid(columns: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """How many fields of each row are not null."""
    valid = np.zeros(len(columns), dtype=np.int64)
    for column in columns.columns:
        if column.null_count == 0:
            valid += 1
        elif column.null_count < len(column):
            valid += _is_valid(column)
    return valid


def _is_valid(column: pa.Array) -> npt.NDArray[np.bool_]:
    valid: npt.NDArray[np.bool_] = column.is_valid().to_numpy(zero_copy_only=False)
    return valid

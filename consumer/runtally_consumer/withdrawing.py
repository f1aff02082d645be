"""What erasures and retention withdraw, taken out of the rows of a batch. Pure.

What retention dropped is left out: its month is gone with everything in it. An erased row becomes a blank one: its key,
and a version one above its own. So blanking and merging may come in either order: of a run's snapshots the newest
decides, and is hidden if it is erased, however often and in whatever order they arrive.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from runtally_clickhouse.withdrawals import EVENT_TABLES, RUNS, EventTable, Withdrawals, user_hash

from runtally_consumer.decoding import Decoded
from runtally_consumer.decoding.run_keys import key_millis
from runtally_consumer.decoding.versions import fixed_binary, version_words
from runtally_consumer.records import Record

Mask = npt.NDArray[np.bool_]

_JSON_TEXT = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_WORKSPACE = re.compile(rb'"workspace_id"\s*:\s*"((?:[^"\\]|\\.)*)"')
_BARE_USER = re.compile(rb'"(?:user_id|actor)"\s*:\s*([^",}\s]+)')


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """`kept` are the rows to insert; `blanks` hide those that were erased, and have only some of the columns."""

    kept: Decoded
    blanks: pa.Table
    retired: int = 0

    @property
    def erased(self) -> int:
        return int(self.blanks.num_rows)


def withdraw(table_name: str, decoded: Decoded, withdrawals: Withdrawals) -> Withdrawn:
    """The rows of a table of events without those that are withdrawn."""
    table, rows = EVENT_TABLES[table_name], decoded.table
    if not rows.num_rows or not (withdrawals.subjects or table_name in withdrawals.horizons):
        return Withdrawn(decoded, _blanks(table, rows.slice(0, 0)))
    rows = rows.combine_chunks()
    millis = _key_millis(rows[table.key].combine_chunks())
    retired = millis < withdrawals.horizons.get(table_name, 0)
    erased = _erased(table, rows, millis, withdrawals) & ~retired
    blanks = _blanks(table, rows.filter(pa.array(erased)))
    leaving = erased | retired
    if leaving.any():
        decoded = replace(decoded, table=rows.filter(pa.array(~leaving)), rows=decoded.rows[~leaving])
    return Withdrawn(decoded, blanks, int(retired.sum()))


def names_erased(record: Record, withdrawals: Withdrawals) -> bool:
    """Whether a record that is no row, as it breaks the contract, seems to be about what was erased.

    It was published before, is of the workspace as far as that can be read, and the user is its key or a text in it.
    """
    subjects = [one for one in withdrawals.subjects if record.timestamp < one.before_ms]
    if not subjects:
        return False
    workspace = _workspace(record.value or b"")
    subjects = [one for one in subjects if not one.workspaces or workspace in one.workspaces]
    wanted = {one.user_hash for one in subjects}
    if not wanted or "" in wanted:
        return bool(wanted)
    return any(user_hash(text) in wanted for text in _texts(record))


def _workspace(value: bytes) -> str:
    """As the store's own query reads it: the object's, else what looks like it."""
    try:
        event = json.loads(value)
    except (ValueError, RecursionError):
        event = None
    named = event.get("workspace_id") if isinstance(event, dict) else None
    if isinstance(named, str) and named:
        return named
    found = _WORKSPACE.search(value)
    return next(_meant(found[1]), "") if found else ""


def _texts(record: Record) -> Iterator[str]:
    value = record.value or b""
    for text in (record.key or b"", *_BARE_USER.findall(value)):
        yield text.decode("utf-8", "replace")
    for text in _JSON_TEXT.findall(value):
        yield from _meant(text)


def _meant(text: bytes) -> Iterator[str]:
    """What a text of JSON stands for, and itself: many senders escape whatever is not ASCII."""
    if b"\\" in text:
        with suppress(ValueError):
            meant = json.loads(b'"' + text + b'"')
            yield meant.encode("utf-8", "replace").decode()
    yield text.decode("utf-8", "replace")


def _erased(table: EventTable, rows: pa.Table, millis: npt.NDArray[np.int64], withdrawals: Withdrawals) -> Mask:
    erased: Mask = np.zeros(rows.num_rows, dtype=np.bool_)
    workspaces, workspace_of = _names(rows["workspace_id"])
    for one in withdrawals.of_workspaces:
        erased |= _among(workspaces, workspace_of, one.workspaces) & (millis < one.before_ms)
    subjects = [one for one in withdrawals.subjects if one.user_hash]
    if not subjects:
        return erased
    users, user_of = _names(rows[table.user])
    wanted = {one.user_hash for one in subjects}
    named = {user: hash for user in users if user and (hash := user_hash(user)) in wanted}
    for one in subjects:
        mine = _among(users, user_of, [user for user, hash in named.items() if hash == one.user_hash])
        if one.workspaces:
            mine &= _among(workspaces, workspace_of, one.workspaces)
        erased |= mine & (millis < one.before_ms)
    return erased


def _names(column: pa.ChunkedArray) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The different texts of a column, and which of them each row has."""
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _among(names: list[str], name_of: npt.NDArray[np.int64], wanted: Iterable[str]) -> Mask:
    chosen = set(wanted)
    return np.array([name in chosen for name in names], dtype=np.bool_)[name_of]


def _blanks(table: EventTable, rows: pa.Table) -> pa.Table:
    if not rows.num_rows:
        return pa.table({"workspace_id": pa.array([], pa.string()), table.key: pa.array([], pa.binary(16))})
    high, low = version_words(rows["version"].combine_chunks())
    words = np.empty((rows.num_rows, 2), dtype="<u8")
    words[:, 0] = low + np.uint64(1)
    words[:, 1] = high + (words[:, 0] == 0)
    columns = {
        "workspace_id": rows["workspace_id"],
        table.key: rows[table.key],
        "version": fixed_binary(words.view(np.uint8)),
    }
    if table is RUNS:
        columns["is_deleted"] = pa.array(np.ones(rows.num_rows, dtype=np.uint8))
    return pa.table(columns)


def _key_millis(keys: pa.Array) -> npt.NDArray[np.int64]:
    text = np.frombuffer(keys.buffers()[1], dtype=np.uint8)[16 * keys.offset :][: 16 * len(keys)]
    return key_millis(text.reshape(-1, 16))

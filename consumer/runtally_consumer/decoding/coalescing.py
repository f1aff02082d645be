"""Keeping, of several versions of a key in one batch, only the one that wins."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from runtally_consumer.decoding.batch import Indices
from runtally_consumer.decoding.versions import version_words

Codes: TypeAlias = "npt.NDArray[np.generic]"


def coalesce(table: pa.Table, rows: Indices) -> tuple[pa.Table, Indices]:
    """The table with one row per stored key (workspace, id): that of the greatest version; and its rows.

    The order of the remaining rows is kept. The store would drop the others in a merge anyway: left out here,
    they cost no insert. Counts of accepted records are for the caller to take before.
    """
    if table.num_rows < 2:
        return table, rows
    # `id` is a table's key where there is one: feedback has a run_id too, which is only a reference there.
    key_column = "id" if "id" in table.column_names else "run_id"
    keys = _single(table[key_column])
    words = np.frombuffer(keys.buffers()[1], dtype="<u8", count=2 * len(keys), offset=16 * keys.offset)
    if len(np.unique(words[1::2])) == len(keys):
        return table, rows  # the usual case: no id stands twice
    workspaces = _single(table["workspace_id"]).dictionary_encode().indices.to_numpy()
    high, low = version_words(_single(table["version"]))
    # The last key sorts first: by workspace and id, and within them by version.
    order = np.lexsort((low, high, words[::2], words[1::2], workspaces))
    last = np.ones(len(order), dtype=np.bool_)
    last[:-1] = _differs(words[::2], order) | _differs(words[1::2], order) | _differs(workspaces, order)
    kept = np.sort(order[last])
    return table.take(pa.array(kept)), rows[kept]


def _differs(column: Codes, order: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    ordered = column[order]
    return np.asarray(ordered[:-1] != ordered[1:], dtype=np.bool_)


def _single(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)

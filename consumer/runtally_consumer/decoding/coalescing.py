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
    repeated = _repeated(words[1::2])
    if len(repeated) == 0:
        return table, rows  # the usual case: no id stands twice
    upper, lower = words[::2][repeated], words[1::2][repeated]
    workspaces = _single(table["workspace_id"]).dictionary_encode().indices.to_numpy()[repeated]
    high, low = version_words(_single(table["version"]))
    # The last key sorts first: by workspace and id, and within them by version.
    order = np.lexsort((low[repeated], high[repeated], upper, lower, workspaces))
    last = np.ones(len(order), dtype=np.bool_)
    last[:-1] = _differs(upper, order) | _differs(lower, order) | _differs(workspaces, order)
    kept = np.ones(len(keys), dtype=np.bool_)
    kept[repeated[order[~last]]] = False
    return table.filter(pa.array(kept)), rows[kept]


def _repeated(codes: npt.NDArray[np.uint64]) -> npt.NDArray[np.intp]:
    """Where those stand that stand more than once."""
    order = np.argsort(codes)
    same = np.zeros(len(codes) + 1, dtype=np.bool_)
    same[1:-1] = codes[order[1:]] == codes[order[:-1]]
    return order[same[1:] | same[:-1]]


def _differs(column: Codes, order: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    ordered = column[order]
    return np.asarray(ordered[:-1] != ordered[1:], dtype=np.bool_)


def _single(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)

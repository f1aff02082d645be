"""What a decoder hands back: the rows to insert, where each came from, and what was refused."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from runtally.violations import Violation

Indices = npt.NDArray[np.int64]

MAX_UNKNOWN_NAMES = 100
MAX_UNKNOWN_NAME = 64
OTHER_UNKNOWN_FIELDS = "(others)"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message that breaks the contract: its index in the values, and at least one reason."""

    index: int
    violations: tuple[Violation, ...]


@dataclass(frozen=True, slots=True)
class Decoded:
    """One batch of messages, decoded. Every index of the values stands either in `rows` or in `rejected`.

    `table` has the columns of the ClickHouse table except those that the server computes, in types that
    `insert_arrow` stores right. `rows[i]` is the index, in the values, of row i, in no promised order;
    `rejected` ascends. `unknown_fields` counts, over the accepted messages, the fields outside the contract.
    """

    table: pa.Table
    rows: Indices
    rejected: list[Rejected]
    unknown_fields: Counter[str]

    @property
    def accepted(self) -> int:
        """How many messages were good, each delivery counted."""
        return len(self.rows)


def bounded(names: Counter[str]) -> Counter[str]:
    """The counts under names fit for a metric: valid text, cut, at most a hundred, the rest in one sum."""
    shown: Counter[str] = Counter()
    for name, count in names.items():
        shown[name[:MAX_UNKNOWN_NAME].encode("utf-8", "replace").decode("utf-8")] += count
    if len(shown) <= MAX_UNKNOWN_NAMES:
        return shown
    ranked = sorted(shown.items(), key=lambda item: (-item[1], item[0]))
    kept = Counter(dict(ranked[:MAX_UNKNOWN_NAMES]))
    kept[OTHER_UNKNOWN_FIELDS] += sum(count for _, count in ranked[MAX_UNKNOWN_NAMES:])
    return kept


def as_indices(indices: Iterable[int]) -> Indices:
    """The indices as the array that `Decoded.rows` is."""
    return np.fromiter(indices, dtype=np.int64)

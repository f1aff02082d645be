"""The columns of `agent_runs` out of the columns that JSON gave: what the model's properties say, all at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from runtally.events import ENDED_STATUSES
from runtally.fields import MAX_MESSAGE_BYTES, MAX_TEXT, STATUSES

from runtally_consumer.decoding import run_fields
from runtally_consumer.decoding.column_checks import (
    END_MICROS,
    FIRST_MICROS,
    Doubts,
    check_choice,
    check_text,
    counts,
    cut_text,
    instants,
    money,
    require,
)
from runtally_consumer.decoding.run_keys import derive_keys, key_millis, parse_uuid7
from runtally_consumer.decoding.schemas import AGENT_RUNS, TEXT
from runtally_consumer.decoding.versions import (
    ENDED,
    RUNNING,
    Words,
    content_hashes,
    fixed_binary,
    run_versions,
)

Micros = npt.NDArray[np.int64]

_MAX_IDENTIFIER = 128
_RANKS = np.array(
    [ENDED if status in ENDED_STATUSES else RUNNING if status == "running" else 0 for status in STATUSES],
    dtype=np.uint64,
)


@dataclass(frozen=True, slots=True)
class Runs:
    """The fields of runs in the table's types, by name; fields that no run gives may be missing."""

    size: int
    fields: Mapping[str, pa.Array]

    def field(self, name: str, kind: pa.DataType) -> pa.Array:
        """The field, or as many nulls."""
        column = self.fields.get(name)
        return pa.nulls(self.size, kind) if column is None else column

    def only(self, keep: npt.NDArray[np.bool_]) -> "Runs":
        """The runs where `keep` is true."""
        if keep.all():
            return self
        mask = pa.array(keep)
        return Runs(int(keep.sum()), {name: column.filter(mask) for name, column in self.fields.items()})


def check_runs(batch: pa.RecordBatch, doubts: Doubts) -> Runs:
    """The fields as the table wants them. Rows that may break the contract are added to `doubts`."""
    given = {
        name: column
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
        if name in run_fields.COLUMN_FIELDS
    }
    for name in run_fields.REQUIRED:
        require(given[name], doubts)
    for name, column in given.items():
        if name in run_fields.IDENTIFIERS:
            check_text(column, _MAX_IDENTIFIER, doubts, shortest=1)
        elif name in run_fields.LABELS:
            check_text(column, MAX_TEXT, doubts)
        elif name in run_fields.COUNTS:
            given[name] = counts(column, doubts)
        elif name in run_fields.MONEY:
            given[name] = money(column, doubts)
        elif name in run_fields.INSTANTS:
            given[name] = instants(column, doubts)
        elif name in run_fields.CHOICES:
            check_choice(column, run_fields.CHOICES[name], doubts)
        elif name in run_fields.MESSAGES:
            given[name] = cut_text(column, MAX_MESSAGE_BYTES)
    return Runs(len(batch), given)


def find_keys(runs: Runs, doubts: Doubts) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """The keys of the runs whose id is a UUIDv7, zeros for the others, and which those are.

    Doubts the runs that have no identity, or one of another age.
    """
    keys, given = parse_uuid7(runs.fields["run_id"])
    micros = key_millis(keys) * 1000
    doubts.add(given & ((micros < FIRST_MICROS) | (micros >= END_MICROS)))
    if not given.all():
        started = runs.field("started_at", pa.timestamp("us", tz="UTC"))
        doubts.add(~given & started.is_null().to_numpy(zero_copy_only=False))
    return keys, given


def runs_batch(
    runs: Runs, keys: npt.NDArray[np.uint8], given: npt.NDArray[np.bool_], tags: pa.Array, values: Sequence[bytes]
) -> pa.RecordBatch:
    """The rows of runs that are in no doubt, with the message values that they came from."""
    started = _started_micros(runs)
    if not given.all():
        derived = pa.array(~given)
        keys = keys.copy()
        keys[~given] = derive_keys(
            runs.fields["workspace_id"].filter(derived),
            runs.fields["run_id"].filter(derived),
            started[~given] // 1000,
        )
    duration, skewed = _durations(runs, np.where(started < 0, key_millis(keys) * 1000, started))
    deleted = runs.field("deleted", pa.bool_()).fill_null(False).to_numpy(zero_copy_only=False)
    updated = runs.fields["updated_at"].view(pa.int64()).to_numpy()
    computed: dict[str, pa.Array] = {
        "run_id": fixed_binary(keys),
        "external_id": runs.fields["run_id"],
        "version": run_versions(_ranks(runs), deleted, updated, content_hashes(values)),
        "is_deleted": pa.array(deleted.astype(np.uint8)),
        "duration_ms": duration,
        "clock_skew": pa.array(skewed),
        "cost_source": _cost_sources(runs),
        "tags": tags,
    }
    columns = [computed[name] if name in computed else _plain(runs, name) for name in AGENT_RUNS.names]
    return pa.RecordBatch.from_arrays(columns, schema=AGENT_RUNS)


def _plain(runs: Runs, name: str) -> pa.Array:
    kind = AGENT_RUNS.field(name).type
    column = runs.field(name, kind)
    return column.fill_null("") if kind == TEXT and column.null_count else column


def _started_micros(runs: Runs) -> Micros:
    """started_at in Unix microseconds, -1 where it was not given."""
    return _micros(runs, "started_at")


def _micros(runs: Runs, name: str) -> Micros:
    column = runs.field(name, pa.timestamp("us", tz="UTC"))
    micros: Micros = column.view(pa.int64()).fill_null(-1).to_numpy()
    return micros


def _durations(runs: Runs, started: Micros) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
    """`elapsed_ms` and `clock_skew` of each run."""
    duration = runs.field("duration_ms", pa.uint64())
    finished = _micros(runs, "finished_at")
    open_ended = duration.is_null().to_numpy(zero_copy_only=False) & (finished >= 0)
    skewed: npt.NDArray[np.bool_] = open_ended & (finished < started)
    computed = open_ended & ~skewed
    if computed.any():
        elapsed = np.where(computed, (finished - started + 500) // 1000, 0).astype(np.uint64)
        duration = pc.if_else(pa.array(computed), pa.array(elapsed), duration)
    return duration, skewed


def _ranks(runs: Runs) -> Words:
    places: npt.NDArray[np.int32] = pc.index_in(runs.fields["status"], pa.array(STATUSES)).to_numpy()
    return _RANKS[places]


def _cost_sources(runs: Runs) -> pa.Array:
    costs = runs.field("cost_usd", pa.decimal128(18, 9))
    implied = pc.if_else(costs.is_valid(), "reported", "unknown")
    given = runs.fields.get("cost_source")
    return implied if given is None else pc.coalesce(given, implied)

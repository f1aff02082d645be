"""Decoding of `agent-runs.v1`."""

from collections.abc import Sequence

from runtally.events import RunSnapshot

from runtally_consumer.decoding.batch import Decoded
from runtally_consumer.decoding.reference import decode_by_model
from runtally_consumer.decoding.schemas import AGENT_RUNS


def decode_runs(values: Sequence[bytes | None]) -> Decoded:
    """Decode run snapshots."""
    return decode_by_model(RunSnapshot, AGENT_RUNS, values)

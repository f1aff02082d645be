"""The messages of the stories, with what a plain reading of each must lead to; decoded for real, once a process.

Decoding a few runs in columns takes two milliseconds, and a story would do it dozens of times. Each message's
decoding is a function of the message alone (`test_equals_model.py`), so here the real decoder reads all of them
at once, and a batch takes its rows from there. `test_simulation.py` plays some stories with the real decoder too.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Final
from uuid import UUID

import numpy as np
import pyarrow as pa
from consumer.samples import FEEDBACK, NOT_JSON, RUNS, StoredRecord, feedback_value
from consumer.simulation.store import KEYS, StoredKey
from runtally_consumer.decoding import DECODERS, Decoded, Decoder, Rejected
from runtally_consumer.records import record_bytes

START: Final = datetime(2026, 8, 1, tzinfo=UTC)
RUN_IDS: Final = 48
FEEDBACK_IDS: Final = 60
BAD: Final[list[bytes | None]] = [
    None,
    b"",
    NOT_JSON,
    b"null",
    b"[]",
    b'{"run_id":"\xff"}',
    b'{"run_id":"r","run_id":"r"}',
    b'{"run_id":"r"} {"run_id":"s"}',
    b"[" * 500,
]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a good message says: of which run or feedback, and which snapshot wins (the greatest version)."""

    key: tuple[str, ...]
    version: int


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All messages of the stories."""

    good: Mapping[str, Sequence[bytes]]
    stored: Mapping[bytes, tuple[StoredKey, int]]  # where a merged read finds a message, and its version
    decoders: Mapping[str, Decoder]
    heaviest: int  # bytes that a record of these weighs at most


@cache
def catalogue() -> Catalogue:
    """Reads everything with the real decoders, once."""
    runs = [value for number in range(RUN_IDS) for value in _snapshots(number)]
    good = {RUNS: runs, FEEDBACK: [feedback_value(number) for number in range(FEEDBACK_IDS)]}
    stored: dict[bytes, tuple[StoredKey, int]] = {}
    decoders = {}
    for topic, values in good.items():
        decoders[topic], keys = _prepared(topic, values)
        stored |= {value: (key, _meaning(topic, value).version) for value, key in keys.items()}
    pairs = {(_meaning(topic, value).key, stored[value][0]) for topic, values in good.items() for value in values}
    assert len(pairs) == len({key for key, _ in pairs}) == len({key for _, key in pairs}), "an identity is one key"
    all_values = [*BAD, *(value for values in good.values() for value in values)]
    heaviest = max(record_bytes(StoredRecord(0, value)) for value in all_values)
    return Catalogue(good, stored, decoders, heaviest)


def _snapshots(number: int) -> list[bytes]:
    """One run as its producer tells of it: early and late, tied, deleted, told again after it was deleted."""
    started = START - timedelta(days=31 if number % 7 == 0 else 0) + timedelta(minutes=number)
    milliseconds = int(started.timestamp() * 1000)
    own_id = str(UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | number))
    run_id = f"run-{number}" if number % 5 == 0 else own_id

    def snapshot(status: str, seconds: float, **fields: object) -> bytes:
        message = {
            "run_id": run_id,
            "workspace_id": f"workspace-{number % 2}",
            "agent_id": "agent",
            "status": status,
            "started_at": started.isoformat(),
            "updated_at": (started + timedelta(seconds=seconds)).isoformat(),
        }
        return json.dumps(message | fields).encode()

    told = [snapshot("queued", 0), snapshot("running", 9), snapshot("running", 1), snapshot("succeeded", 5)]
    told += [snapshot("failed", 5, cost_usd=cost) for cost in (1, 2, 3)]  # ties: only the content differs
    told += [snapshot("succeeded", 3, tags={"late": "clock"})]
    if number % 6 == 0:
        told += [snapshot("succeeded", 6, deleted=True), snapshot("succeeded", 8)]
    return told


def _meaning(topic: str, value: bytes) -> Meaning:
    """Read with json and datetime, as plainly as can be."""
    message = json.loads(value)
    digest = int.from_bytes(sha256(value).digest()[:8], "big")
    if topic == FEEDBACK:
        at = datetime.fromisoformat(message["created_at"])
        return Meaning((topic, message["feedback_id"]), _micros(at) << 64 | digest)
    ended, running = message["status"] not in ("queued", "running"), message["status"] == "running"
    at = datetime.fromisoformat(message["updated_at"])
    progress = message.get("deleted", False) << 127 | ended << 126 | running << 125
    return Meaning((topic, message["workspace_id"], message["run_id"]), progress | _micros(at) << 64 | digest)


def _micros(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _prepared(topic: str, good: Sequence[bytes]) -> tuple[Decoder, dict[bytes, StoredKey]]:
    real = DECODERS[topic]
    decoded = real.decode([*good, *BAD])
    places: dict[bytes | None, int] = {}
    for row, index in enumerate(decoded.rows.tolist()):
        places[good[index]] = row
    rejected = {BAD[item.index - len(good)]: item for item in decoded.rejected}
    assert places.keys() == set(good)
    assert rejected.keys() == set(BAD)
    key_name = KEYS[real.table]
    # The columns that the consumer looks at itself: the others cost most of a story's time.
    columns = decoded.table.select(["workspace_id", key_name, "version"]).combine_chunks()

    def decode(values: Sequence[bytes | None]) -> Decoded:
        kept = [index for index, value in enumerate(values) if value in places]
        bad = [Rejected(index, rejected[value].violations) for index, value in enumerate(values) if value in rejected]
        table = columns.take(pa.array([places[values[index]] for index in kept], pa.int64()))
        return Decoded(table, np.array(kept, dtype=np.int64), bad, Counter())

    ids = columns.to_pylist()
    keys = {value: (real.table, ids[row]["workspace_id"], ids[row][key_name]) for value, row in places.items() if value}
    return Decoder(real.model, real.table, real.schema, decode), keys

"""The version of a row: the one number that decides which snapshot of a key is the current one.

Bits, from the top: deleted 127, ended 126, running 125, the event's time in Unix microseconds from 64 up, and
below them the first eight bytes of SHA-256 of the message value. A hash of the value's bytes, not of the row:
it is the same for every decoder and after every migration. Any order of arrival has one winner.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from runtally.events import ENDED_STATUSES
from runtally.identity import EPOCH

Words = npt.NDArray[np.uint64]

DELETED, ENDED, RUNNING = 1 << 63, 1 << 62, 1 << 61


def content_hash(value: bytes) -> int:
    """The first eight bytes of SHA-256, as a big-endian integer."""
    return int.from_bytes(sha256(value).digest()[:8], "big")


def epoch_micros(instant: datetime) -> int:
    """The instant in Unix microseconds."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def run_version(status: str, deleted: bool, updated_at: datetime, value: bytes) -> int:
    """The version of a run's snapshot: deleted, then ended over running over queued, then the later one."""
    rank = ENDED if status in ENDED_STATUSES else RUNNING if status == "running" else 0
    return (deleted * DELETED | rank | epoch_micros(updated_at)) << 64 | content_hash(value)


def event_version(at: datetime, value: bytes) -> int:
    """The version of an event that has no life of its own: the later one wins."""
    return epoch_micros(at) << 64 | content_hash(value)


def content_hashes(values: Iterable[bytes]) -> Words:
    """`content_hash` of each value."""
    digests = b"".join([sha256(value).digest() for value in values])
    return np.frombuffer(digests, dtype=">u8")[::4].astype(np.uint64)


def run_versions(
    ranks: Words, deleted: npt.NDArray[np.bool_], updated_micros: npt.NDArray[np.int64], hashes: Words
) -> pa.Array:
    """`run_version` of each row, as the little-endian binary(16) that `insert_arrow` reads as UInt128.

    `ranks` holds ENDED, RUNNING or 0.
    """
    words = np.empty((len(hashes), 2), dtype="<u8")
    words[:, 0] = hashes
    words[:, 1] = ranks | updated_micros.astype(np.uint64) | deleted.astype(np.uint64) << np.uint64(63)
    return fixed_binary(words.view(np.uint8))


def version_words(versions: pa.Array) -> tuple[Words, Words]:
    """The high and the low 64 bits of a version column."""
    start = versions.offset * 16
    words = np.frombuffer(versions.buffers()[1], dtype="<u8", count=len(versions) * 2, offset=start)
    return words[1::2].astype(np.uint64), words[::2].astype(np.uint64)


def fixed_binary(rows: npt.NDArray[np.uint8]) -> pa.Array:
    """The rows of an (n, 16) array of bytes as a binary(16) column."""
    data = pa.py_buffer(np.ascontiguousarray(rows).tobytes())
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(rows), [None, data])

"""The stored keys of many runs at once: the ids that are UUIDv7, and the keys derived for the others."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from runtally.identity import derive_uuid7_int

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Millis = npt.NDArray[np.int64]

_TEXT_LENGTH = 36
_DASHES = np.array([8, 13, 18, 23])
_DIGITS = np.setdiff1d(np.arange(_TEXT_LENGTH), _DASHES)
_NO_DIGIT = 255


def _digit_values() -> Bytes:
    values = np.full(256, _NO_DIGIT, dtype=np.uint8)
    for value, digit in enumerate(b"0123456789abcdef"):
        values[digit] = value
    for value, digit in enumerate(b"ABCDEF", 10):
        values[digit] = value
    return values


_VALUE = _digit_values()


def parse_uuid7(ids: pa.Array) -> tuple[Bytes, Flags]:
    """The sixteen bytes of each id that `is_uuid7` accepts, zeros elsewhere, and which those are.

    `ids` is a string column; null is no UUID.
    """
    count = len(ids)
    keys = np.zeros((count, 16), dtype=np.uint8)
    offsets = np.frombuffer(ids.buffers()[1], dtype=np.int32)[ids.offset : ids.offset + count + 1]
    candidates = np.flatnonzero(np.diff(offsets) == _TEXT_LENGTH)
    found = np.zeros(count, dtype=np.bool_)
    if len(candidates) == 0:
        return keys, found
    text = np.frombuffer(ids.buffers()[2], dtype=np.uint8)
    if len(candidates) == count:  # the usual case: they stand one behind the other
        letters = text[offsets[0] : offsets[-1]].reshape(count, _TEXT_LENGTH)
    else:
        letters = text[offsets[candidates][:, None] + np.arange(_TEXT_LENGTH)]
    digits = _VALUE[letters[:, _DIGITS]]
    good = (
        (letters[:, _DASHES] == ord("-")).all(axis=1)
        & (digits != _NO_DIGIT).all(axis=1)
        & (digits[:, 12] == 7)
        & (digits[:, 16] >> 2 == 0b10)
    )
    keys[candidates[good]] = digits[good, 0::2] << 4 | digits[good, 1::2]
    found[candidates[good]] = True
    return keys, found


def key_millis(keys: Bytes) -> Millis:
    """The Unix milliseconds inside UUIDv7 keys."""
    padded = np.zeros((len(keys), 8), dtype=np.uint8)
    padded[:, 2:] = keys[:, :6]
    return padded.view(">i8")[:, 0].astype(np.int64)


def derive_keys(workspaces: pa.Array, ids: pa.Array, started_millis: Millis) -> Bytes:
    """`derive_uuid7` of each row, as bytes."""
    keys = [
        derive_uuid7_int(workspace, given, millis).to_bytes(16, "big")
        for workspace, given, millis in zip(
            workspaces.to_pylist(), ids.to_pylist(), started_millis.tolist(), strict=True
        )
    ]
    return np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, 16)

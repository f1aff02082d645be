"""The tags of a chunk of messages: each distinct text is read once, as fleets send the same few again and again."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from runtally_consumer.decoding.run_fields import UNREADABLE, Tags
from runtally_consumer.decoding.schemas import STRINGS, TEXT

_BAD = -2
_decode_tags = msgspec.json.Decoder(Tags | None).decode


@dataclass(frozen=True, slots=True)
class TagColumn:
    """The tags of messages, by position. Those with `is_bad` break the contract, or are no tags at all."""

    distinct: Sequence[dict[str, str] | None]
    places: npt.NDArray[np.int32]
    entries: npt.NDArray[np.int64]
    """How many tags each message has, -1 when it has none to speak of: no field, or null."""

    @property
    def is_bad(self) -> npt.NDArray[np.bool_]:
        bad: npt.NDArray[np.bool_] = self.entries == _BAD
        return bad

    def array(self, keep: npt.NDArray[np.bool_]) -> pa.Array:
        """The tags of the messages where `keep` is true, as a map column; none where there are none."""
        return _map_array(self.distinct).take(pa.array(self.places[keep]))


def tag_column(texts: Sequence[bytes]) -> TagColumn:
    """The tags out of their JSON texts, `null` where a message has none."""
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    read = [_read(text) for text in places]
    sizes = np.array([_BAD if one is False else -1 if one is None else len(one) for one in read], dtype=np.int64)
    at = np.fromiter(map(places.__getitem__, texts), dtype=np.int32, count=len(texts))
    return TagColumn([one or None for one in read], at, sizes[at])


def _read(text: bytes) -> dict[str, str] | Literal[False] | None:
    try:
        tags: dict[str, str] | None = _decode_tags(text)
        return tags
    except UNREADABLE:
        return False


def _map_array(tags: Sequence[dict[str, str] | None]) -> pa.Array:
    offsets = np.zeros(len(tags) + 1, dtype=np.int32)
    np.cumsum([len(entries) if entries else 0 for entries in tags], out=offsets[1:])
    filled = [entries for entries in tags if entries]
    keys = _text_column(list(chain.from_iterable(filled)))
    texts = _text_column(list(chain.from_iterable(map(dict.values, filled))))
    return pa.MapArray.from_arrays(pa.array(offsets), keys, texts, type=STRINGS)


def _text_column(texts: list[str]) -> pa.Array:
    """`pa.array(texts)`, in half the time when all is ASCII."""
    joined = "".join(texts)
    if not joined.isascii():
        return pa.array(texts, TEXT)
    offsets = np.zeros(len(texts) + 1, dtype=np.int32)
    np.cumsum(np.fromiter(map(len, texts), dtype=np.int32, count=len(texts)), out=offsets[1:])
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(joined.encode("ascii")))

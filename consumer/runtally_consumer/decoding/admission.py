"""The guards in front of the columnar reader: what it must never see, and what it cannot tell us.

pyarrow.json dies on a bare `null`, lets invalid UTF-8 pass, takes two objects in one value for two rows,
reads `.5` and `1e+-5` as decimals and has no maps. A decimal with a large exponent, or with many digits, it may read
as another number: it multiplies beyond its width, and by what lies behind its table of powers. So each message is first
proved to be one JSON object, with amounts that it reads right.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from operator import itemgetter
from typing import TypeGuard

import numpy as np
from runtally.violations import MAX_RECORD_BYTES

from runtally_consumer.decoding.run_fields import UNREADABLE, Probe, decode_probe
from runtally_consumer.decoding.tag_columns import TagColumn, tag_column

# Amounts, a line each, as the contract spells them and pyarrow reads them right: the digits, and what the exponent
# adds to them, stay within the width of its decimals.
_AMOUNT = rb"[0-9]{1,17}(?:\.[0-9]{1,40})?(?:[eE][+-]?[01]?[0-9])?"
_AMOUNTS = re.compile(rb'(?:(?:null|-?%b|"[+-]?%b")\n)*' % (_AMOUNT, _AMOUNT))
_MANY_DIGITS = re.compile(rb"[0-9]{18}")
_first_byte = itemgetter(0)


class Admitted:
    """Messages that pyarrow may read, with their index in the batch and their probe: parallel sequences."""

    def __init__(self, indices: Sequence[int], values: Sequence[bytes], probes: Sequence[Probe]) -> None:
        self.indices = indices
        self.values = values
        self.probes = probes

    @cached_property
    def lines(self) -> bytes:
        """The messages, each with a newline at its end."""
        return b"\n".join([*self.values, b""])

    @cached_property
    def tags(self) -> TagColumn:
        """The tags of each message."""
        return tag_column([bytes(probe.tags) for probe in self.probes])

    def only(self, positions: Iterable[int]) -> "Admitted":
        """Those at these positions."""
        kept = list(positions)
        if len(kept) == len(self.values):
            return self
        return Admitted(
            [self.indices[at] for at in kept],
            [self.values[at] for at in kept],
            [self.probes[at] for at in kept],
        )


def admit(values: Sequence[bytes | None], start: int, end: int) -> Admitted:
    """Of the messages from `start` up to `end`, those that pyarrow may read."""
    indices: Sequence[int] = range(start, end)
    texts = values[start:end]
    if _are_candidates(texts):
        candidates: Sequence[bytes] = texts
    else:
        candidates = [value for value in texts if value is not None and _is_candidate(value)]
        indices = [at for at in indices if (value := values[at]) is not None and _is_candidate(value)]
    admitted = _probed(indices, candidates)
    if not _amounts_are_plain(admitted.probes):
        admitted = admitted.only([at for at, probe in enumerate(admitted.probes) if _amounts_are_plain([probe])])
    return admitted.only(np.flatnonzero(~admitted.tags.is_bad).tolist())


def _are_candidates(values: Sequence[bytes | None]) -> TypeGuard[Sequence[bytes]]:
    """Whether each `_is_candidate`, quickly; false when that is not plain."""
    try:
        sizes = list(map(len, values))  # type: ignore[arg-type]  # None has no length
        return max(sizes) <= MAX_RECORD_BYTES and set(map(_first_byte, values)) == {ord("{")}  # type: ignore[arg-type]
    except (TypeError, ValueError, IndexError):
        return False


def _is_candidate(value: bytes) -> bool:
    return value[:1] == b"{" and len(value) <= MAX_RECORD_BYTES


def _probed(indices: Sequence[int], values: Sequence[bytes]) -> Admitted:
    """Those of the messages that are one JSON object in valid UTF-8."""
    try:
        return _in_utf8(Admitted(indices, values, list(map(decode_probe, values))))
    except UNREADABLE:
        pass  # one of them is not: find out which
    probes: list[Probe] = []
    failed: set[int] = set()
    for at, value in enumerate(values):
        try:
            probes.append(decode_probe(value))
        except UNREADABLE:
            failed.add(at)
    if failed:
        indices = [index for at, index in enumerate(indices) if at not in failed]
        values = [value for at, value in enumerate(values) if at not in failed]
    return _in_utf8(Admitted(indices, values, probes))


def _in_utf8(found: Admitted) -> Admitted:
    if found.lines.isascii() or _is_utf8(found.lines):
        return found
    return found.only([at for at, value in enumerate(found.values) if _is_utf8(value)])


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _amounts_are_plain(probes: Sequence[Probe]) -> bool:
    """Whether every amount is spelled by the contract, and pyarrow reads it as the number that it is."""
    texts = b"\n".join([probe.cost_usd for probe in probes] + [probe.credits for probe in probes] + [b""])
    odd = texts.translate(None, b'0123456789."\nnul') or b'".' in texts or b'."' in texts or b'""' in texts
    if not odd and not _MANY_DIGITS.search(texts):
        return True  # digits with points between them, and nulls
    return _AMOUNTS.fullmatch(texts) is not None

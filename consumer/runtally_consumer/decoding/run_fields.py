"""The fields of a run by their kind, as the fast path needs them. Read off the reference model."""

import operator
import re
import typing
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Annotated, Any

import msgspec
import pyarrow as pa
from msgspec import Meta, Raw
from runtally import fields
from runtally.events import RunSnapshot

_KINDS: Mapping[str, object] = {
    name: hint
    for name, hint in typing.get_type_hints(RunSnapshot, include_extras=True).items()
    if name in RunSnapshot.model_fields
}


def _of_kind(kind: object) -> tuple[str, ...]:
    return tuple(name for name, hint in _KINDS.items() if hint == kind)


FIELDS = frozenset(_KINDS)
IDENTIFIERS = _of_kind(fields.Identifier)
LABELS = _of_kind(fields.Label)
COUNTS = _of_kind(fields.Count)
MONEY = _of_kind(fields.Money)
INSTANTS = _of_kind(fields.Instant) + _of_kind(fields.OptionalInstant)
CHOICES: Mapping[str, tuple[str, ...]] = {"status": fields.STATUSES, "cost_source": fields.COST_SOURCES}
MESSAGES = _of_kind(fields.Message)
FLAGS = _of_kind(fields.Flag) + _of_kind(fields.Tristate)
REQUIRED = tuple(name for name, field in RunSnapshot.model_fields.items() if field.is_required())

# Narrow types are quick. Wide ones hold the other numbers that senders write: 3.0, and amounts with many
# digits. Decimals hold them as they stand; a float would not tell 1.0000000000000001 from 1. A number that
# does not fit the wide ones either fails the block, and so gets to the model.
_NARROW_COUNT, _WIDE_COUNT = pa.int64(), pa.decimal128(38, 18)
_NARROW_MONEY, _WIDE_MONEY = pa.decimal128(18, 9), pa.decimal256(76, 40)
_TEXTS = (*IDENTIFIERS, *LABELS, *INSTANTS, *CHOICES, *MESSAGES)

COLUMN_FIELDS = frozenset((*_TEXTS, *COUNTS, *MONEY, *FLAGS))
"""The fields that pyarrow reads: all but the tags, for which its reader has no type."""


class Width(IntEnum):
    """Which numbers the columns hold."""

    NARROW = 0
    WIDE_MONEY = 1
    # pyarrow reads a quoted number into a decimal column. Counts must not be quoted: WIDE is for messages only
    # that `is_typed` accepts.
    WIDE = 2


def json_schema(names: Iterable[str], width: Width) -> pa.Schema:
    """The schema in which pyarrow reads these fields.

    Reading is a tenth quicker when the order is that of the messages.
    """
    kinds = {
        **dict.fromkeys(_TEXTS, pa.string()),
        **dict.fromkeys(COUNTS, _WIDE_COUNT if width == Width.WIDE else _NARROW_COUNT),
        **dict.fromkeys(MONEY, _NARROW_MONEY if width == Width.NARROW else _WIDE_MONEY),
        **dict.fromkeys(FLAGS, pa.bool_()),
    }
    return pa.schema([(name, kinds[name]) for name in names])


def guess_type(start: bytes) -> pa.DataType | None:
    """The type for a field outside the contract whose JSON value starts so; None if it is better passed over."""
    if start == b'"':
        return pa.string()
    return pa.bool_() if start in (b"t", b"f") else pa.float64() if start.isdigit() else None


UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What its decoders raise for a message that is not as they expect."""

Tag = Annotated[str, Meta(max_length=fields.MAX_TAG_VALUE)]
TagKey = Annotated[str, Meta(min_length=1, max_length=fields.MAX_TAG_KEY)]
Tags = Annotated[dict[TagKey, Tag], Meta(max_length=fields.MAX_TAGS)]


class Probe(msgspec.Struct, gc=False):
    """What pyarrow cannot read, taken from each message by itself. That a message decodes as a Probe also
    proves that it is one JSON object, whole and alone."""

    tags: Raw = Raw(b"null")
    cost_usd: Raw = Raw(b"null")
    credits: Raw = Raw(b"null")


assert MONEY == ("cost_usd", "credits"), "the probe has to keep the text of every amount"

decode_probe = msgspec.json.Decoder(Probe).decode

_SIEVE_TYPES: Mapping[str, Any] = {
    **dict.fromkeys(_TEXTS, str | None),
    **dict.fromkeys(MONEY, int | float | str | None),
    **dict.fromkeys(FLAGS, bool | None),
}
_Typed = msgspec.defstruct(
    "_Typed",
    [(name, kind, None) for name, kind in _SIEVE_TYPES.items()] + [(name, Raw, Raw(b"null")) for name in COUNTS],
    gc=False,
)
_decode_typed = msgspec.json.Decoder(_Typed).decode
_counts_of = operator.attrgetter(*COUNTS)
# pyarrow reads other numbers than these as it should not: see admission.
_PLAIN_COUNTS = re.compile(rb"(?:(?:null|-?[0-9]{1,17}(?:\.[0-9]{1,18})?)\n)*")


def is_typed(value: bytes) -> bool:
    """Whether each field has its own JSON type, and each count is a number that the wide columns read right."""
    try:
        counts: tuple[Raw, ...] = _counts_of(_decode_typed(value))
    except UNREADABLE:
        return False
    return _PLAIN_COUNTS.fullmatch(b"\n".join([*counts, b""])) is not None

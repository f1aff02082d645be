"""Which keys a message holds, for the messages whose number of keys is not explained by known fields."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from msgspec import Raw

from runtally_consumer.decoding.json_columns import KEYS_UNCLEAR
from runtally_consumer.decoding.run_fields import UNREADABLE

# How deep an ignored value may be nested is for the model to say; this is far below its bound.
_MOST_BRACKETS = 32
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_KEY_END = re.compile(rb'"[ \t\r\n]*:')

_decode_keys = msgspec.json.Decoder(dict[str, Raw]).decode


@dataclass(frozen=True, slots=True)
class Shape:
    """The names in a message: the contract's, and the others in their order."""

    known: frozenset[str]
    unknown: tuple[str, ...]


class KeyShapes:
    """Tells, for one message at a time, whether every key was accounted for. Remembers sequences of keys."""

    def __init__(self, fields: frozenset[str]) -> None:
        """`fields` are the contract's names."""
        self._fields = fields
        self._shapes: dict[tuple[str, ...], Shape] = {}

    def shape(self, value: bytes, keys: int, tags: int) -> Shape | None:
        """The shape of a message with `keys` keys at every depth and `tags` of them in its tags.

        `keys` as `key_counts` says. None when they leave room for a repeated key, or for anything else that
        needs the model.
        """
        try:
            pairs = _decode_keys(value)
        except UNREADABLE:
            return None
        names = tuple(pairs)
        shape = self._shapes.get(names) or self._learn(names)
        count = _count_keys
        if keys == KEYS_UNCLEAR:
            count = _count_unclear_keys
            keys = count(value)
        nested = sum(_nested_keys(pairs[name], count) for name in shape.unknown)
        # Every key counted once: the sum is never above `keys`, and equal only if no key stands twice.
        return shape if len(names) + tags + nested == keys else None

    def _learn(self, names: tuple[str, ...]) -> Shape:
        unknown = tuple(name for name in names if name not in self._fields)
        shape = Shape(self._fields.intersection(names), unknown)
        self._shapes[names] = shape
        return shape


def key_starts(value: bytes) -> dict[str, bytes]:
    """The top-level keys in their order, with the first byte of their values; none when they cannot be read."""
    try:
        return {name: bytes(raw)[:1] for name, raw in _decode_keys(value).items()}
    except UNREADABLE:
        return {}


def may_have_keys_once(value: bytes) -> bool:
    """Whether the object's keys, as far as a quick look tells, stand once each."""
    try:
        pairs = _decode_keys(value)
    except UNREADABLE:
        return False
    nested = sum(_nested_keys(raw, _count_unclear_keys) for raw in pairs.values())
    return _count_unclear_keys(value) <= len(pairs) + nested


def _nested_keys(raw: Raw, count: Callable[[bytes], int]) -> int:
    """How many keys a value holds, counted as those of the whole message are; far too many if it is deep."""
    text = bytes(raw)
    if text[:1] not in b"{[":
        return 0
    if text.count(b"[") + text.count(b"{") > _MOST_BRACKETS:
        return 1 << 40
    return count(text)


def _count_keys(text: bytes) -> int:
    return text.count(b'":')


def _count_unclear_keys(text: bytes) -> int:
    """Never fewer than there are: without its escapes, every quote in the text is the end of a string."""
    return len(_KEY_END.findall(_ESCAPE.sub(b"", text)))

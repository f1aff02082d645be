"""Ways to break the records of a fleet: by their structure, by their bytes, and by their neighbours.

Everything is drawn from the `Random` that is given: the same seed gives the same chunk.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from consumer.decoding.fleet_records import FIELDS_OF
from consumer.decoding.nasty_values import (
    AMOUNTS,
    CHOICES,
    FLAGS,
    IDENTITIES,
    MESSAGES,
    NUMBERS,
    TAGS,
    TEXTS,
    TIMES,
    UNKNOWN,
    UNKNOWN_NAMES,
    WHOLE,
)
from consumer.samples import ACTIVITY, FEEDBACK, LIFECYCLE, RUNS

Fields = list[tuple[str, str]]  # names and values as JSON text
Value = bytes | None

ANYTHING = [*AMOUNTS, *CHOICES, *FLAGS, *IDENTITIES, *MESSAGES, *NUMBERS, *TAGS, *TEXTS, *TIMES, *UNKNOWN]
DENSITIES = (0.0, 0.0, 0.01, 0.5, 1.0)  # beside "a single one"
ROWS = (1, 2, 5, 12, 30, 30, 60, 120)
MANY_ROWS = (500, 2_000, 9_000)
NOISE = (
    b"\x00",
    b"\xff",
    b"\n",
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b"\\",
    b":",
    b",",
    b"\xc3",
    b"\xed\xa0\x80",
    b"null",
    b"1e9",
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Values of one topic that are decoded together; `good` are the indices that nobody touched."""

    topic: str
    values: list[Value]
    good: frozenset[int]


def draw_chunk(random: Random) -> Chunk:
    """Mostly small, now and then larger than the decoder reads at once."""
    topic = random.choice((RUNS, RUNS, RUNS, FEEDBACK, LIFECYCLE, ACTIVITY))
    rows = random.choice(MANY_ROWS) if random.random() < 0.004 else random.choice(ROWS)
    sender = Sender(random, topic)
    records = [sender.fields() for _ in range(rows)]
    single = random.random() < 0.2
    density = random.choice(DENSITIES)
    broken = {random.randrange(rows)} if single else {at for at in range(rows) if random.random() < density}
    values: list[Value] = []
    good: set[int] = set()
    for at, fields in enumerate(records):
        if at not in broken:
            good.add(len(values))
            values.append(sender.render(fields))
        else:
            values += broken_values(random, sender, fields)
    return Chunk(topic, values, frozenset(good))


class Sender:
    """One producer: it always spells its messages the same way."""

    def __init__(self, random: Random, topic: str) -> None:
        self._random = random
        self._make = FIELDS_OF[topic]
        self._gap, self._colon = random.choice([(",", ":"), (", ", ": "), (",\n  ", " : ")])
        self._ascii = random.random() < 0.5
        self._extra = random.random() < 0.2

    def fields(self) -> Fields:
        """What a new record says."""
        told = self._make(self._random)
        if self._extra:
            told["hostname"] = f"node-{self._random.randrange(9)}"
        return [(name, json.dumps(value, ensure_ascii=self._ascii)) for name, value in told.items()]

    def render(self, fields: Fields) -> bytes:
        """The fields as one JSON object; a lone surrogate becomes bytes that are no UTF-8."""
        text = self._gap.join(f'"{name}"{self._colon}{value}' for name, value in fields)
        return ("{" + text + "}").encode("utf-8", "surrogatepass")


def broken_values(random: Random, sender: Sender, fields: Fields) -> list[Value]:
    """What becomes of a record that something happens to: usually one value, sometimes two. It may still be good."""
    for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
        random.choice(STRUCTURAL)(random, fields)
    value = sender.render(fields)
    for _ in range(random.choice((0, 0, 1, 1, 2, 4))):
        value = random.choice(OF_BYTES)(random, value)
    if random.random() < 0.1:
        return [random.choice([None, *WHOLE[:-1], bomb(random)])]
    if random.random() < 0.1:
        return random.choice(OF_NEIGHBOURS)(random, value, sender.render(sender.fields()))
    return [value]


def _set(random: Random, fields: Fields) -> None:
    at = random.randrange(len(fields))
    fields[at] = (fields[at][0], random.choice(ANYTHING))


def _number(random: Random, fields: Fields) -> None:
    """A number drawn digit by digit; in quotes it may be an amount."""
    digits = "".join(random.choices("0123456789", k=random.choice((1, 3, 9, 16, 17, 20, 40))))
    text = random.choice(("", "", "-", "+")) + digits
    text += random.choice(("", "", ".", f".{digits[::-1]}", ".000"))
    text += random.choice(("", "", f"e{random.randrange(-30, 30)}", "E+5", f"e{random.getrandbits(40)}"))
    at = random.randrange(len(fields))
    fields[at] = (fields[at][0], random.choice((text, f'"{text}"')))


def _time(random: Random, fields: Fields) -> None:
    """A time drawn part by part, about as often wrong as right."""
    year = random.choice((2026, 2026, 2014, 2015, 2100, 2101, 0, 9999))
    parts = [
        random.randrange(14),
        random.randrange(33),
        random.randrange(25),
        random.randrange(61),
        random.randrange(61),
    ]
    fraction = random.choice(("", "." + "".join(random.choices("0123456789", k=random.choice((1, 3, 6, 7, 9, 10))))))
    zone = random.choice(
        ("Z", "z", "", f"+{random.randrange(25):02}:{random.randrange(61):02}", "-0730", "+05", " UTC")
    )
    month, day, *clock = parts
    text = f"{year:04}-{month:02}-{day:02}{random.choice('TTTt ')}" + ":".join(f"{part:02}" for part in clock)
    at = random.randrange(len(fields))
    fields[at] = (fields[at][0], f'"{text}{fraction}{zone}"')


def _drop(random: Random, fields: Fields) -> None:
    if len(fields) > 1:
        fields.pop(random.randrange(len(fields)))


def _repeat(random: Random, fields: Fields) -> None:
    name, value = random.choice(fields)
    spelled = random.choice((name, name, f"\\u{ord(name[0]):04x}{name[1:]}" if name else name))
    fields.insert(random.randrange(len(fields) + 1), (spelled, random.choice((value, "null", random.choice(ANYTHING)))))


def _rename(random: Random, fields: Fields) -> None:
    at = random.randrange(len(fields))
    name = fields[at][0]
    changed = (
        name.upper(),
        name[:-1],
        f" {name}",
        f"\\u{ord(name[0]):04x}{name[1:]}" if name else "",
        random.choice(UNKNOWN_NAMES),
    )
    fields[at] = (random.choice(changed), fields[at][1])


def _swap(random: Random, fields: Fields) -> None:
    one, other = random.randrange(len(fields)), random.randrange(len(fields))
    fields[one], fields[other] = (fields[one][0], fields[other][1]), (fields[other][0], fields[one][1])


def _wrap(random: Random, fields: Fields) -> None:
    at = random.randrange(len(fields))
    opening, closing = random.choice((("[", "]"), ('{"a":', "}"), ('"', '"')))
    depth = random.choice((1, 1, 2, 63, 64, 65, 500))
    fields[at] = (fields[at][0], opening * depth + fields[at][1] + closing * depth)


def _add_unknown(random: Random, fields: Fields) -> None:
    for at in range(random.choice((1, 1, 2, 20, 300))):
        name = random.choice(UNKNOWN_NAMES) if random.random() < 0.5 else f"field_{at}"
        fields.insert(random.randrange(len(fields) + 1), (name, random.choice(UNKNOWN)))


def _shuffle(random: Random, fields: Fields) -> None:
    random.shuffle(fields)


STRUCTURAL: Sequence[Callable[[Random, Fields], None]] = (
    *(_set, _set, _set, _number, _number, _time, _time),
    *(_drop, _repeat, _rename, _swap, _wrap, _add_unknown, _shuffle),
)


def _flip_bit(random: Random, value: bytes) -> bytes:
    if not value:
        return value
    at = random.randrange(len(value))
    return value[:at] + bytes([value[at] ^ 1 << random.randrange(8)]) + value[at + 1 :]


def _insert_noise(random: Random, value: bytes) -> bytes:
    at = random.randrange(len(value) + 1)
    return value[:at] + random.choice(NOISE) + value[at + random.randrange(3) :]


def _cut_out(random: Random, value: bytes) -> bytes:
    at = random.randrange(len(value) + 1)
    return value[:at] + value[at + random.choice((1, 1, 4, 30)) :]


def _truncate(random: Random, value: bytes) -> bytes:
    return value[: random.randrange(len(value) + 1)]


def _repeat_range(random: Random, value: bytes) -> bytes:
    at, length = random.randrange(len(value) + 1), random.choice((1, 3, 40))
    return value[: at + length] + value[at:]


def _frame(random: Random, value: bytes) -> bytes:
    before = random.choice((b"", b" ", b"\n", b"\xef\xbb\xbf", b"\x00", b"[", b"\x1e", b"\x00\x00\x00\x00\x01"))
    return before + value + random.choice((b"", b" ", b"\n", b"\r\n", b"]", b",", b"\x00", b"null", b"{}"))


def _recode(random: Random, value: bytes) -> bytes:
    return value.decode("utf-8", "replace").encode(
        random.choice(("utf-16", "utf-16-le", "latin-1", "utf-32")), "replace"
    )


OF_BYTES: Sequence[Callable[[Random, bytes], bytes]] = (
    *(_flip_bit, _flip_bit, _insert_noise, _insert_noise, _cut_out),
    *(_truncate, _repeat_range, _frame, _recode),
)


def _glue(random: Random, value: bytes, other: bytes) -> list[Value]:
    return [value + random.choice((b"", b" ", b"\n", b",", b",\n")) + other]


def _split(random: Random, value: bytes, other: bytes) -> list[Value]:
    at = random.randrange(len(value) + 1)
    return [value[:at], value[at:]]


def _shift(random: Random, value: bytes, other: bytes) -> list[Value]:
    """Two objects whose border has moved: together the bytes are two good records."""
    whole, at = value + other, max(0, len(value) + random.randrange(-20, 21))
    return [whole[:at], whole[at:]]


def _splice(random: Random, value: bytes, other: bytes) -> list[Value]:
    return [value[: random.randrange(len(value) + 1)] + other[random.randrange(len(other) + 1) :]]


def _twice(random: Random, value: bytes, other: bytes) -> list[Value]:
    return [value, value]


OF_NEIGHBOURS: Sequence[Callable[[Random, bytes, bytes], list[Value]]] = (_glue, _split, _shift, _splice, _twice)


def bomb(random: Random) -> bytes:
    """Small to send, large or slow to read."""
    size = random.choice((65, 1_000, 40_000, 130_000))
    return random.choice(
        (
            b'{"run_id":' + b"[" * size + b"]" * size + b"}",
            b'{"a":' * size + b"1" + b"}" * size,
            b'{"cost_usd":1e' + b"9" * (size // 100 + 1) + b"}",
            b'{"input_tokens":' + b"9" * size + b"}",
            b'{"cost_usd":"0.' + b"1" * size + b'"}',
            b"{" + b",".join(b'"k%d":%d' % (at, at) for at in range(size // 20)) + b"}",
            b'{"error_message":"' + b"\\u0000" * (size // 6) + b'"}',
            b'{"tags":{' + b",".join(b'"%d":""' % at for at in range(size // 20)) + b"}}",
            random.randbytes(random.randrange(1, 300)),
        )
    )

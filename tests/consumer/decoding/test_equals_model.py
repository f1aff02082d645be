"""Whatever a batch of messages holds, the fast path says what the model says, row by row, column by column.

`RUNTALLY_FUZZ_EXAMPLES=20000 pytest tests/consumer/decoding/test_equals_model.py` looks longer.
"""

import os
from unittest.mock import patch

from consumer.decoding.nasty_values import GOOD, KINDS, UNKNOWN, UNKNOWN_NAMES, WHOLE
from consumer.decoding.oracle import check
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from runtally_consumer.decoding import decode_runs, runs

EXAMPLES = int(os.environ.get("RUNTALLY_FUZZ_EXAMPLES", "150"))


@st.composite
def _messages(draw: DrawFn) -> bytes:
    """A good message with a few things changed."""
    fields = list(GOOD.items())
    for _ in range(draw(st.integers(0, 3))):
        draw(st.sampled_from([_set, _set, _set, _drop, _repeat, _add_unknown]))(draw, fields)
    gap, colon = draw(st.sampled_from([(",", ":"), (", ", ": "), (",\n  ", " : "), (",", ":  "), (",\t", "\r\n:")]))
    text = "{" + gap.join(f'"{name}"{colon}{value}' for name, value in fields) + "}"
    value = text.encode("utf-8", "surrogatepass")
    return draw(st.sampled_from([_as_it_is] * 8 + [_break_bytes, _glue]))(draw, value)


def _set(draw: DrawFn, fields: list[tuple[str, str]]) -> None:
    name = draw(st.sampled_from(sorted(KINDS)))
    value = draw(st.sampled_from(KINDS[name]))
    fields[:] = [item for item in fields if item[0] != name]
    escaped = draw(st.sampled_from([name] * 9 + [f"\\u{ord(name[0]):04x}{name[1:]}"]))
    fields.insert(draw(st.integers(0, len(fields))), (escaped, value))


def _drop(draw: DrawFn, fields: list[tuple[str, str]]) -> None:
    fields.pop(draw(st.integers(0, len(fields) - 1)))


def _repeat(draw: DrawFn, fields: list[tuple[str, str]]) -> None:
    name, value = draw(st.sampled_from(fields))
    value = draw(st.sampled_from([value, "null"]))
    fields.insert(draw(st.integers(0, len(fields))), (name, value))


def _add_unknown(draw: DrawFn, fields: list[tuple[str, str]]) -> None:
    for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):
        fields.append((draw(st.sampled_from(UNKNOWN_NAMES)), draw(st.sampled_from(UNKNOWN))))


def _as_it_is(draw: DrawFn, value: bytes) -> bytes:
    return draw(st.sampled_from([value] * 8 + [b" " + value, value + b" \n", b"\xef\xbb\xbf" + value]))


def _break_bytes(draw: DrawFn, value: bytes) -> bytes:
    at = draw(st.integers(0, len(value)))
    noise = draw(st.sampled_from([b"", b"\x00", b"\xff", b"\n", b'"', b"{", b"}", b"\\", b":", b",", b"\xc3"]))
    return value[:at] + noise + value[at + draw(st.integers(0, 2)) :]


def _glue(draw: DrawFn, value: bytes) -> bytes:
    return draw(st.sampled_from([value + value, value + b" " + value, value[:-1] + b',"x":', value[:-1] + b","]))


VALUES: SearchStrategy[bytes | None] = st.one_of(
    _messages(), _messages(), _messages(), st.sampled_from([None, *WHOLE]), st.binary(max_size=20)
)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(values=st.lists(VALUES, max_size=24), chunk_rows=st.sampled_from([1, 3, 8192]))
def test_any_batch(values: list[bytes | None], chunk_rows: int) -> None:
    with patch.object(runs, "CHUNK_ROWS", chunk_rows):
        check(values, decode_runs)


def test_each_nasty_value_of_each_field_among_good_neighbours() -> None:
    good = _render(GOOD)
    for name, values in KINDS.items():
        for value in values:
            check([good, _render({**GOOD, name: value}), good], decode_runs)


def test_all_nasty_values_of_a_field_at_once() -> None:
    for name, values in KINDS.items():
        check([_render({**GOOD, name: value}) for value in values], decode_runs)


def test_each_nasty_unknown_field() -> None:
    for name in UNKNOWN_NAMES:
        check([_render({**GOOD, name: value}) for value in UNKNOWN], decode_runs)


def test_each_broken_value_among_good_neighbours() -> None:
    good = _render(GOOD)
    for value in WHOLE:
        check([good, value, good, good + good, good[:-1]], decode_runs)
    check([good, *WHOLE, None, good], decode_runs)


def _render(fields: dict[str, str]) -> bytes:
    text = "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}"
    return text.encode("utf-8", "surrogatepass")

"""Whatever a batch of messages holds, the fast path says what the model says, row by row, column by column.

`RUNTALLY_FUZZ_EXAMPLES=20000 pytest tests/consumer/decoding/test_equals_model.py` looks longer.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from runtally.events import RunSnapshot
from runtally.json_text import read_json
from runtally.violations import InvalidEvent, decode_event
from runtally_consumer.decoding import Decoded, decode_runs, runs
from runtally_consumer.decoding.batch import bounded
from runtally_consumer.decoding.reference import UNREADABLE_NUMBER
from runtally_consumer.decoding.schemas import AGENT_RUNS
from runtally_consumer.decoding.versions import run_version

EXAMPLES = int(os.environ.get("RUNTALLY_FUZZ_EXAMPLES", "150"))
UUID7 = "01a0c450-6c00-7226-b63c-5ab791b7584a"

IDENTITIES = [
    *(f'"{UUID7}"', f'"{UUID7.upper()}"', '"run-1"', '"bar-é"', '"a\\u0000b"', '"\\ud83d\\ude00"'),
    *('"01a0c450-6c00-7226-c63c-5ab791b7584a"', '"01a0c450-6c00-4226-b63c-5ab791b7584a"'),
    *('"01a0c4506c007226b63c5ab791b7584a"', '"00000000-0000-7226-b63c-5ab791b7584a"'),
    *('"ffffffff-ffff-7fff-bfff-ffffffffffff"', f'"{UUID7[:-1]}g"', f'"{UUID7[:-1]}é"', f'" {UUID7[1:]}"'),
    *('"x"', f'"{"x" * 128}"', f'"{"é" * 128}"', f'"{"x" * 129}"', '""', "7"),
]
TEXTS = [
    *('""', '"gpt"', '"a b"', '":colon"', '"a : b"', '"quote \\" end"', '"\\":"', '"ends \\\\"', '"{[\\"x\\":1]}"'),
    *('"\\ud800"', '"\\udc00x"', '"\\ud83d\\ude00"', '"\\u0000"', '"\x7f"', '"\x01"', '"tab\there"', '"line\nbreak"'),
    *(f'"{"x" * 256}"', f'"{"é" * 256}"', f'"{"x" * 257}"', f'"{"é" * 257}"', '"\\u00e9"', '"\\/"', '"\\x"', "'a'"),
    *('"😀"', '"\u2028"', '"\ufeff"', "null", "1", "true", "[]", "{}", '["a"]', '{"a":1}'),
]
MESSAGES = [*TEXTS, f'"{"m" * 4096}"', f'"{"é" * 2049}"', f'"x{"é" * 2048}"', f'"{"😀" * 1025}"', f'"{"m" * 9000}"']
NUMBERS = [
    *("0", "1", "12", "-0", "-0.0", "0.0", "1.0", "1e3", "1E+3", "10e-1", "0e5", "1.5", "-1", "1e-400", "1e400"),
    *("9007199254740991", "9007199254740992", "9007199254740993", "9007199254740991.0", "9007199254740991.3"),
    *("1.0000000000000001", "0.99999999999999999999", "1.0000000000000000000000000", "9223372036854775807"),
    *("9223372036854775808", "18446744073709551616", "1e18", "1e19", "1e30", "1e308", "1e999", "-1e999"),
    *("NaN", "Infinity", "-Infinity", "Inf", "nan", "01", "+1", ".5", "1.", "1e", "-", "0x10", "1_000", "1,5"),
    *('"1"', '"NaN"', "true", "false", "null", "[]", "[1]", "{}", "1" * 60, "1" * 400, "1" * 5000),
]
AMOUNTS = [
    *NUMBERS,
    *("0.1", "0.30000000000000004", "1.005", "0.0000000005", "0.0000000015", "0.00000000050000000000001"),
    *("999999999", "999999999.999999999", "999999999.9999999994", "999999999.9999999995", "1000000000"),
    *("1234567890.5", "1e-9", "5e-10", "1.5e-9", "2.5e-9", "1e-41", "1e-76", "1e-77", "-1e-12", "-0.0000000001"),
    *('"0.1"', '"+1"', '"-1"', '"-0"', '"1e3"', '"1E-3"', '".5"', '"1."', '"1.e5"', '"+.5"', '"1e+-5"', '"1e"'),
    *('""', '" 1"', '"1 "', '"1\\n"', '"1\\n2"', '"\\u0031"', '"\\u0031."', '"1\\u002e"', '"Infinity"', '"1_0"'),
    *('"0x10"', '"٣"', '"1,5"', '"."', '"e5"', '"1.2.3"', '"999999999.9999999995"', '"null"', '"1e1000000000"'),
    *(f'"0.{"1" * 40}"', f'"0.{"1" * 41}"', f"0.{'1' * 41}", f'"{"9" * 36}"', f'"{"9" * 80}"', f'"1.{"0" * 50}"'),
]
TIMES = [
    *(f'"{text}"' for text in ("2026-09-21T14:13:20Z", "2026-09-21T14:13:20.5Z", "2026-09-21T14:13:20.123456Z")),
    *('"2026-09-21T14:13:20.123456789Z"', '"2026-09-21T14:13:20.9999999999Z"', '"2026-09-21T14:13:20.Z"'),
    *('"2026-09-21T14:13:20+02:00"', '"2026-09-21T14:13:20-0230"', '"2026-09-21T14:13:20+02"'),
    *('"2026-09-21T14:13:20+23:59"', '"2026-09-21T14:13:20+24:00"', '"2026-09-21T14:13:20+02:60"'),
    *('"2026-09-21T14:13:20+2:00"', '"2026-09-21T14:13:20"', '"2026-09-21"', '"2026-09-21Z"', '"2026-09-21T14Z"'),
    *('"2026-09-21T14:13Z"', '"2026-09-21T14:13+02:00"', '"2026-09-21T14+02:00"', '"2026-09-21 14:13:20Z"'),
    *('"2026-09-21t14:13:20z"', '"2026-09-21T14:13:20z"', '" 2026-09-21T14:13:20Z"', '"2026-09-21T14:13:20Z "'),
    *('"2026-09-21T14:13:20Z\\n"', '"2026-09-21T14:13:20 Z"', '"2026-09-21T14:13:20,5Z"', '"20260921T141320Z"'),
    *('"2026-09-21T14:13:60Z"', '"2026-09-21T23:59:60Z"', '"2026-09-21T24:00:00Z"', '"2026-02-29T00:00:00Z"'),
    *('"2028-02-29T00:00:00Z"', '"2100-02-29T00:00:00Z"', '"2026-13-01T00:00:00Z"', '"2026-00-10T00:00:00Z"'),
    *('"2026-04-31T00:00:00Z"', '"2014-12-31T23:59:59.999999Z"', '"2015-01-01T00:00:00Z"'),
    *('"2015-01-01T00:00:00+00:01"', '"2014-12-31T23:59:59-00:01"', '"2100-12-31T23:59:59.999999Z"'),
    *('"2101-01-01T00:00:00Z"', '"2100-12-31T23:59:59-00:01"', '"2101-01-01T00:00:00+00:01"'),
    *('"2600-09-21T14:13:20Z"', '"1000-09-21T14:13:20Z"', '"9999-12-31T23:59:59-23:59"', '"0000-01-01T00:00:00Z"'),
    *('"0001-01-01T00:00:00+23:59"', '"+2026-09-21T14:13:20Z"', '"٢٠٢٦-09-21T14:13:20Z"', '"1790000000"'),
    *("1790000000", "1790000000.5", "null", "true", '""', '"now"', "{}"),
]
TAGS = [
    *("{}", "null", '{"a":"b"}', '{"a":"b","c":"d"}', '{"a":"b","a":"c"}', '{"a":"b","\\u0061":"c"}', '{"":"x"}'),
    *('{"é":"😀"}', '{"a":1}', '{"a":null}', '{"a":{"b":"c"}}', '{"a":"\\ud800"}', '{"\\ud800":"a"}', '{"a":":b"}'),
    *(
        '{"a" :"b"}',
        '{ "a" : "b" }',
        '{"a\\"":"b"}',
        '{"a\\\\":"b"}',
        '{"a":"\\u0000"}',
        "[]",
        '"a"',
        "1",
        '{"a":"b",}',
    ),
    json.dumps({f"k{at}": "v" for at in range(32)}),
    json.dumps({f"k{at}": "v" for at in range(33)}),
    *(json.dumps({"k" * size: "v"}) for size in (64, 65)),
    *(json.dumps({"é" * size: "v"}, ensure_ascii=False) for size in (64, 65)),
    *(json.dumps({"k": "é" * size}, ensure_ascii=False) for size in (256, 257)),
]
FLAGS = ["true", "false", "null", "0", "1", '"true"', "[]", "True"]
CHOICES = [
    '"succeeded"',
    '"failed"',
    '"running"',
    '"queued"',
    '"unknown"',
    '"Succeeded"',
    '"reported"',
    "null",
    '""',
    "1",
]
UNKNOWN_NAMES = ["x", "hostname", "", "Status", "run_id ", "a\\u0000b", "\\ud800", "é", "n" * 80, "tags2", "\\u0078"]
UNKNOWN = [
    '{"a":"x\\":y"}',
    '{"a" :"\\\\","a":1}',
    '[":", " :"]',
    *NUMBERS,
    *TEXTS,
    *TAGS,
    '[{"a":1,"a":2}]',
    '{"run_id":"inner"}',
    "[" * 40 + "]" * 40,
    "[" * 90 + "]" * 90,
]
KINDS: dict[str, list[str]] = {
    **dict.fromkeys(("run_id", "workspace_id", "agent_id"), IDENTITIES),
    **dict.fromkeys(("agent_name", "provider", "model", "user_id", "error_type", "parent_run_id", "trigger"), TEXTS),
    **dict.fromkeys(("updated_at", "started_at", "finished_at", "handed_off_at"), TIMES),
    **dict.fromkeys(("duration_ms", "input_tokens", "llm_calls", "recovery_ms", "retries"), NUMBERS),
    **dict.fromkeys(("cost_usd", "credits"), AMOUNTS),
    **dict.fromkeys(("deleted", "recovered"), FLAGS),
    **dict.fromkeys(("status", "cost_source"), CHOICES),
    "error_message": MESSAGES,
    "tags": TAGS,
}
GOOD = {
    "run_id": f'"{UUID7}"',
    "workspace_id": '"acme"',
    "agent_id": '"planner"',
    "status": '"succeeded"',
    "updated_at": '"2026-09-21T14:13:22.000001Z"',
    "started_at": '"2026-09-21T14:13:20.5Z"',
    "finished_at": '"2026-09-21T14:13:21.9995Z"',
    "input_tokens": "12",
    "cost_usd": '"0.5"',
    "error_message": '"no \\"luck\\""',
    "tags": '{"team":"a","tier":"gold"}',
}
WHOLE = [
    *(b"", b" ", b"{}", b"null", b"true", b"7", b'"x"', b"[]", b"[{}]", b"{", b"}", b"{}{}", b"{},", b"\xef\xbb\xbf{}"),
    *(b'{"x":', b'{"x":1', b'{"k":1}}', b'"x":1}', b"\x00", b"{}\x00", b'{"x":"\xff"}', b'{"x":"\xed\xa0\x80"}'),
    *(b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}", b"[" * 50_000, b'{"a":' * 50_000, b"{" + b" " * 300_000 + b"}"),
    *(b"x" * 5_000_000, b"{" + b"x" * 5_000_000),
]


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


def expected_row(event: RunSnapshot, value: bytes) -> dict[str, object]:
    """The row of a run, as the design words it."""
    computed: dict[str, object] = {
        "run_id": event.id.bytes,
        "external_id": event.run_id,
        "version": run_version(event.status, event.deleted, event.updated_at, value).to_bytes(16, "little"),
        "is_deleted": int(event.deleted),
        "duration_ms": event.elapsed_ms,
        "clock_skew": event.clock_skew,
        "cost_source": event.known_cost_source,
        "tags": list(event.tags.items()),
    }
    return {name: computed.get(name, getattr(event, name, None)) for name in AGENT_RUNS.names}


def check(values: Sequence[bytes | None], decode: Callable[[Sequence[bytes | None]], Decoded]) -> None:
    """Decode, and compare with the model called on each message."""
    events: dict[int, RunSnapshot] = {}
    refused: dict[int, str] = {}
    unknown: Counter[str] = Counter()
    for index, value in enumerate(values):
        try:
            events[index] = decode_event(RunSnapshot, value if value is not None else b"")
        except InvalidEvent as error:
            refused[index] = str(error)
        except ArithmeticError:  # a year or an exponent beyond Python's; refused all the same
            refused[index] = str(UNREADABLE_NUMBER)
        else:
            assert value is not None
            fields = read_json(value)
            assert isinstance(fields, dict)
            unknown.update(name for name in fields if name not in RunSnapshot.model_fields)
    decoded = decode(values)
    assert [item.index for item in decoded.rejected] == sorted(refused)
    for item in decoded.rejected:
        assert item.violations
        if values[item.index] is not None:
            assert "; ".join(map(str, item.violations)) == refused[item.index]
    assert sorted(decoded.rows.tolist()) == sorted(events)
    decoded.table.validate(full=True)
    for index, row in zip(decoded.rows.tolist(), decoded.table.to_pylist(), strict=True):
        value = values[index]
        assert value is not None
        assert row == expected_row(events[index], value)
    assert decoded.unknown_fields == bounded(unknown)


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

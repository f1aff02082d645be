"""Reading what senders write: every refusal names the field, the reason and the remedy."""

from decimal import Decimal

import pytest
from producer.samples import RUN
from runtally.events import EVENTS, Event, RunSnapshot
from runtally.json_text import InvalidJson, NotFinite, RepeatingObject, read_json
from runtally.violations import (
    KNOWN_ALIASES,
    MAX_RECORD_BYTES,
    InvalidEvent,
    decode_event,
    nearest_name,
    remedy,
    unknown_fields,
    validate_event,
)

GOOD = b'{"run_id":"a","workspace_id":"w","agent_id":"p","status":"running","updated_at":"2026-11-21T09:00:00Z",'
GOOD += b'"started_at":"2026-11-21T09:00:00Z"'


def violations_of(value: bytes) -> list[tuple[str, str]]:
    with pytest.raises(InvalidEvent) as raised:
        decode_event(RunSnapshot, value)
    assert all(violation.remedy for violation in raised.value.violations)
    return [(violation.field, violation.message) for violation in raised.value.violations]


@pytest.mark.parametrize(
    ("value", "field", "message"),
    [
        (b"", "", "not JSON"),
        (b"{", "", "not JSON"),
        (b"null", "", "must be a JSON object"),
        (b"[]", "", "must be a JSON object"),
        (b'"text"', "", "must be a JSON object"),
        (b"{}{}", "", "not JSON"),
        (b'{"a":"\xff"}', "", "invalid UTF-8 at byte 6"),
        (b"\xef\xbb\xbf{}", "", "not JSON"),
        (b"[" * 100_000, "", "nested too deeply"),
        (GOOD + b',"run_id":"b"}', "run_id", "stands twice"),
        (GOOD + b',"x":1,"x":2}', "x", "stands twice"),
        (GOOD + b',"input_tokens":NaN}', "input_tokens", "must be an integer >= 0, got NaN"),
        (GOOD + b',"cost_usd":Infinity}', "cost_usd", "got Infinity"),
        (GOOD + b',"input_tokens":"5"}', "input_tokens", "got '5'"),
        (GOOD + b',"input_tokens":-5}', "input_tokens", "must be an integer >= 0, got -5"),
        (GOOD + b',"input_tokens":' + b"9" * 5000 + b"}", "input_tokens", "must be"),
        (GOOD + b',"tags":{"a":"1","a":"2"}}', "tags", "must not repeat a key, got 'a' twice"),
        (GOOD + b',"model":"\\ud800"}', "model", "surrogate"),
        (GOOD + b" " * MAX_RECORD_BYTES + b"}", "", f"at most {MAX_RECORD_BYTES}"),
    ],
    ids=lambda part: repr(part[-40:]),
)
def test_each_refusal_names_its_field_and_reason(value: bytes, field: str, message: str) -> None:
    found = violations_of(value)
    assert [name for name, _ in found] == [field]
    assert message in found[0][1]


def test_all_wrong_fields_are_named_at_once() -> None:
    found = violations_of(b'{"run_id":"","status":"done","input_tokens":-1}')
    assert {name for name, _ in found} == {"run_id", "status", "input_tokens", "workspace_id", "agent_id", "updated_at"}


def test_the_error_reads_as_a_sentence() -> None:
    with pytest.raises(InvalidEvent, match=r"input_tokens must be an integer >= 0, got -5"):
        validate_event(RunSnapshot, RUN | {"input_tokens": -5})


def test_messages_never_show_pages_of_text() -> None:
    assert all(len(message) < 200 for _, message in violations_of(GOOD + b',"duration_ms":"' + b"x" * 9999 + b'"}'))


def test_numbers_keep_their_decimal_text() -> None:
    event = decode_event(RunSnapshot, GOOD + b',"cost_usd":1.0050000000000000001,"input_tokens":1.0}')
    assert (event.cost_usd, event.input_tokens) == (Decimal("1.005"), 1)


def test_what_json_allows_and_the_contract_does_not_is_marked_in_its_place() -> None:
    value = read_json(b'[{"a":1,"a":2},NaN,{"a":{"b":1,"b":2}}]')
    assert isinstance(value, list)
    assert isinstance(value[0], RepeatingObject)
    assert value[0].repeated == "a"
    assert value[1] == NotFinite("NaN")
    assert isinstance(value[2], dict)
    assert isinstance(value[2]["a"], RepeatingObject)
    with pytest.raises(InvalidJson, match="character 1"):
        read_json(b"[,]")


def test_an_integer_of_any_length_is_readable() -> None:
    assert read_json(b"9" * 10_000) == Decimal("9" * 10_000)
    assert read_json(b"123") == 123


@pytest.mark.parametrize(
    ("unknown", "nearest"),
    [
        ("tokens_input", "input_tokens"),
        ("estimated_cost", "cost_usd"),
        ("Input_Tokens", "input_tokens"),
        ("inputtokens", "input_tokens"),
        ("sesion_id", "session_id"),
        ("zzz", None),
        ("x" * 100_000, None),
    ],
)
def test_unknown_names_and_the_nearest_known(unknown: str, nearest: str | None) -> None:
    assert unknown_fields(RunSnapshot, RUN | {unknown: 1}) == {unknown: nearest}


def test_aliases_lead_only_to_fields_of_the_message() -> None:
    known = {name for model in EVENTS for name in model.model_fields}
    assert set(KNOWN_ALIASES.values()) <= known
    assert nearest_name("estimated_cost", ["rating"]) is None


@pytest.mark.parametrize(
    "wrong", [[1], -1, "\ud800", "x" * 999, True, None, "2001-01-01T00:00:00Z", {"\ud800": 1}], ids=ascii
)
@pytest.mark.parametrize("model", EVENTS)
def test_any_nonsense_is_refused_in_words_that_can_be_written(model: type[Event], wrong: object) -> None:
    with pytest.raises(InvalidEvent) as raised:
        validate_event(model, dict.fromkeys(model.model_fields, wrong))
    for violation in raised.value.violations:
        assert violation.remedy
        assert str(violation).encode()


def test_a_lone_surrogate_in_a_name_is_written_out() -> None:
    with pytest.raises(InvalidEvent) as raised:
        decode_event(RunSnapshot, b'{"\\ud800":1,"\\ud800":2}')
    assert raised.value.violations[0].field == "\\ud800"
    assert unknown_fields(RunSnapshot, {"\ud800": 1}) == {"\\ud800": None}


def test_the_remedy_of_a_kind() -> None:
    assert remedy("number") == "send null when unknown"

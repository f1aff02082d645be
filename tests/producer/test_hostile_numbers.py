"""Inputs that once crashed a reader: each is a violation with a reason, at every door."""

import json

import pytest
from runtally.events import RunSnapshot
from runtally.violations import InvalidEvent, decode_event

GOOD = {
    "run_id": "r",
    "workspace_id": "w",
    "agent_id": "a",
    "status": "failed",
    "started_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z",
}


def _refusal(value: bytes) -> str:
    with pytest.raises(InvalidEvent) as refused:
        decode_event(RunSnapshot, value)
    return str(refused.value)


def _with(text: str) -> bytes:
    return (json.dumps(GOOD)[:-1] + f", {text}}}").encode()


@pytest.mark.parametrize("field", ["cost_usd", "input_tokens", "run_id", "updated_at", "tags", "recovered"])
def test_an_exponent_beyond_all_bounds_is_refused(field: str) -> None:
    value = {name: text for name, text in GOOD.items() if name != field}
    assert field in _refusal((json.dumps(value)[:-1] + f', "{field}": 1e99999999999999999999}}').encode())


def test_such_a_number_in_an_unknown_field_is_ignored() -> None:
    assert decode_event(RunSnapshot, _with('"mystery": 1e99999999999999999999')).run_id == "r"


def test_a_uuid7_past_the_calendar_is_refused() -> None:
    value = json.dumps({**GOOD, "run_id": "ffffffff-ffff-7fff-bfff-ffffffffffff"}).encode()
    assert "run_id is a UUIDv7 whose time lies outside" in _refusal(value)


@pytest.mark.parametrize(("levels", "accepted"), [(63, True), (64, False), (800, False), (50_000, False)])
def test_the_bound_on_nesting_does_not_depend_on_the_stack(levels: int, accepted: bool) -> None:
    value = _with('"mystery": ' + "[" * levels + "]" * levels)
    if accepted:
        assert decode_event(RunSnapshot, value).run_id == "r"
    else:
        assert "nested" in _refusal(value)

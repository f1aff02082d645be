"""The messages as wholes: identity, durations, canonical bytes, and that decoding undoes encoding."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from producer.samples import FULL_RUN, GOOD_EVENTS, RUN, UUID7
from pydantic import ValidationError
from runtally.events import EVENTS, Event, RunSnapshot, format_instant, format_money
from runtally.identity import derive_uuid7, is_uuid7, uuid7_started_at
from runtally.violations import InvalidEvent, decode_event, validate_event


def run(**fields: Any) -> RunSnapshot:
    return validate_event(RunSnapshot, RUN | fields)


@pytest.mark.parametrize(("model", "fields"), GOOD_EVENTS, ids=lambda part: getattr(part, "topic", ""))
def test_decoding_undoes_encoding(model: type[Event], fields: dict[str, object]) -> None:
    event = validate_event(model, fields)
    value = event.message_value()
    assert decode_event(model, value) == event
    assert decode_event(model, value).message_value() == value


def test_the_four_topics_and_their_keys() -> None:
    assert [model.topic for model in EVENTS] == [
        "agent-runs.v1",
        "agent-feedback.v1",
        "agent-lifecycle.v1",
        "user-activity.v1",
    ]
    keys = [validate_event(model, fields).message_key for model, fields in GOOD_EVENTS]
    assert keys == ["bar-1", "bar-1", "bar-1", "planner", "u-1"]


def test_what_is_unknown_is_not_written() -> None:
    assert json.loads(run(input_tokens=None, model="", tags={}, deleted=False).message_value()) == RUN | {
        "updated_at": "2026-11-21T09:00:02.000001Z",
        "started_at": "2026-11-21T09:00:00.123000Z",
    }


def test_zero_is_known() -> None:
    written = json.loads(run(input_tokens=0, cost_usd=0, recovered=False).message_value())
    assert (written["input_tokens"], written["cost_usd"], written["recovered"]) == (0, "0", False)


def test_equal_events_have_equal_bytes_however_they_were_written() -> None:
    one = run(cost_usd="0.10", input_tokens=1.0, started_at="2026-11-21T10:00:00.123+01:00")
    other = run(input_tokens=1, cost_usd=Decimal("0.1"))
    assert one == other
    assert one.message_value() == other.message_value()


@pytest.mark.parametrize("needed", ["run_id", "workspace_id", "agent_id", "status", "updated_at"])
def test_what_a_run_cannot_do_without(needed: str) -> None:
    with pytest.raises(InvalidEvent) as raised:
        validate_event(RunSnapshot, {name: value for name, value in RUN.items() if name != needed})
    assert [(violation.field, violation.message) for violation in raised.value.violations] == [(needed, "is required")]


def test_a_run_needs_its_start_or_an_id_that_holds_it() -> None:
    assert run(run_id=UUID7, started_at=None).id == UUID(UUID7)
    with pytest.raises(InvalidEvent) as raised:
        run(started_at=None)
    assert raised.value.violations[0].field == "started_at"


def test_a_uuid7_out_of_the_years_is_refused() -> None:
    with pytest.raises(InvalidEvent) as raised:
        run(run_id="00000000-0000-7000-8000-000000000000", started_at=None)
    assert raised.value.violations[0].field == "run_id"


def test_the_stored_key_is_the_given_uuid7_in_either_case() -> None:
    assert run(run_id=UUID7.upper()).id == UUID(UUID7)
    assert run(run_id=UUID7).start == uuid7_started_at(UUID(UUID7))


@pytest.mark.parametrize(
    "opaque",
    [
        "0193a5c0-7b1e-4c3f-9a51-2f0c6f3f1a10",  # version 4
        "0193a5c0-7b1e-7c3f-0a51-2f0c6f3f1a10",  # not the RFC's variant
        "0193a5c07b1e7c3f9a512f0c6f3f1a10",  # not the canonical form
        "{0193a5c0-7b1e-7c3f-9a51-2f0c6f3f1a10}",
        UUID7 + "\n",
    ],
)
def test_other_ids_are_opaque(opaque: str) -> None:
    snapshot = run(run_id=opaque)
    assert snapshot.started_at is not None
    assert snapshot.id == derive_uuid7("acme", opaque, snapshot.started_at)
    assert is_uuid7(str(snapshot.id))
    assert format_instant(snapshot.start) == "2026-11-21T09:00:00.123000Z"


@pytest.mark.parametrize(
    ("fields", "elapsed", "skew"),
    [
        ({}, None, False),
        ({"finished_at": "2026-11-21T09:00:01.124Z"}, 1001, False),
        ({"finished_at": "2026-11-21T09:00:00.123499Z"}, 0, False),
        ({"finished_at": "2026-11-21T09:00:00.123500Z"}, 1, False),
        ({"finished_at": "2026-11-21T09:00:00.123Z"}, 0, False),
        ({"finished_at": "2026-11-21T09:00:00.122999Z"}, None, True),
        ({"finished_at": "2026-11-21T08:00:00Z"}, None, True),
        ({"finished_at": "2026-11-21T08:00:00Z", "duration_ms": 7}, 7, False),
        ({"finished_at": "2026-11-21T10:00:00Z", "duration_ms": 7}, 7, False),
        ({"duration_ms": 0}, 0, False),
    ],
)
def test_durations_and_clock_skew(fields: dict[str, object], elapsed: int | None, skew: bool) -> None:
    snapshot = run(**fields)
    assert (snapshot.elapsed_ms, snapshot.clock_skew) == (elapsed, skew)


def test_a_uuid7_run_is_measured_from_the_time_in_its_id() -> None:
    started = uuid7_started_at(UUID(UUID7))
    snapshot = run(run_id=UUID7, started_at=None, finished_at=format_instant(started + timedelta(seconds=2)))
    assert snapshot.elapsed_ms == 2000


@pytest.mark.parametrize(
    ("fields", "source"),
    [
        ({}, "unknown"),
        ({"cost_usd": "1"}, "reported"),
        ({"cost_usd": 0}, "reported"),
        ({"cost_usd": "1", "cost_source": "inferred"}, "inferred"),
        ({"cost_source": "unknown"}, "unknown"),
    ],
)
def test_where_a_cost_is_from(fields: dict[str, object], source: str) -> None:
    assert run(**fields).known_cost_source == source


def test_events_do_not_change_and_ignore_what_they_do_not_know() -> None:
    snapshot = run(tokens_input=5)
    assert not hasattr(snapshot, "tokens_input")
    for name in ("status", "tokens_input"):
        with pytest.raises(ValidationError):
            setattr(snapshot, name, "failed")


def test_a_message_without_a_key_of_its_own_says_so() -> None:
    class Keyless(Event):
        pass

    with pytest.raises(TypeError, match="Keyless"):
        _ = Keyless().message_key


def test_the_text_of_instants_and_money() -> None:
    assert format_instant(datetime(2026, 11, 21, 9, tzinfo=UTC)) == "2026-11-21T09:00:00Z"
    assert [format_money(Decimal(text)) for text in ("1.500", "100", "0E-9", "1E+2")] == ["1.5", "100", "0", "100"]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)
counts = st.none() | st.integers(0, 2**53 - 1)
instants = st.datetimes(datetime(2015, 1, 2), datetime(2100, 12, 30), timezones=st.just(UTC))
money = st.none() | st.decimals(0, 999_999_999, places=12)
snapshots = st.fixed_dictionaries(
    {
        "run_id": texts.filter(bool) | st.uuids(version=4).map(str) | st.just(UUID7),
        "workspace_id": texts.filter(bool),
        "agent_id": texts.filter(bool),
        "status": st.sampled_from(["queued", "running", "failed", "unknown"]),
        "updated_at": instants,
        "started_at": instants,
    },
    optional={
        "finished_at": st.none() | instants,
        "duration_ms": counts,
        "input_tokens": counts,
        "cost_usd": money,
        "credits": money,
        "model": texts,
        "error_message": texts.map(lambda text: text * 60),
        "recovered": st.none() | st.booleans(),
        "deleted": st.booleans(),
        "tags": st.dictionaries(texts.map(lambda key: key[:64]).filter(bool), texts, max_size=32),
    },
)


@settings(max_examples=200, deadline=None)
@given(snapshots)
def test_any_run_survives_the_wire(fields: dict[str, Any]) -> None:
    event = validate_event(RunSnapshot, fields)
    value = event.message_value()
    decoded = decode_event(RunSnapshot, value)
    assert decoded == event
    assert decoded.message_value() == value
    assert (decoded.id, decoded.elapsed_ms, decoded.clock_skew) == (event.id, event.elapsed_ms, event.clock_skew)
    assert is_uuid7(str(decoded.id))


@settings(max_examples=100, deadline=None)
@given(snapshots, st.randoms(use_true_random=False))
def test_the_order_of_the_fields_changes_nothing(fields: dict[str, Any], random: Any) -> None:
    shuffled = list(fields.items())
    random.shuffle(shuffled)
    one, other = validate_event(RunSnapshot, fields), validate_event(RunSnapshot, dict(shuffled))
    assert one.message_value() == other.message_value()


def test_a_full_run_reads_as_written() -> None:
    written = json.loads(run(**FULL_RUN).message_value())
    assert written == FULL_RUN | {
        "started_at": "2026-11-21T09:00:00.123000Z",
        "finished_at": "2026-11-21T09:00:01.124000Z",
        "credits": "3",
    }
    assert list(written) == [name for name in RunSnapshot.model_fields if name in written]

"""What a batch of messages must decode to: the model called on each, and the rows as the design words them."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from runtally.events import AgentLifecycle, Event, RunFeedback, RunSnapshot, UserActivity
from runtally.identity import derive_uuid7, is_uuid7
from runtally.json_text import read_json
from runtally.violations import InvalidEvent, decode_event
from runtally_consumer.decoding import Decoded
from runtally_consumer.decoding.batch import bounded
from runtally_consumer.decoding.decoders import DECODERS, Decoder
from runtally_consumer.decoding.reference import UNREADABLE_NUMBER
from runtally_consumer.decoding.versions import event_version, run_version

Row = dict[str, object]
RUN_DECODER = DECODERS[RunSnapshot.topic]


def _key(event: Any, given: str, at: datetime) -> bytes:
    return (UUID(given) if is_uuid7(given) else derive_uuid7(event.workspace_id, given, at)).bytes


def _run_cells(event: RunSnapshot, value: bytes) -> Row:
    return {
        "run_id": event.id.bytes,
        "external_id": event.run_id,
        "version": run_version(event.status, event.deleted, event.updated_at, value).to_bytes(16, "little"),
        "is_deleted": int(event.deleted),
        "duration_ms": event.elapsed_ms,
        "clock_skew": event.clock_skew,
        "cost_source": event.known_cost_source,
        "tags": list(event.tags.items()),
    }


def _feedback_cells(event: RunFeedback, value: bytes) -> Row:
    return {
        "id": _key(event, event.feedback_id, event.created_at),
        "version": event_version(event.created_at, value).to_bytes(16, "little"),
    }


def _lifecycle_cells(event: AgentLifecycle, value: bytes) -> Row:
    return {
        "id": _key(event, event.event_id, event.at),
        "version": event_version(event.at, value).to_bytes(16, "little"),
    }


def _activity_cells(event: UserActivity, value: bytes) -> Row:
    return {
        "id": _key(event, event.event_id, event.at),
        "version": event_version(event.at, value).to_bytes(16, "little"),
        "properties": list(event.properties.items()),
    }


_CELLS: Mapping[type[Event], Callable[[Any, bytes], Row]] = {
    RunSnapshot: _run_cells,
    RunFeedback: _feedback_cells,
    AgentLifecycle: _lifecycle_cells,
    UserActivity: _activity_cells,
}


def expected_row(decoder: Decoder, event: Event, value: bytes) -> Row:
    """The row of an event: its fields, and what is computed from it."""
    computed = _CELLS[decoder.model](event, value)
    return {name: computed.get(name, getattr(event, name, None)) for name in decoder.schema.names}


def check(
    values: Sequence[bytes | None],
    decode: Callable[[Sequence[bytes | None]], Decoded] | None = None,
    decoder: Decoder = RUN_DECODER,
    good: Collection[int] = (),
) -> Decoded:
    """Decode, and compare with the model called on each message; `good` are indices that must be accepted."""
    events: dict[int, Event] = {}
    refused: dict[int, str] = {}
    unknown: Counter[str] = Counter()
    for index, value in enumerate(values):
        try:
            events[index] = decode_event(decoder.model, value if value is not None else b"")
        except InvalidEvent as error:
            refused[index] = str(error)
        except ArithmeticError:  # a year or an exponent beyond Python's; refused all the same
            refused[index] = str(UNREADABLE_NUMBER)
        else:
            assert value is not None
            fields = read_json(value)
            assert isinstance(fields, dict)
            unknown.update(name for name in fields if name not in decoder.model.model_fields)
    assert not refused.keys() & set(good), "the model refuses what is good"
    decoded = (decode or decoder.decode)(values)
    assert [item.index for item in decoded.rejected] == sorted(refused)
    for item in decoded.rejected:
        assert item.violations
        if values[item.index] is not None:
            assert "; ".join(map(str, item.violations)) == refused[item.index]
    assert sorted(decoded.rows.tolist()) == sorted(events)
    decoded.table.validate(full=True)
    assert decoded.table.schema.equals(decoder.schema)
    for index, row in zip(decoded.rows.tolist(), decoded.table.to_pylist(), strict=True):
        value = values[index]
        assert value is not None
        assert row == expected_row(decoder, events[index], value)
    assert decoded.unknown_fields == bounded(unknown)
    return decoded

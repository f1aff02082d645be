"""The reference path: one message at a time through the pydantic model, which has the last word.

Pure, and never raises for bad input: a message is a row or a rejection.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import pyarrow as pa
from runtally.events import Event
from runtally.json_text import InvalidJson, JsonValue, read_json
from runtally.violations import MAX_RECORD_BYTES, InvalidEvent, Violation, decode_event, validate_event

from runtally_consumer.decoding.batch import Decoded, Rejected, as_indices, bounded
from runtally_consumer.decoding.rows import rows_table

E = TypeVar("E", bound=Event)

NO_VALUE = Violation(
    "", "has no value (a Kafka tombstone)", "to delete a run, publish a snapshot of it with deleted true"
)
UNREADABLE_NUMBER = Violation("", "holds a number or a time that cannot be read", "send null when unknown")


def read_event(model: type[E], value: bytes) -> tuple[E, Mapping[str, JsonValue]]:
    """The event, by the rules of `decode_event`, and the object it was read from. Raises `InvalidEvent`."""
    if len(value) <= MAX_RECORD_BYTES:
        try:
            fields = read_json(value)
            event = validate_event(model, fields)
        except InvalidJson:
            pass  # refused below, in the reference's own words
        except ArithmeticError as error:
            # An exponent or a year beyond what Python holds must not stop the consumer.
            raise InvalidEvent([UNREADABLE_NUMBER]) from error
        else:
            assert isinstance(fields, dict)
            return event, fields
    return decode_event(model, value), {}


class ReferenceReader:
    """Collects events and rejections of one kind, message by message."""

    def __init__(self, model: type[Event]) -> None:
        self.model = model
        self.indices: list[int] = []
        self.events: list[tuple[Event, bytes]] = []
        self.rejected: list[Rejected] = []
        self.unknown: Counter[str] = Counter()

    def read(self, index: int, value: bytes | None) -> None:
        """Take in one message, whatever it holds."""
        if value is None:
            self.rejected.append(Rejected(index, (NO_VALUE,)))
            return
        try:
            event, fields = read_event(self.model, value)
        except InvalidEvent as error:
            self.rejected.append(Rejected(index, tuple(error.violations)))
            return
        self.indices.append(index)
        self.events.append((event, value))
        self.unknown.update(name for name in fields if name not in self.model.model_fields)

    def read_all(self, values: Sequence[bytes | None], indices: Iterable[int]) -> None:
        """Take in the messages at these indices."""
        for index in indices:
            self.read(index, values[index])


def decode_by_model(model: type[Event], schema: pa.Schema, values: Sequence[bytes | None]) -> Decoded:
    """Decode every message through the model."""
    reader = ReferenceReader(model)
    reader.read_all(values, range(len(values)))
    table = rows_table(schema, reader.events)
    return Decoded(table, as_indices(reader.indices), reader.rejected, bounded(reader.unknown))

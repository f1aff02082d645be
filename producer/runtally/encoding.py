"""From what an agent emitted to the record that is sent, in the background: checks, mends, encodes."""

import logging
from collections.abc import Mapping

from runtally.events import Event
from runtally.transport import Record
from runtally.violations import (
    MAX_RECORD_BYTES,
    InvalidEvent,
    Violation,
    nearest_name,
    oversized,
    unknown_fields,
    validate_event,
)

LOGGER = logging.getLogger("runtally")
_MOST_KINDS_REMEMBERED = 1000


class Complaints:
    """Says each kind of trouble once, so that a fleet's log holds the remedy and not a line for every run."""

    def __init__(self) -> None:
        self._said: set[tuple[str, str]] = set()

    def once(self, about: str, kind: str, text: str) -> None:
        if (about, kind) not in self._said and len(self._said) < _MOST_KINDS_REMEMBERED:
            self._said.add((about, kind))
            LOGGER.warning("%s", text)

    def violation(self, model: type[Event], violation: Violation, consequence: str) -> None:
        self.once(
            model.__name__,
            violation.field,
            f"{model.__name__}: {violation}: {consequence}; {violation.remedy} (said once for this field)",
        )


def check(model: type[Event], fields: Mapping[str, object]) -> Event:
    """The event in the fields, with nothing forgiven. Raises `InvalidEvent`, for unknown names too."""
    if unknown := unknown_fields(model, fields):
        raise InvalidEvent([unknown_name(name, list(model.model_fields)) for name in unknown])
    return validate_event(model, dict(fields))


def unknown_name(name: str, known: list[str]) -> Violation:
    nearest = nearest_name(name, known)
    return Violation(name, "is no field of the contract", f"did you mean {nearest}?" if nearest else "leave it out")


def encode(model: type[Event], fields: Mapping[str, object], complaints: Complaints) -> tuple[Record | None, int]:
    """The record, and how many violations it took.

    A wrong value of a field that may be absent is left out: unknown is better than lost. Without an identity
    or a status there is no message: None.
    """
    event, violations = _mend(model, fields, complaints)
    if event is None:
        return None, violations
    value = event.message_value()
    if len(value) > MAX_RECORD_BYTES:
        complaints.violation(model, oversized(len(value)), "not sent")
        return None, violations + 1
    return Record(model.topic, event.message_key.encode(), value), violations


def _mend(model: type[Event], fields: Mapping[str, object], complaints: Complaints) -> tuple[Event | None, int]:
    try:
        return validate_event(model, fields), 0
    except InvalidEvent as error:
        violations = error.violations
    wrong = {violation.field.split(".")[0] for violation in violations}
    needed = {name for name, field in model.model_fields.items() if field.is_required()}
    event = None
    if not wrong & needed:
        try:
            event = validate_event(model, {name: value for name, value in fields.items() if name not in wrong})
        except InvalidEvent as error:
            violations = [*violations, *error.violations]
    for violation in violations:
        complaints.violation(model, violation, "not sent" if event is None else "left out")
    return event, len(violations)

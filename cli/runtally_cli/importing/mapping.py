"""From rows to snapshots: a compiled map is a pure function, so equal rows are equal messages, always."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from runtally.events import RunSnapshot
from runtally.fields import shown
from runtally.identity import is_uuid7, uuid7_started_at
from runtally.json_text import JsonValue, NotFinite, RepeatingObject
from runtally.violations import MAX_RECORD_BYTES, InvalidEvent, Violation, oversized, validate_event

from runtally_cli.importing.expressions import Expression
from runtally_cli.importing.field_map import NULL_VALUES, FieldFailed, FieldMap, lookup_texts


@dataclass(frozen=True, slots=True)
class FileOptions:
    """What the map says about the file as a whole."""

    rows: Expression | None = None
    form: str | None = None
    delimiter: str | None = None
    encoding: str = "utf-8"


@dataclass(slots=True)
class RunMap:
    """A compiled map. `snapshot` is pure, but for remembering which fields were ever known."""

    fields: tuple[FieldMap, ...]
    null_values: frozenset[str] = frozenset()
    options: FileOptions = field(default_factory=FileOptions)
    _ever_known: set[str] = field(default_factory=set)

    def snapshot(self, row: JsonValue) -> RunSnapshot:
        """The row's run. Raises `InvalidEvent` with every reason why it is none."""
        if not isinstance(row, dict):
            raise InvalidEvent([Violation("", f"the row must be an object, got {shown(row)}", "one object a row")])
        if isinstance(row, RepeatingObject):
            raise InvalidEvent([Violation(row.repeated, "stands twice in the row", "write each key once")])
        try:
            return _validated(self._values(row))
        except RecursionError as error:
            raise InvalidEvent([Violation("", "the row is nested too deeply", "map a flatter row")]) from error

    def _values(self, row: JsonValue) -> dict[str, JsonValue]:
        cleaned = self._without_null_values(row) if self.null_values else row
        values: dict[str, JsonValue] = {}
        failures: list[Violation] = []
        for item in self.fields:
            try:
                value = item.read(cleaned)
            except FieldFailed as error:
                failures.append(error.violation)
                continue
            if value is not None:
                values[item.name] = value
                self._ever_known.add(item.name)
            elif item.required:
                failures.append(_missing(item))
        if failures:
            raise InvalidEvent(failures)
        return values

    def never_known(self) -> list[FieldMap]:
        """The fields that were null in every row so far: a wrong name, perhaps."""
        return [item for item in self.fields if item.name not in self._ever_known]

    def _without_null_values(self, value: JsonValue) -> Any:
        if isinstance(value, dict):
            return {key: self._without_null_values(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._without_null_values(item) for item in value]
        return None if any(text in self.null_values for text in lookup_texts(value)) else value


def _missing(item: FieldMap) -> Violation:
    return Violation(
        item.name,
        f"is required, and `{item.source}` gives null",
        "name what the row has; a constant is written {const: value}",
    )


def _validated(values: dict[str, JsonValue]) -> RunSnapshot:
    updated_at = values.get("updated_at") or _last_time(values)
    if updated_at is None:
        raise InvalidEvent(
            [Violation("started_at", "is required, as run_id is not a UUIDv7", "map started_at, or a constant time")]
        )
    try:
        snapshot = validate_event(RunSnapshot, {**values, "updated_at": updated_at})
    except ArithmeticError as error:  # a UUIDv7 of a year that no calendar has
        raise InvalidEvent([Violation("run_id", "holds a time that does not exist", "map another id")]) from error
    except InvalidEvent as error:
        # An updated_at that the map does not name is another time of the row, and wrong with it.
        raise InvalidEvent(
            [
                _explained(violation, values)
                for violation in error.violations
                if violation.field in values or violation.field != "updated_at"
            ]
        ) from error
    if (size := len(snapshot.message_value())) > MAX_RECORD_BYTES:
        raise InvalidEvent([oversized(size)])
    return snapshot


def _last_time(values: Mapping[str, JsonValue]) -> JsonValue:
    """When the row's run was last heard of. Never the clock: importing twice must change nothing."""
    known = values.get("finished_at") or values.get("started_at")
    run_id = values.get("run_id")
    if known is None and isinstance(run_id, str) and is_uuid7(run_id):
        try:
            return uuid7_started_at(UUID(run_id))
        except OverflowError:
            return None
    return known


def _explained(violation: Violation, values: Mapping[str, JsonValue]) -> Violation:
    if isinstance(values.get(violation.field), NotFinite):
        return Violation(violation.field, violation.message, NULL_VALUES)
    if violation.field == "status":
        return Violation(violation.field, violation.message, "translate it in the map: {from: ..., values: {...}}")
    return violation

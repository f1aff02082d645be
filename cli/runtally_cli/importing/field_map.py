"""One contract field of a map: where its value comes from, and the steps that make it the contract's."""

from collections.abc import Mapping
from dataclasses import dataclass

from runtally.fields import shown
from runtally.json_text import JsonValue, NotFinite
from runtally.violations import Violation

from runtally_cli.importing.expressions import Expression, ExpressionFailed
from runtally_cli.importing.field_kinds import NUMBERS, Kind
from runtally_cli.importing.json_values import as_number, scalar_text
from runtally_cli.importing.times import ISO, UnreadableTime, read_time, whole_milliseconds

DEFAULT, NULL = "default", "null"
NULL_VALUES = "list it in null_values when it means unknown"


class FieldFailed(ValueError):
    """The row has no usable value for the field. `violation` says why and what to do."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(str(violation))
        self.violation = violation


@dataclass(frozen=True, slots=True)
class ValueTable:
    """`values`: outcomes of theirs to outcomes of ours, by the text of theirs."""

    entries: Mapping[str, JsonValue]
    required: bool

    def translate(self, value: JsonValue) -> JsonValue:
        """Raises `KeyError` for a value that is not listed where no `default` is."""
        if value is None:
            if NULL in self.entries:
                return self.entries[NULL]
            # An unknown error is no `other` error; but a run has a status, and a default one if any.
            return self.entries.get(DEFAULT) if self.required else None
        for key in lookup_texts(value):
            if key in self.entries:
                return self.entries[key]
        return self.entries[DEFAULT]


def lookup_texts(value: JsonValue) -> list[str]:
    """The texts that a value is found by: as it is, as a number, and `True` as `true`."""
    text = scalar_text(value)
    if text is None:
        return []
    stripped = text.strip()
    number = as_number(stripped)
    known = [text, stripped] if number is None else [text, stripped, scalar_text(number) or stripped]
    return [*known, stripped.lower()] if stripped.lower() in ("true", "false", NULL) else known


@dataclass(frozen=True, slots=True)
class FieldMap:
    """How one field is made from a row. `source` is the expression or constant as it stands in the map."""

    name: str
    kind: Kind
    source: str
    value: Expression
    required: bool = False
    values: ValueTable | None = None
    time: str = ISO
    zone: str | None = None
    unit: str = "ms"
    zero_is_unknown: bool = False
    tags: tuple["FieldMap", ...] = ()

    def read(self, row: JsonValue) -> JsonValue:
        """The value for the contract's own checks, None when unknown. Raises `FieldFailed`."""
        if self.tags:
            return {tag.name: text for tag in self.tags if (text := tag.read(row)) is not None}
        try:
            value = self.value(row)
        except ExpressionFailed as error:
            raise self._failed(f"cannot be computed: {error}", f"mend `{self.source}` in the map") from error
        if self.values is not None:
            value = self._translated(value, self.values)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        if self.zero_is_unknown and as_number(value) == 0:
            return None
        return self._typed(value)

    def _translated(self, value: JsonValue, table: ValueTable) -> JsonValue:
        try:
            return table.translate(value)
        except KeyError as error:
            remedy = f"add it to `values` of {self.name}, or a `{DEFAULT}`"
            raise self._failed(f"has no meaning in the map: got {shown(value)}", remedy) from error

    def _typed(self, value: JsonValue) -> JsonValue:
        if self.kind is Kind.TIME:
            try:
                return read_time(value, self.time, self.zone)
            except UnreadableTime as error:
                raise self._failed(str(error), error.remedy) from error
        if self.kind is Kind.DURATION:
            return whole_milliseconds(value, self.unit)
        if self.kind in NUMBERS:
            number = as_number(value)
            return value if number is None else number
        if self.kind is Kind.FLAG:
            return {"true": True, "false": False}.get(value.strip().lower(), value) if isinstance(value, str) else value
        if self.kind is Kind.TAGS:
            return self._text_map(value)
        return self._text(value)

    def _text(self, value: JsonValue) -> str:
        if isinstance(value, NotFinite):
            raise self._failed(f"must be text, got {value.text}", NULL_VALUES)
        text = scalar_text(value)
        if text is None:
            raise self._failed(
                f"must be text, got {shown(value)}", f"choose a part of it: `{self.source}` gives it all"
            )
        return text

    def _text_map(self, value: JsonValue) -> JsonValue:
        if not isinstance(value, dict):
            return value
        return {key: self._text(item) for key, item in value.items() if item is not None}

    def _failed(self, message: str, remedy: str) -> FieldFailed:
        return FieldFailed(Violation(self.name, message, remedy))

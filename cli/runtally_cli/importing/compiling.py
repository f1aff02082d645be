"""From the entries of a map to a `RunMap`; every mistake in it is found before a row is read."""

import difflib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from runtally.events import RunSnapshot
from runtally.fields import STATUSES
from runtally.json_text import JsonValue
from runtally.violations import InvalidEvent, nearest_name, validate_event

from runtally_cli.importing.expressions import Expression, InvalidExpression, compile_expression
from runtally_cli.importing.field_kinds import FIELD_KINDS, NUMBERS, REQUIRED, Kind
from runtally_cli.importing.field_map import NULL, FieldFailed, FieldMap, ValueTable
from runtally_cli.importing.json_values import as_number, faithful_json, number_text, scalar_text
from runtally_cli.importing.map_file import ConstantText, InvalidMap
from runtally_cli.importing.mapping import FileOptions, RunMap
from runtally_cli.importing.times import DURATION_UNITS, EPOCH_UNITS, ISO, known_zones

FILE_ENTRIES = ("fields", "null_values", "zero_is_unknown", "zone", "rows", "format", "delimiter", "encoding")
FORMATS = ("jsonl", "json", "csv")
FIELD_ENTRIES = ("from", "const", "values", "time", "zone", "unit", "zero_is_unknown")
_HINTS = {
    "run_id": "`run_id: id`, whatever the row calls its id, or `run_id: digest(@)` where rows have none",
    "workspace_id": "`workspace_id: {const: my-team}`",
    "agent_id": "`agent_id: agent`, whatever the row calls it, or `agent_id: {const: my-agent}`",
    "status": "`status: {from: outcome, values: {true: succeeded, false: failed, default: unknown}}`",
}
_ANY_RUN: dict[str, JsonValue] = {
    "run_id": "r", "workspace_id": "w", "agent_id": "a", "status": "unknown",
    "started_at": datetime(2026, 1, 1, tzinfo=UTC), "updated_at": datetime(2026, 1, 1, tzinfo=UTC),
}  # fmt: skip


def compile_map(entries: Mapping[str, Any]) -> RunMap:
    """The map as a function. Raises `InvalidMap` with all that is wrong with it."""
    return _MapCompiler(entries).compiled()


class _MapCompiler:
    """Collects problems as it goes, so that a person mends a map once."""

    def __init__(self, entries: Mapping[str, Any]) -> None:
        self._file = {name: entry for name, entry in entries.items() if name in FILE_ENTRIES}
        nested = self._file.get("fields")
        self._fields = {name: entry for name, entry in entries.items() if name not in FILE_ENTRIES}
        self._problems: list[str] = []
        if isinstance(nested, dict):
            for name in nested.keys() & self._fields.keys():
                self._problem(name, "stands twice: beside `fields` and in it")
            self._fields |= nested
        elif nested is not None:
            self._problem("fields", "must hold `field: expression` lines")

    def compiled(self) -> RunMap:
        self._zone = self._known_zone("zone", self._file.get("zone"))
        fields = [
            built
            for name, entry in self._fields.items()
            if self._is_field(name) and (built := self._field(name, entry))
        ]
        for name in REQUIRED:
            if self._fields.get(name) is None:
                self._problem(name, f"is required: write {_HINTS[name]}")
        null_values, options = self._null_values(), self._options()
        zeros = self._zero_fields(fields)
        if self._problems:
            raise InvalidMap(self._problems)
        fields = [replace(built, zero_is_unknown=True) if built.name in zeros else built for built in fields]
        return RunMap(tuple(fields), null_values, options)

    def _problem(self, name: str, message: str) -> None:
        self._problems.append(f"{name}: {message}")

    def _is_field(self, name: str) -> bool:
        if name in FIELD_KINDS:
            return True
        nearest = nearest_name(name, [*FIELD_KINDS, *FILE_ENTRIES])
        hint = f"did you mean {nearest}?" if nearest else f"the contract has {', '.join(FIELD_KINDS)}"
        self._problem(name, f"is no field of a run; {hint}")
        return False

    def _field(self, name: str, entry: Any) -> FieldMap | None:
        if entry is None:
            return None
        kind = FIELD_KINDS[name]
        if kind is Kind.TAGS and isinstance(entry, dict):
            return self._tags(name, entry)
        if not isinstance(entry, dict):
            entry = (
                {"from": entry} if isinstance(entry, str) and not isinstance(entry, ConstantText) else {"const": entry}
            )
        problems = len(self._problems)
        source = self._source(name, entry)
        for key in entry:
            if key not in FIELD_ENTRIES:
                self._problem(name, f"has an unknown entry `{key}`{_did_you_mean(key, FIELD_ENTRIES)}")
        built = FieldMap(
            name=name,
            kind=kind,
            source=source[0],
            value=source[1],
            required=name in REQUIRED,
            values=self._values(name, kind, entry.get("values")),
            time=self._time(name, kind, entry.get("time")),
            zone=self._field_zone(name, kind, entry),
            unit=self._unit(name, kind, entry.get("unit")),
            zero_is_unknown=self._truth(name, entry.get("zero_is_unknown")),
        )
        if len(self._problems) == problems and "const" in entry:
            self._check_constant(built)
        return built

    def _tags(self, name: str, entry: Mapping[str, Any]) -> FieldMap:
        tags = []
        for tag, source in entry.items():
            spec = source if isinstance(source, dict) else None
            text, expression = self._source(
                f"tags.{tag}", spec or ({"from": source} if type(source) is str else {"const": source})
            )
            for key in set(spec or ()) - {"from", "const", "values"}:
                self._problem(f"tags.{tag}", f"has an unknown entry `{key}`: a tag takes from, const and values")
            values = self._values(f"tags.{tag}", Kind.TEXT, spec.get("values") if spec else None)
            tags.append(FieldMap(tag, Kind.TEXT, text, expression, values=values))
        return FieldMap(name, Kind.TAGS, "tags", _constant(None), tags=tuple(tags))

    def _source(self, name: str, entry: Mapping[str, Any]) -> tuple[str, Expression]:
        if ("from" in entry) == ("const" in entry):
            self._problem(name, "needs either `from: expression` or `const: value`")
            return "", _constant(None)
        if "const" in entry:
            if name == "run_id":
                self._problem(name, "must come from the row: a constant would make one run of all of them")
            return faithful_json(entry["const"]), _constant(entry["const"])
        text = entry["from"]
        if not isinstance(text, str):
            self._problem(name, f"`from` must be an expression; a constant is written {{const: {text}}}")
            return "", _constant(None)
        try:
            return text, compile_expression(text)
        except InvalidExpression as error:
            self._problem(name, f"{error}; a constant is written {{const: ...}}")
            return text, _constant(None)

    def _values(self, name: str, kind: Kind, table: Any) -> ValueTable | None:
        if table is None:
            return None
        if not isinstance(table, dict) or not table:
            self._problem(name, "`values` must map their values to ours, such as {true: succeeded, false: failed}")
            return None
        entries: dict[str, JsonValue] = {}
        for key, value in table.items():
            text = key.lower() if key.lower() in ("true", "false", NULL) else key
            number = as_number(key)
            entries[text if number is None else number_text(number)] = value
            if value is not None and name in FIELD_KINDS and kind is not Kind.TIME:
                self._check_constant(FieldMap(name, kind, key, _constant(value)))
        return ValueTable(entries, required=name in REQUIRED)

    def _check_constant(self, built: FieldMap) -> None:
        """The contract's own verdict on a value that stands in the map."""
        value: JsonValue = None
        try:
            value = built.read({})
            validate_event(RunSnapshot, {**_ANY_RUN, built.name: value})
        except FieldFailed as error:
            self._problem(built.name, f"{error.violation.message}; {error.violation.remedy}")
        except InvalidEvent as error:
            found = next((item for item in error.violations if item.field == built.name), error.violations[0])
            hint = _did_you_mean(scalar_text(value) or "", STATUSES) if built.name == "status" else ""
            self._problem(built.name, f"{found.message}; {found.remedy}{hint}")

    def _time(self, name: str, kind: Kind, form: Any) -> str:
        if form is None:
            return ISO
        if kind is not Kind.TIME:
            self._problem(name, "takes no `time`: it is no time")
        elif form != ISO and form not in EPOCH_UNITS and "%" not in str(form):
            known = (ISO, *EPOCH_UNITS)
            self._problem(name, f"`time: {form}` is none of {', '.join(known)}, nor a pattern such as %d.%m.%Y")
        return str(form)

    def _unit(self, name: str, kind: Kind, unit: Any) -> str:
        if unit is None:
            return "ms"
        if kind is not Kind.DURATION:
            self._problem(name, "takes no `unit`: only durations do")
        elif unit not in DURATION_UNITS:
            self._problem(name, f"`unit: {unit}` is none of {', '.join(DURATION_UNITS)}")
        return str(unit)

    def _field_zone(self, name: str, kind: Kind, entry: Mapping[str, Any]) -> str | None:
        if "zone" in entry and kind is not Kind.TIME:
            self._problem(name, "takes no `zone`: it is no time")
        return self._known_zone(name, entry.get("zone")) or self._zone

    def _known_zone(self, name: str, zone: Any) -> str | None:
        if zone is not None and zone not in known_zones():
            self._problem(name, f"`{zone}` is no time zone{_did_you_mean(str(zone), known_zones())}")
        return zone if isinstance(zone, str) else None

    def _truth(self, name: str, value: Any) -> bool:
        if value not in (None, True, False):
            self._problem(name, "`zero_is_unknown` of a field is true or false")
        return value is True

    def _null_values(self) -> frozenset[str]:
        listed = self._file.get("null_values")
        listed = [] if listed is None else listed if isinstance(listed, list) else [listed]
        texts = {scalar_text(value) for value in listed if value is not None}
        if None in texts:
            self._problem("null_values", 'must list texts and numbers, such as ["", "N/A", -1]')
        return frozenset(text for text in texts if text is not None)

    def _zero_fields(self, fields: list[FieldMap]) -> set[str]:
        listed = self._file.get("zero_is_unknown")
        if listed is None or listed is False:
            return set()
        if listed is True:
            return {built.name for built in fields if built.kind in NUMBERS or built.kind is Kind.TIME}
        if isinstance(listed, str):
            listed = [listed]
        if not isinstance(listed, list):
            self._problem("zero_is_unknown", "must list fields, or be true for all numbers and times")
            return set()
        return {found for name in listed for found in self._named(str(name), fields)}

    def _named(self, name: str, fields: list[FieldMap]) -> list[str]:
        """The fields meant: by our name, else by the name that they have in the file."""
        found = [built.name for built in fields if built.name == name]
        found = found or [built.name for built in fields if built.source == name]
        if not found:
            known = [built.name for built in fields]
            self._problem("zero_is_unknown", f"`{name}` is not mapped{_did_you_mean(name, known)}")
        return found

    def _options(self) -> FileOptions:
        rows, form = self._file.get("rows"), self._file.get("format")
        delimiter, encoding = self._file.get("delimiter"), self._file.get("encoding", "utf-8")
        if form is not None and form not in FORMATS:
            self._problem("format", f"`{form}` is none of {', '.join(FORMATS)}")
        if delimiter is not None and (not isinstance(delimiter, str) or len(delimiter) != 1):
            self._problem("delimiter", 'must be one character, such as ";" or "\\t"')
        if not _is_encoding(encoding):
            self._problem("encoding", f"`{encoding}` is no encoding, such as utf-8 or cp1252")
        expression = self._source("rows", {"from": rows})[1] if rows is not None else None
        return FileOptions(expression, form, delimiter, encoding)


def _constant(value: JsonValue) -> Expression:
    return lambda row: value


def _is_encoding(name: Any) -> bool:
    try:
        "".encode(name)
    except (LookupError, TypeError):
        return False
    return True


def _did_you_mean(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""

"""What each field of a run takes, told from the contract's own JSON Schema."""

from enum import StrEnum
from typing import Any

from runtally.events import RunSnapshot


class Kind(StrEnum):
    """How a value is typed before the contract's own checks see it."""

    TEXT = "text"
    TIME = "time"
    COUNT = "count"
    DURATION = "duration"
    MONEY = "money"
    FLAG = "flag"
    TAGS = "tags"


NUMBERS = frozenset({Kind.COUNT, Kind.DURATION, Kind.MONEY})


def _kind(name: str, schema: dict[str, Any]) -> Kind:
    choices = [schema, *schema.get("anyOf", [])]
    types = {choice.get("type") for choice in choices}
    if any(choice.get("format") == "date-time" for choice in choices):
        return Kind.TIME
    if "number" in types:
        return Kind.MONEY
    if "integer" in types:
        return Kind.DURATION if name.endswith("_ms") else Kind.COUNT
    if "boolean" in types:
        return Kind.FLAG
    return Kind.TAGS if "object" in types else Kind.TEXT


FIELD_KINDS: dict[str, Kind] = {
    name: _kind(name, schema) for name, schema in RunSnapshot.model_json_schema()["properties"].items()
}
# What a map must name; updated_at follows from the other times when it does not.
REQUIRED = tuple(
    name for name, field in RunSnapshot.model_fields.items() if field.is_required() and name != "updated_at"
)

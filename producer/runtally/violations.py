"""Turning what a sender wrote into an event, or into violations that name the field and the remedy."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from runtally.events import Event
from runtally.fields import printable
from runtally.json_text import InvalidJson, JsonValue, RepeatingObject, is_deeper, read_json

MAX_RECORD_BYTES = 256 * 1024
MAX_DEPTH = 64
E = TypeVar("E", bound=Event)

# Names that other tools use for our fields, so far from ours that no measure of likeness finds them.
KNOWN_ALIASES = {
    "estimated_cost": "cost_usd",
    "cost": "cost_usd",
    "total_cost": "cost_usd",
    "tokens_input": "input_tokens",
    "tokens_output": "output_tokens",
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "tenant_id": "workspace_id",
    "project_id": "workspace_id",
    "start_time": "started_at",
    "end_time": "finished_at",
    "ended_at": "finished_at",
    "completed_at": "finished_at",
    "latency_ms": "duration_ms",
    "id": "run_id",
    "execution_id": "run_id",
    "timestamp": "started_at",
}
_REMEDIES = {
    "missing": "add the field",
    "text": "shorten it, or send a string",
    "number": "send null when unknown",
    "rating": "send a whole number of stars, or no feedback at all",
    "time": 'send a time such as "2026-11-21T09:00:00.123Z"',
    "year": "send the real time; a year out of range often means a zero, or seconds taken for milliseconds",
    "flag": "send true or false without quotes, or leave the field out",
    "strings": "send strings only, few and short",
    "choice": "send one of these; a run that ended with an outcome you do not know is `unknown`",
    "run_id": "mint the id when the run starts",
    "started_at": "send started_at, or a UUIDv7 as run_id",
    "repeated": "write each key once",
    "object": "send one flat JSON object",
    "size": "shorten the texts; prompts and outputs do not belong here",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One reason why a message was refused. `field` is "" when it is about the message as a whole."""

    field: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.field} {self.message}".strip()


class InvalidEvent(ValueError):
    """The message breaks the contract. `violations` says where and how to mend it, at least one."""

    def __init__(self, violations: list[Violation]) -> None:
        super().__init__("; ".join(map(str, violations)))
        self.violations = violations


def decode_event(model: type[E], value: bytes) -> E:
    """The event in a Kafka message's value. Raises `InvalidEvent`. The reference for every faster decoder."""
    if len(value) > MAX_RECORD_BYTES:
        raise InvalidEvent([oversized(len(value))])
    try:
        fields = read_json(value)
    except InvalidJson as error:
        raise InvalidEvent([Violation("", str(error), _REMEDIES["object"])]) from error
    return validate_event(model, fields)


def validate_event(model: type[E], fields: JsonValue) -> E:
    """The event in an object that `read_json` returned. Raises `InvalidEvent`."""
    if not isinstance(fields, dict):
        raise InvalidEvent([Violation("", "must be a JSON object", _REMEDIES["object"])])
    if is_deeper(fields, MAX_DEPTH):
        raise InvalidEvent([Violation("", f"is nested more than {MAX_DEPTH} levels deep", _REMEDIES["object"])])
    if isinstance(fields, RepeatingObject):
        raise InvalidEvent([Violation(printable(fields.repeated), "stands twice in the object", _REMEDIES["repeated"])])
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise InvalidEvent([_violation(item) for item in error.errors(include_url=False)]) from error


def oversized(size: int) -> Violation:
    """A record above the limit."""
    return Violation("", f"is {size} bytes long, at most {MAX_RECORD_BYTES} are allowed", _REMEDIES["size"])


def unknown_fields(model: type[Event], fields: Mapping[str, JsonValue]) -> dict[str, str | None]:
    """The names that the contract does not know, each with the nearest known one, or None."""
    known = model.model_fields
    return {printable(name): nearest_name(name, list(known)) for name in fields if name not in known}


def remedy(kind: str) -> str:
    """What to do about a refusal of this kind."""
    return _REMEDIES[kind]


def nearest_name(name: str, known: list[str]) -> str | None:
    """The known name that a sender most likely meant."""
    alias = KNOWN_ALIASES.get(name.lower())
    if alias in known:
        return alias
    close = difflib.get_close_matches(name[:64].lower(), known, n=1, cutoff=0.7)
    return close[0] if close else None


def _violation(item: ErrorDetails) -> Violation:
    kind = item["type"]
    # A rule over the whole event has no location; its kind is the field that it is about.
    field = ".".join(map(str, item["loc"])) or kind
    message = "is required" if kind == "missing" else item["msg"]
    return Violation(field, message, _REMEDIES[kind])

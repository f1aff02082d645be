"""From the body of a POST to events ready to publish: what is good is taken, what is not is explained. Pure."""

import codecs
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from runtally.events import Event, RunSnapshot, format_instant
from runtally.json_text import InvalidJson, JsonValue, NotFinite, read_json
from runtally.violations import (
    MAX_RECORD_BYTES,
    InvalidEvent,
    Violation,
    oversized,
    remedy,
    unknown_fields,
    validate_event,
)

from runtally_api.formats import shortened
from runtally_api.problems import Problem

MAX_ITEMS = 10_000
MAX_BODY_BYTES = 16 * 1024 * 1024
JSON = "application/json"
NDJSON = "application/x-ndjson"


_FOREIGN = Violation(
    "workspace_id", "is none of the workspaces that the caller may write", "use a key or token of that workspace"
)


@dataclass(frozen=True, slots=True)
class AcceptedEvent:
    """A good item and its place in the request."""

    index: int
    event: Event


@dataclass(slots=True)
class Intake:
    """What became of the items of one request."""

    accepted: list[AcceptedEvent] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    rejected: int = 0
    warnings: list[dict[str, Any]] = field(default_factory=list)


def read_items(body: bytes, content_type: str) -> list[JsonValue | InvalidJson]:
    """The items of a body: one object, an array, or a line each.

    A line of NDJSON that is no JSON comes back as its `InvalidJson`, and costs no other line.
    Raises `Problem`: 415 for another content type, 400 for a body that is no JSON, 413 for too many items.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in (JSON, NDJSON):
        detail = f"send Content-Type {JSON} or {NDJSON}, got '{shortened(media_type)}'"
        raise Problem(415, "unsupported-media-type", "Unsupported media type", detail)
    items: list[JsonValue | InvalidJson]
    text = body.removeprefix(codecs.BOM_UTF8)  # some senders' tools put one in front, whatever they are told
    if media_type == NDJSON:
        items = [_read(line) for line in text.split(b"\n") if line.strip()]
    else:
        document = _read(text)
        if isinstance(document, InvalidJson):
            raise Problem(400, "not-json", "Not JSON", str(document))
        items = list(document) if isinstance(document, list) else [document]
    if len(items) > MAX_ITEMS:
        detail = f"{len(items)} items; at most {MAX_ITEMS} fit in one request: send several"
        raise Problem(413, "too-large", "Too large", detail)
    return items


def _read(text: bytes) -> JsonValue | InvalidJson:
    try:
        return read_json(text)
    except InvalidJson as error:
        return error


def take_in(
    model: type[Event],
    items: Sequence[JsonValue | InvalidJson],
    now: datetime,
    body_bytes: int,
    workspaces: frozenset[str] | None = None,
) -> Intake:
    """Validate each item. A run without updated_at gets `now`: the door is where its snapshot came to be known.

    With `workspaces` whatever is of another one is rejected.
    """
    intake = Intake()
    for index, item in enumerate(items):
        try:
            event = _validated(model, item, now, check_size=body_bytes > MAX_RECORD_BYTES)
            if workspaces is not None and _workspace_of(event) not in workspaces:
                raise InvalidEvent([_FOREIGN])
        except InvalidEvent as error:
            intake.rejected += 1
            given_id = _given_id(model, item)
            intake.errors += [_error(index, id_field(model), given_id, violation) for violation in error.violations]
            continue
        intake.accepted.append(AcceptedEvent(index, event))
        if isinstance(item, dict):
            intake.warnings += _warnings(model, index, item, event)
    return intake


def _validated(model: type[Event], item: JsonValue | InvalidJson, now: datetime, *, check_size: bool) -> Event:
    if isinstance(item, InvalidJson):
        raise InvalidEvent([Violation("", str(item), "send one JSON object a line")])
    if check_size and (size := _size(item)) > MAX_RECORD_BYTES:
        raise InvalidEvent([oversized(size)])
    if model is RunSnapshot and isinstance(item, dict) and item.get("updated_at") is None:
        item["updated_at"] = format_instant(now)
    return validate_event(model, item)


def _workspace_of(event: Event) -> str:
    """Every kind of event has one, though the class they share does not say so."""
    workspace: str = event.model_dump(include={"workspace_id"})["workspace_id"]
    return workspace


def _size(item: JsonValue) -> int:
    """The bytes of the item as a record of its own."""
    try:
        text = json.dumps(item, ensure_ascii=False, separators=(",", ":"), default=_plain)
    except RecursionError as error:
        raise InvalidEvent([Violation("", "is nested too deeply", remedy("object"))]) from error
    return len(text.encode("utf-8", "surrogatepass"))


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Decimal) else value.text if isinstance(value, NotFinite) else repr(value)


def id_field(model: type[Event]) -> str:
    """The name of the field that identifies an event of this kind."""
    return next(name for name in ("feedback_id", "event_id", "run_id") if name in model.model_fields)


def _given_id(model: type[Event], item: JsonValue | InvalidJson) -> str | None:
    given = item.get(id_field(model)) if isinstance(item, dict) else None
    return shortened(given).encode("utf-8", "replace").decode() if isinstance(given, str) else None


def _error(index: int, id_name: str, given_id: str | None, violation: Violation) -> dict[str, Any]:
    return {
        "index": index,
        id_name: given_id,
        "field": violation.field,
        "message": violation.message,
        "remedy": violation.remedy,
    }


def _warnings(model: type[Event], index: int, item: dict[str, JsonValue], event: Event) -> list[dict[str, Any]]:
    found = []
    for name, nearest in unknown_fields(model, item).items():
        hint = f"; did you mean {nearest}?" if nearest else ""
        shown = shortened(name).encode("utf-8", "replace").decode()
        found.append({"index": index, "field": shown, "message": f"unknown field, ignored{hint}"})
    if (
        isinstance(event, RunSnapshot)
        and event.started_at
        and abs((event.started_at - event.start).total_seconds()) > 1
    ):
        message = f"the UUIDv7 in run_id says {format_instant(event.start)}, and that is the start that counts"
        found.append({"index": index, "field": "started_at", "message": message})
    return found

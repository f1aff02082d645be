"""From the body of a POST to events ready to publish: what is good is taken, what is not is explained. Pure."""

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
    unknown_fields,
    validate_event,
)

from runtally_api.formats import shortened
from runtally_api.problems import Problem

MAX_ITEMS = 10_000
MAX_BODY_BYTES = 16 * 1024 * 1024
JSON = "application/json"
NDJSON = "application/x-ndjson"


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
    if media_type == NDJSON:
        items: list[JsonValue | InvalidJson] = [_read_line(line) for line in body.split(b"\n") if line.strip()]
    else:
        try:
            document = read_json(body)
        except InvalidJson as error:
            raise Problem(400, "not-json", "Not JSON", str(error)) from error
        items = list(document) if isinstance(document, list) else [document]
    if len(items) > MAX_ITEMS:
        detail = f"{len(items)} items; at most {MAX_ITEMS} fit in one request: send several"
        raise Problem(413, "too-large", "Too large", detail)
    return items


def _read_line(line: bytes) -> JsonValue | InvalidJson:
    try:
        return read_json(line)
    except InvalidJson as error:
        return error


def take_in(model: type[Event], items: Sequence[JsonValue | InvalidJson], now: datetime, body_bytes: int) -> Intake:
    """Validate each item. A run without updated_at gets `now`: the door is where its snapshot came to be known."""
    intake = Intake()
    for index, item in enumerate(items):
        try:
            event = _validated(model, item, now, check_size=body_bytes > MAX_RECORD_BYTES)
        except InvalidEvent as error:
            intake.rejected += 1
            given_id = _given_id(model, item)
            intake.errors += [_error(index, given_id, violation) for violation in error.violations]
            continue
        intake.accepted.append(AcceptedEvent(index, event))
        if isinstance(item, dict):
            intake.warnings += _warnings(model, index, item, event)
    return intake


def _validated(model: type[Event], item: JsonValue | InvalidJson, now: datetime, *, check_size: bool) -> Event:
    if isinstance(item, InvalidJson):
        raise InvalidEvent([Violation("", str(item), "send one JSON object a line")])
    if check_size:
        size = len(json.dumps(item, ensure_ascii=False, default=_plain).encode("utf-8", "surrogatepass"))
        if size > MAX_RECORD_BYTES:
            raise InvalidEvent([oversized(size)])
    if model is RunSnapshot and isinstance(item, dict) and item.get("updated_at") is None:
        item["updated_at"] = format_instant(now)
    return validate_event(model, item)


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Decimal) else value.text if isinstance(value, NotFinite) else repr(value)


def id_field(model: type[Event]) -> str:
    """The name of the field that identifies an event of this kind."""
    return next(name for name in ("feedback_id", "event_id", "run_id") if name in model.model_fields)


def _given_id(model: type[Event], item: JsonValue | InvalidJson) -> str | None:
    given = item.get(id_field(model)) if isinstance(item, dict) else None
    return shortened(given).encode("utf-8", "replace").decode() if isinstance(given, str) else None


def _error(index: int, given_id: str | None, violation: Violation) -> dict[str, Any]:
    return {
        "index": index,
        "run_id": given_id,
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

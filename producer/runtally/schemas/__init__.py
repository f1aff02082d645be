"""One JSON Schema per topic, generated from the models. `python -m runtally.schemas` writes the files anew.

The schemas describe what a sender should write. What a schema cannot say (a repeated key, the year of a time,
money that rounds) the models check; they have the last word.
"""

import json
from pathlib import Path
from typing import Any

from runtally.events import EVENTS, Event
from runtally.identity import UUID7_PATTERN

FOLDER = Path(__file__).parent
DIALECT = "https://json-schema.org/draft/2020-12/schema"
# A run says when it started, or its run_id does.
_IDENTITIES: list[dict[str, Any]] = [
    {"required": ["started_at"], "properties": {"started_at": {"type": "string"}}},
    {"properties": {"run_id": {"pattern": UUID7_PATTERN}}},
]


def schema_of(model: type[Event]) -> dict[str, Any]:
    """The JSON Schema of the messages of one topic."""
    generated = model.model_json_schema(mode="validation")
    properties = {name: _without_title(field) for name, field in generated.pop("properties").items()}
    return {
        "$schema": DIALECT,
        "$id": f"https://runtally.dev/schemas/{model.topic}.json",
        "title": model.__name__,
        "description": generated.get("description", ""),
        "type": "object",
        "properties": properties,
        "required": generated.get("required", []),
    } | ({"anyOf": _IDENTITIES} if "started_at" in properties else {})


def schema_text(model: type[Event]) -> str:
    """The text of the committed file."""
    return json.dumps(schema_of(model), indent=2, ensure_ascii=False) + "\n"


def write_all(folder: Path = FOLDER) -> list[Path]:
    """Write the file of each topic; returns their paths."""
    paths = []
    for model in EVENTS:
        path = folder / f"{model.topic}.json"
        path.write_text(schema_text(model), encoding="utf-8")
        paths.append(path)
    return paths


def _without_title(field: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in field.items() if key != "title"}

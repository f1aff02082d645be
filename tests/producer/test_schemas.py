"""The committed schemas are those of the models, and say the same as the models where a schema can."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from producer.samples import GOOD_EVENTS, RUN
from runtally.events import EVENTS, Event, RunSnapshot
from runtally.schemas import FOLDER, schema_of, schema_text, write_all


@pytest.mark.parametrize("model", EVENTS, ids=lambda model: model.topic)
def test_the_committed_file_is_the_generated_one(model: type[Event]) -> None:
    committed = (FOLDER / f"{model.topic}.json").read_text(encoding="utf-8")
    assert committed == schema_text(model), "run `python -m runtally.schemas`"


@pytest.mark.parametrize("model", EVENTS, ids=lambda model: model.topic)
def test_each_schema_is_one_and_has_an_address(model: type[Event]) -> None:
    schema = schema_of(model)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"].endswith("2020-12/schema")
    assert schema["$id"].endswith(f"/{model.topic}.json")
    assert list(schema["properties"]) == list(model.model_fields)


def test_writing_anew_writes_every_topic(tmp_path: Any) -> None:
    assert [path.name for path in write_all(tmp_path)] == [f"{model.topic}.json" for model in EVENTS]


@pytest.mark.parametrize(("model", "fields"), GOOD_EVENTS, ids=lambda part: getattr(part, "topic", ""))
def test_what_the_models_write_is_valid(model: type[Event], fields: dict[str, object]) -> None:
    written = json.loads(model.model_validate(fields).message_value())
    Draft202012Validator(schema_of(model)).validate(written)


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "done"},
        {"input_tokens": -1},
        {"input_tokens": "5"},
        {"cost_usd": -0.1},
        {"cost_usd": "-0.1"},
        {"tags": {"a": 1}},
        {"run_id": ""},
        {"workspace_id": None},
        {"started_at": None},
    ],
    ids=str,
)
def test_what_the_models_refuse_is_invalid(wrong: dict[str, object]) -> None:
    assert not Draft202012Validator(schema_of(RunSnapshot)).is_valid(RUN | wrong)

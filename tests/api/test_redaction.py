"""An operator's rule for error messages: what it matches is in no answer, whole or cut."""

import re
from dataclasses import replace

import pytest
from api.door import Door
from clickhouse.withdrawing_records import RUNS, run_message, write
from pydantic import ValidationError
from runtally_api.settings import ApiSettings

RUN = {
    "run_id": "r",
    "workspace_id": "acme",
    "agent_id": "planner",
    "status": "failed",
    "started_at": "2026-11-21T09:00:00Z",
    "updated_at": "2026-11-21T09:01:00Z",
    "error_type": "Denied",
    "error_message": "Bearer tok-1234 was refused, " * 8,
}


def test_what_the_rule_matches_is_in_no_answer(door: Door) -> None:
    door.post(RUN)
    assert "tok-1234" in door.client.get("/api/v1/runs/r").text
    parts = door.app.state.parts
    settings = parts.settings.model_copy(update={"redact_error_messages": re.compile(r"(?i)bearer \S+")})
    door.app.state.parts = replace(parts, settings=settings)
    try:
        for path in ("/api/v1/runs/r", "/api/v1/runs", "/api/v1/errors/Denied"):
            answer = door.client.get(path)
            assert answer.status_code == 200
            assert "tok-1234" not in answer.text
            assert "[redacted] was refused" in answer.text
    finally:
        door.app.state.parts = parts


def test_a_rule_that_is_no_expression_stops_the_start() -> None:
    with pytest.raises(ValidationError, match="redact_error_messages"):
        ApiSettings.model_validate({"redact_error_messages": "("})


def test_prompts_and_outputs_are_not_stored(door: Door) -> None:
    store = door.publisher.store
    words = "what the model was told"
    value = run_message("told", prompt=words, output=words, messages=[{"role": "user", "content": words}])
    assert write(store, RUNS, [value]).unknown_fields == {"prompt": 1, "output": 1, "messages": 1}
    rows = store.unmerged("SELECT * FROM agent_runs")
    assert len(rows) == 1
    assert words not in str(rows)

"""A misspelt topic is refused by every command that takes one, and never answered with 'there is nothing'."""

import pytest
from runtally_cli.main import app
from typer.testing import CliRunner


@pytest.mark.parametrize(
    "arguments",
    [
        "dlq list --topic agent-runs",
        "dlq show agent-runs 0 1",
        "dlq replay --topic agent-runs",
        "dlq resume agent-runs 0",
        "replay --from 0 --topic agent-runs",
    ],
)
def test_a_topic_that_there_is_not_is_refused_with_those_that_there_are(arguments: str) -> None:
    done = CliRunner().invoke(app, arguments.split(), env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert "'agent-runs' is none of the topics of events: agent-runs.v1, agent-feedback.v1" in done.output

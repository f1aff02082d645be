"""The tables behind the charts as CSV: every figure unrounded, unknown ones empty."""

import csv
import io
import json
from collections.abc import Iterable, Sequence

from runtally_ui.answers import Agent, DailyRuns, QueryAnswer

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

DAILY_COLUMNS = ("date", "workspace_id", "agent_id", "runs", "succeeded", "failed", "cost_usd")
AGENT_COLUMNS = (
    "workspace_id", "agent_id", "agent_name", "runs", "root_runs", "succeeded", "failed", "timed_out",
    "cancelled", "success_rate", "avg_duration_ms", "duration_known", "input_tokens", "output_tokens",
    "total_tokens", "tokens_known", "cost_usd", "cost_known",
)  # fmt: skip


def daily_csv(rows: Sequence[DailyRuns]) -> str:
    """Runs and cost by day and agent."""
    return _csv(DAILY_COLUMNS, (_daily_cells(row) for row in rows))


def agents_csv(agents: Sequence[Agent]) -> str:
    """One row per agent."""
    return _csv(AGENT_COLUMNS, (_agent_cells(agent) for agent in agents))


def query_csv(answer: QueryAnswer) -> str:
    """The rows as the API gave them; the period compared with in columns that begin with `compare.`."""
    rows = [_flat(row) for row in answer.data]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return _csv(columns, ([row.get(name) for name in columns] for row in rows))


def query_json(answer: QueryAnswer) -> str:
    """The rows as the API gave them."""
    return json.dumps(answer.data, ensure_ascii=False, indent=1)


def _flat(row: dict[str, object]) -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": of for inner, of in value.items()}
        else:
            flat[name] = value
    return flat


def _daily_cells(row: DailyRuns) -> tuple[object, ...]:
    agent = "(other)" if row.other else row.agent_id
    return (row.date, row.workspace_id, agent, row.runs, row.succeeded, row.failed, row.cost_usd)


def _agent_cells(agent: Agent) -> tuple[object, ...]:
    counts, coverage = agent.status_counts, agent.coverage
    return (
        agent.workspace_id, "(other)" if agent.other else agent.agent_id, agent.agent_name,
        agent.runs, agent.root_runs, counts.succeeded, counts.failed, counts.timed_out, counts.cancelled,
        agent.success_rate, agent.avg_duration_ms, coverage.duration,
        agent.input_tokens, agent.output_tokens, agent.total_tokens, coverage.tokens,
        agent.cost_usd, coverage.cost,
    )  # fmt: skip


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return text.getvalue()


def _cell(value: object) -> object:
    # Names come from outside; a spreadsheet would run one that starts like a formula.
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value

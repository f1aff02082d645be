"""The parts of an agent's analytics: what each asks, and how it reads. Pure but for the `ask` that is passed in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial
from typing import Any, Final, Literal

from runtally_clickhouse.measures.asking import Answer, Key
from runtally_clickhouse.measures.definitions import MEASURES, RATINGS, STATUSES
from runtally_clickhouse.measures.forms import MONEY_STEP, Value
from runtally_clickhouse.measures.question import Filter, Question
from runtally_clickhouse.measures.time_steps import Comparison, TimeSteps

from runtally_api.dependencies import RunQuery
from runtally_api.formats import ratio
from runtally_api.query_answers import written
from runtally_api.saved_questions import make_question, rows, shown

Ask = Callable[[Question, RunQuery], Answer]
TOP: Final = 10
PERFORMANCE: Final = (
    *("runs", "root_runs", *STATUSES, "success_rate", "success_rate_all", "runs_per_minute"),
    *("avg_duration_ms", "p50_duration_ms", "p75_duration_ms", "p90_duration_ms", "p95_duration_ms"),
    *("p99_duration_ms", "avg_queue_ms", "p50_queue_ms", "p95_queue_ms"),
)
SERIES: Final = (
    *("runs", "succeeded", "errors", "success_rate", "avg_duration_ms", "p95_duration_ms"),
    *("total_tokens", "cost_usd"),
)
RESOURCES: Final = (
    *("input_tokens", "output_tokens", "total_tokens", "cache_read_tokens", "cache_write_tokens"),
    *("reasoning_tokens", "cache_hit_rate", "cost_usd", "cost_per_run_usd", "cost_per_success_usd"),
    *("cost_coverage", "credits", "llm_calls", "tool_calls", "retries", "avg_files_modified"),
)
BY_MODEL: Final = ("runs", "success_rate", "avg_duration_ms", "total_tokens", "cost_usd", "cost_per_run_usd")
ERRORS: Final = (
    *("errors", "failed", "timed_out", "runs_with_errors", "failure_rate"),
    *("recovery_rate", "mean_time_to_recovery_ms"),
)
BY_ERROR: Final = ("runs", "errors", "recovery_rate", "mean_time_to_recovery_ms")
USERS: Final = (
    *("active_users", "runs_per_user", "sessions", "runs_per_session", "sessions_per_user"),
    *("avg_session_lifespan_ms", "active_ms_per_session", "handoff_rate", "post_handoff_iteration_rate"),
    *("ratings", "avg_rating", *(f"ratings_{rating}" for rating in RATINGS)),
)
BY_USER: Final = ("runs", "errors", "total_tokens", "cost_usd")
First = Literal["highest", "lowest"]
# Which end of the workspace's agents has rank 1.
COMPARED: Final[Mapping[str, First]] = {
    "runs": "highest",
    "success_rate": "highest",
    "failure_rate": "lowest",
    "avg_duration_ms": "lowest",
    "p95_duration_ms": "lowest",
    "total_tokens": "highest",
    "cost_usd": "highest",
    "cost_per_run_usd": "lowest",
}


@dataclass(frozen=True, slots=True)
class Beside:
    """What an agent is compared with: `workspace` is about all agents beside it, `earlier` the range before."""

    workspace: RunQuery
    key: Key
    most_agents: int
    earlier: Comparison = "previous_period"


def named_parts(ask: Ask, own: RunQuery, days: TimeSteps, beside: Beside) -> dict[str, Callable[[], Any]]:
    """The parts by their names, each to be called. `own` is about the agent."""
    measures = tuple(COMPARED)

    def beside_others() -> list[dict[str, Any]]:
        among, limit = beside.workspace, beside.most_agents
        by_agent = make_question(among, measures, dimensions=("agent_id",), limit=limit, other=False)
        compared = ask(make_question(own, measures, compare=beside.earlier), own)
        return comparisons(compared, ask(by_agent, among), beside.key)

    return {
        "performance": partial(performance, ask, own, days),
        "resources": partial(resources, ask, own),
        "errors": partial(errors, ask, own),
        "users": partial(users, ask, own),
        "comparisons": beside_others,
    }


def performance(ask: Ask, query: RunQuery, days: TimeSteps) -> dict[str, Any]:
    """Outcomes and durations over the range, and on each of its days."""
    answer = ask(make_question(query, (*PERFORMANCE, *SERIES), days), query)
    return {**shown(answer.totals, PERFORMANCE), "series": rows(answer, SERIES)}


def resources(ask: Ask, query: RunQuery) -> dict[str, Any]:
    """Tokens, cost and calls, and which models they went to."""
    answer = ask(make_question(query, (*RESOURCES, *BY_MODEL), dimensions=("model",), limit=TOP), query)
    return {**shown(answer.totals, RESOURCES), "models": rows(answer, BY_MODEL)}


def errors(ask: Ask, query: RunQuery) -> dict[str, Any]:
    """What went wrong, how often, and whether runs recovered; `share` is of the runs with an error."""
    totals = ask(make_question(query, ERRORS), query).totals
    with_error = Filter("has_error", "in", (1,))
    by_type = make_question(query, BY_ERROR, dimensions=("error_type",), filters=(with_error,), limit=TOP)
    answer = ask(by_type, query)
    types = [{**row, "share": ratio(row["runs"], answer.runs)} for row in rows(answer, BY_ERROR)]
    return {**shown(totals, ERRORS), "types": types}


def users(ask: Ask, query: RunQuery) -> dict[str, Any]:
    """Who used the agent, in which sessions, and what they thought of it. Runs of no user are in no row."""
    answer = ask(make_question(query, USERS), query)
    known = Filter("user_id", "not_in", ("",))
    by_user = make_question(query, BY_USER, dimensions=("user_id",), filters=(known,), limit=TOP)
    top = ask(by_user, query)
    return {**shown(answer.totals, USERS), "users": rows(top, BY_USER)}


def comparisons(own: Answer, workspace: Answer, key: Key) -> list[dict[str, Any]]:
    """Each measure of the agent beside its workspace's average, its rank among the agents there, and the range before.

    `own` is compared with an earlier range; `workspace` is by agent.
    """
    row = own.rows[0]
    then, change = row.then or {}, row.change or {}
    peers = {entry.group.key: entry.values for entry in workspace.rows if entry.group.key is not None}
    found = []
    for name, first in COMPARED.items():
        values = {peer: entry[name] for peer, entry in peers.items() if entry[name] is not None}
        found.append(
            {
                "measure": name,
                "value": written(row.values[name]),
                "workspace_average": written(_average(name, workspace.totals[name], len(peers))),
                **_rank(values, key, first),
                "previous": written(then.get(name)),
                "change": change.get(name),
            }
        )
    return found


def _average(name: str, total: Value, agents: int) -> Value:
    """A count or sum for each agent of the workspace; of anything else, what it is over all of the workspace's runs."""
    if total is None or MEASURES[name].kind not in ("count", "sum"):
        return total
    if not agents:
        return None
    if isinstance(total, Decimal):
        return (total / agents).quantize(MONEY_STEP, ROUND_HALF_EVEN)
    return total / agents if isinstance(total, int | float) else None


def _rank(values: Mapping[Key, Any], key: Key, first: First) -> dict[str, Any]:
    """The agent's place, level ones sharing it; `percentile` is the share of the others that are not before it."""
    place: dict[str, Any] = {"first_is": first, "rank": None, "ranked_agents": len(values), "percentile": None}
    if key in values:
        own = values[key]
        before = sum(value > own if first == "highest" else value < own for value in values.values())
        place["rank"] = before + 1
        place["percentile"] = ratio(len(values) - 1 - before, len(values) - 1)
    return place

"""Every measure, with what it means: the catalogue that questions are checked against and documents are made from."""

from dataclasses import dataclass, replace
from typing import Literal

from runtally_clickhouse.measures.dimensions import HAS_ERROR
from runtally_clickhouse.measures.forms import (
    LEVELS,
    Count,
    Form,
    Instant,
    MoneyPerSuccess,
    Percentile,
    PerMinute,
    Ratio,
    Sum,
    mean,
)

Kind = Literal["count", "sum", "average", "rate", "distinct", "percentile", "instant"]
ValueType = Literal["integer", "number", "decimal", "datetime"]
Format = Literal["count", "money", "duration", "share", "number", "instant"]
STATUSES = ("queued", "running", "stalled", "succeeded", "failed", "timed_out", "cancelled", "unknown")
RATINGS = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure. `unit` is singular: `run`, `usd`, `ms`, `fraction`, ...

    `of_single_runs`: it reads what cells do not hold: users, sessions, ratings.
    """

    name: str
    meaning: str
    unit: str
    format: Format
    kind: Kind
    type: ValueType
    form: Form
    of_single_runs: bool = False

    @property
    def approximation(self) -> str | None:
        """How far it may lie from the exact value; None where it is exact."""
        return "nearest rank, within 1%" if self.kind == "percentile" else None


def _count(name: str, meaning: str, sql: str, unit: str = "run", kind: Kind = "count") -> Measure:
    return Measure(name, meaning, unit, "count", kind, "integer", Count(sql))


def _share(name: str, meaning: str, upper: str, lower: str) -> Measure:
    return Measure(name, meaning, "fraction", "share", "rate", "number", Ratio(upper, lower))


def _moment(name: str, meaning: str, sql: str) -> Measure:
    return Measure(name, meaning, "instant", "instant", "instant", "datetime", Instant(sql))


def _runs_in(*statuses: str) -> str:
    return f"sumIf(runs, shown_status IN ({', '.join(repr(status) for status in statuses)}))"


_DECIDED = _runs_in("succeeded", "failed", "timed_out", "cancelled")
_SUCCEEDED = _runs_in("succeeded")
_ENDED = _runs_in("succeeded", "failed", "timed_out", "cancelled", "unknown")
_WITH_ERRORS = f"sumIf(runs, {HAS_ERROR})"
_STATUS_MEANINGS = {
    "queued": "Runs that wait to start.",
    "running": "Runs under way that have not stalled.",
    "stalled": "Runs still running long after their start (24 hours, settable).",
    "succeeded": "Runs that succeeded.",
    "failed": "Runs that failed.",
    "timed_out": "Runs that ran out of time.",
    "cancelled": "Runs that were cancelled.",
    "unknown": "Runs that ended, nobody knows how.",
}
_RUNS = [
    _count("runs", "Runs, sub-runs included; each counts once.", "sum(runs)"),
    _count("root_runs", "Runs that no other run started.", "sumIf(runs, is_root)"),
    _count("sub_runs", "Runs that another run started.", "sumIf(runs, NOT is_root)"),
    *(_count(status, _STATUS_MEANINGS[status], _runs_in(status)) for status in STATUSES),
    _count("errors", "Runs that failed or timed out.", _runs_in("failed", "timed_out")),
    _count("runs_with_errors", "Runs that failed, timed out or name an error_type, recovered ones too.", _WITH_ERRORS),
    _count("active_agents", "Distinct agents; exact.", "uniqExact((workspace_id, agent_id))", "agent", "distinct"),
    _count("queue_depth", "Runs in the queue now, of those that were queued in the range.", _runs_in("queued")),
    _count("running_now", "Runs under way now, of those that started in the range.", _runs_in("running")),
    Measure(
        "runs_per_minute",
        "Runs for each minute of the time step, or of the range.",
        "run/minute",
        "number",
        "rate",
        "number",
        PerMinute("sum(runs)"),
    ),
    _share(
        "success_rate",
        "Succeeded of those that succeeded, failed, timed out or were cancelled.",
        _SUCCEEDED,
        _DECIDED,
    ),
    _share("success_rate_all", "Succeeded of all runs, whatever their status.", _SUCCEEDED, "sum(runs)"),
    _share(
        "failure_rate",
        "Failed or timed out of those that succeeded, failed, timed out or were cancelled.",
        _runs_in("failed", "timed_out"),
        _DECIDED,
    ),
]


def _times(column: str, what: str) -> list[Measure]:
    average = Measure(f"avg_{column}", f"Mean {what}.", "ms", "duration", "average", "number", mean(column))
    return [
        average,
        *(
            Measure(
                f"{level}_{column}",
                f"The {what} that {level[1:]}% of the runs do not exceed.",
                "ms",
                "duration",
                "percentile",
                "number",
                Percentile(column, level),
            )
            for level in LEVELS
        ),
    ]


def _tokens(name: str, meaning: str) -> Measure:
    return Measure(name, meaning, "token", "count", "sum", "integer", Sum(name))


_TOKENS = [
    _tokens("input_tokens", "Tokens read: uncached, read from a cache, and written to one."),
    _tokens("output_tokens", "Tokens written, reasoning included."),
    _tokens("cache_read_tokens", "Input tokens that came out of a cache."),
    _tokens("cache_write_tokens", "Input tokens that were put into a cache."),
    _tokens("reasoning_tokens", "Output tokens spent on reasoning."),
    _tokens("total_tokens", "Input and output tokens."),
    _share(
        "cache_hit_rate",
        "Input tokens out of a cache, of the input tokens of runs where both are known.",
        "sum(cached_of_input_sum)",
        "sum(cacheable_input_sum)",
    ),
]
_COST = [
    Measure(
        "cost_usd", "Known cost; a run's own, without its sub-runs'.", "usd", "money", "sum", "decimal", Sum("cost_usd")
    ),
    Measure(
        "cost_per_run_usd",
        "Known cost for each run whose cost is known.",
        "usd/run",
        "money",
        "average",
        "decimal",
        Ratio("sum(cost_usd_sum)", "sum(cost_usd_known)", is_money=True, counts_known=True),
    ),
    Measure(
        "cost_per_success_usd",
        "Known cost of all runs, for each that succeeded.",
        "usd/run",
        "money",
        "average",
        "decimal",
        MoneyPerSuccess(),
    ),
    _share("cost_coverage", "Runs whose cost is known, of all.", "sum(cost_usd_known)", "sum(runs)"),
    Measure("credits", "Known credits.", "credit", "number", "sum", "decimal", Sum("credits")),
]


def _calls(name: str, meaning: str, unit: str) -> Measure:
    return Measure(name, meaning, unit, "count", "sum", "integer", Sum(name))


_WORK = [
    _calls("llm_calls", "Calls of language models.", "call"),
    _calls("tool_calls", "Calls of tools.", "call"),
    _calls("retries", "Attempts after the first.", "retry"),
    Measure(
        "avg_files_modified",
        "Mean number of files that a run modified.",
        "file",
        "number",
        "average",
        "number",
        mean("files_modified"),
    ),
]
_NAMED = "hashed_user != 0"
_USERS = f"uniqExactIf(hashed_user, {_NAMED})"
_IN_SESSION = "hashed_session != 0"
_SESSIONS = f"uniqExactIf(hashed_session, {_IN_SESSION})"
_PEOPLE = [
    _count("active_users", "Distinct users; exact.", _USERS, "user", "distinct"),
    Measure(
        "runs_per_user",
        "Runs of known users, for each of them.",
        "run/user",
        "number",
        "average",
        "number",
        Ratio(f"sumIf(runs, {_NAMED})", _USERS),
    ),
    _count("sessions", "Distinct sessions; exact.", _SESSIONS, "session", "distinct"),
    Measure(
        "runs_per_session",
        "Runs in sessions, for each session.",
        "run/session",
        "number",
        "average",
        "number",
        Ratio(f"sumIf(runs, {_IN_SESSION})", _SESSIONS),
    ),
    Measure(
        "sessions_per_user",
        "Sessions of known users, for each of them.",
        "session/user",
        "number",
        "average",
        "number",
        Ratio(f"uniqExactIf(hashed_session, {_NAMED} AND {_IN_SESSION})", _USERS),
    ),
    Measure(
        "avg_session_lifespan_ms",
        "Mean time from a session's first start to its last end, within the range.",
        "ms",
        "duration",
        "average",
        "number",
        Ratio("sum(lifespan_ms)", "count(lifespan_ms)"),
    ),
    Measure(
        "active_ms_per_session",
        "Known duration of the runs of a session, for each session that has any.",
        "ms",
        "duration",
        "average",
        "number",
        Ratio(f"sumIf(duration_ms_sum, {_IN_SESSION})", "sum(has_duration)"),
    ),
]
# Of the runs handed off in a session, and of no others: see `Beside.HANDOFFS`.
_HANDOFFS = "countIf(isNotNull(handed_off_at))"
_FOLLOWED = "countIf((workspace_id, run_id) IN (SELECT workspace_id, run_id FROM followed_handoffs))"
_OUTCOMES = [
    _share(
        "handoff_rate",
        "Ended runs that were handed off to a person, of the ended ones.",
        "sum(handed_off_ended)",
        _ENDED,
    ),
    _share(
        "recovery_rate",
        "Runs that recovered, of those with an error_type.",
        "sum(recoveries)",
        "sumIf(runs, error_type != '')",
    ),
    Measure(
        "mean_time_to_recovery_ms",
        "Mean recovery_ms of the runs that recovered from an error.",
        "ms",
        "duration",
        "average",
        "number",
        mean("recovery_ms"),
    ),
]
_ITERATION = [
    _share(
        "post_handoff_iteration_rate",
        "Hand-offs in sessions that another run of the session followed within 4 hours.",
        _FOLLOWED,
        _HANDOFFS,
    ),
]
_ALL_RATINGS = " + ".join(f"sum(ratings_{rating})" for rating in RATINGS)
_RATING_POINTS = " + ".join(f"{rating} * sum(ratings_{rating})" for rating in RATINGS)
_RATINGS = [
    _count("ratings", "Ratings that users gave the runs.", _ALL_RATINGS, "rating"),
    Measure(
        "avg_rating",
        "Mean rating, of 1 to 5.",
        "point",
        "number",
        "average",
        "number",
        Ratio(_RATING_POINTS, _ALL_RATINGS),
    ),
    *(_count(f"ratings_{n}", f"Ratings of {n}.", f"sum(ratings_{n})", "rating") for n in RATINGS),
]
_OF_CELLS = [
    *_RUNS,
    *_times("duration_ms", "duration"),
    *_times("queue_ms", "time in the queue"),
    *_TOKENS,
    *_COST,
    *_WORK,
    *_OUTCOMES,
    _moment("first_run_at", "When the first of the runs started.", "min(first_at_ms)"),
    _moment("last_run_at", "When the last of the runs started.", "max(last_at_ms)"),
]
_OF_SINGLE_RUNS = [*_PEOPLE, *_ITERATION, *_RATINGS]
MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (*_OF_CELLS, *(replace(measure, of_single_runs=True) for measure in _OF_SINGLE_RUNS))
}

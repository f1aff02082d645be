"""Every measure of the catalogue by plain arithmetic over a list of runs: slow, short and easy to check by eye."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

from api.oracle import mean, money, tokens, total
from runtally.events import RunSnapshot

DECIDED = ("succeeded", "failed", "timed_out", "cancelled")
ENDED = (*DECIDED, "unknown")
STATUSES = ("queued", "running", "stalled", *ENDED)
LEVELS = {"p50": 50, "p75": 75, "p90": 90, "p95": 95, "p99": 99}
TAG = "tag:team"


@dataclass(frozen=True)
class World:
    """All runs there are, what users said about them (workspace, run as given, rating), and the time."""

    runs: Sequence[RunSnapshot]
    ratings: Sequence[tuple[str, str, int]]
    now: datetime

    def status(self, run: RunSnapshot) -> str:
        late = run.status == "running" and run.start < self.now - timedelta(hours=24)
        return "stalled" if late else str(run.status)

    def has_error(self, run: RunSnapshot) -> bool:
        return run.error_type != "" or run.status in ("failed", "timed_out")

    def is_followed(self, run: RunSnapshot) -> bool:
        """Whether another run of the session began within four hours of the hand-off."""
        handed = run.handed_off_at
        return handed is not None and any(
            other.session_id == run.session_id
            and other.workspace_id == run.workspace_id
            and other.id != run.id
            and handed <= other.start <= handed + timedelta(hours=4)
            for other in self.runs
        )

    def ratings_of(self, runs: Iterable[RunSnapshot]) -> list[int]:
        names = [(run.workspace_id, run.run_id) for run in runs]
        return [rating for name in names for *said, rating in self.ratings if tuple(said) == name]


def instant(moment: datetime | None) -> str | None:
    """The start of a run, which is cut to the millisecond, as an answer writes it."""
    if moment is None:
        return None
    milliseconds = moment.microsecond // 1000
    return f"{moment:%Y-%m-%dT%H:%M:%S}{f'.{milliseconds:03}' if milliseconds else ''}Z"


def ratio(part: Any, whole: Any) -> float | None:
    return part / whole if whole else None


def per(cost: Decimal, number: int) -> str:
    text = f"{(cost / number).quantize(Decimal('1e-9'), ROUND_HALF_EVEN):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percentile(numbers: Iterable[int | None], level: int) -> int | None:
    """The nearest-rank percentile."""
    known = sorted(number for number in numbers if number is not None)
    return known[math.ceil(Fraction(level * len(known), 100)) - 1] if known else None


def _times(runs: list[RunSnapshot]) -> dict[str, Any]:
    numbers = {"duration_ms": [run.elapsed_ms for run in runs], "queue_ms": [run.queue_ms for run in runs]}
    found: dict[str, Any] = {f"avg_{name}": mean(known) for name, known in numbers.items()}
    for name, known in numbers.items():
        found |= {f"{level}_{name}": percentile(known, percent) for level, percent in LEVELS.items()}
    return found


def _outcomes(runs: list[RunSnapshot], world: World, minutes: float) -> dict[str, Any]:
    count = {name: sum(world.status(run) == name for run in runs) for name in STATUSES}
    decided, failed = sum(count[name] for name in DECIDED), count["failed"] + count["timed_out"]
    ended = [run for run in runs if run.status in ENDED]
    with_error = [run for run in runs if run.error_type]
    recovered = [run for run in with_error if run.recovered]
    handed = [run for run in runs if run.handed_off_at and run.session_id]
    return {
        **count,
        "runs": len(runs),
        "root_runs": sum(not run.parent_run_id for run in runs),
        "sub_runs": sum(bool(run.parent_run_id) for run in runs),
        "errors": failed,
        "runs_with_errors": sum(world.has_error(run) for run in runs),
        "active_agents": len({(run.workspace_id, run.agent_id) for run in runs}),
        "first_run_at": instant(min((run.start for run in runs), default=None)),
        "last_run_at": instant(max((run.start for run in runs), default=None)),
        "queue_depth": count["queued"],
        "running_now": count["running"],
        "runs_per_minute": len(runs) / minutes,
        "success_rate": ratio(count["succeeded"], decided),
        "success_rate_all": ratio(count["succeeded"], len(runs)),
        "failure_rate": ratio(failed, decided),
        "handoff_rate": ratio(sum(run.handed_off_at is not None for run in ended), len(ended)),
        "post_handoff_iteration_rate": ratio(sum(world.is_followed(run) for run in handed), len(handed)),
        "recovery_rate": ratio(len(recovered), len(with_error)),
        "mean_time_to_recovery_ms": mean(run.recovery_ms for run in recovered),
    }


def _resources(runs: list[RunSnapshot]) -> dict[str, Any]:
    sums = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
    calls = ("llm_calls", "tool_calls", "retries")
    shared = [run for run in runs if run.input_tokens is not None and run.cache_read_tokens is not None]
    costs = [run.cost_usd for run in runs if run.cost_usd is not None]
    succeeded = sum(run.status == "succeeded" for run in runs)
    return {
        **{name: total(getattr(run, name) for run in runs) for name in (*sums, *calls)},
        "total_tokens": total(tokens(run) for run in runs),
        "cache_hit_rate": ratio(
            sum(run.cache_read_tokens or 0 for run in shared), sum(run.input_tokens or 0 for run in shared)
        ),
        "cost_usd": money(run.cost_usd for run in runs),
        "cost_per_run_usd": per(sum(costs, Decimal(0)), len(costs)) if costs else None,
        "cost_per_success_usd": per(sum(costs, Decimal(0)), succeeded) if costs and succeeded else None,
        "cost_coverage": ratio(len(costs), len(runs)),
        "credits": money(run.credits for run in runs),
        "avg_files_modified": mean(run.files_modified for run in runs),
    }


def _people(runs: list[RunSnapshot]) -> dict[str, Any]:
    users = {run.user_id for run in runs} - {""}
    in_sessions = [run for run in runs if run.session_id]
    sessions: dict[tuple[str, str], list[RunSnapshot]] = {}
    for run in in_sessions:
        sessions.setdefault((run.workspace_id, run.session_id), []).append(run)
    lifespans = [max(map(_end_ms, own)) - min(map(_start_ms, own)) for own in sessions.values()]
    timed = [own for own in sessions.values() if any(run.elapsed_ms is not None for run in own)]
    distinct = len({run.session_id for run in in_sessions})
    return {
        "active_users": len(users),
        "runs_per_user": ratio(sum(run.user_id != "" for run in runs), len(users)),
        "sessions": distinct,
        "runs_per_session": ratio(len(in_sessions), distinct),
        "sessions_per_user": ratio(len({run.session_id for run in in_sessions if run.user_id}), len(users)),
        "avg_session_lifespan_ms": ratio(sum(lifespans), len(lifespans)),
        "active_ms_per_session": ratio(sum(run.elapsed_ms or 0 for own in timed for run in own), len(timed)),
    }


def _start_ms(run: RunSnapshot) -> int:
    return _ms(run.start)


def _ms(instant: datetime) -> int:
    return (instant - datetime.fromisoformat("1970-01-01T00:00:00Z")) // timedelta(milliseconds=1)


def _end_ms(run: RunSnapshot) -> int:
    end = _ms(run.finished_at) if run.finished_at else _start_ms(run) + (run.elapsed_ms or 0)
    return max(_start_ms(run), end)


def _ratings(runs: list[RunSnapshot], world: World) -> dict[str, Any]:
    said = world.ratings_of(runs)
    return {
        "ratings": len(said),
        "avg_rating": ratio(sum(said), len(said)),
        **{f"ratings_{n}": said.count(n) for n in (1, 2, 3, 4, 5)},
    }


def measures(runs: list[RunSnapshot], world: World, minutes: float) -> dict[str, Any]:
    """Every measure over these runs. Percentiles are the exact ones."""
    return {
        **_outcomes(runs, world, minutes),
        **_times(runs),
        **_resources(runs),
        **_people(runs),
        **_ratings(runs, world),
    }


def dimension(name: str, run: RunSnapshot, world: World, local: datetime) -> Any:
    """The run's value of a dimension; `local` is its start by the clocks of the question's zone."""
    if name == TAG:
        return run.tags.get("team", "")
    if name == "has_error":
        return world.has_error(run)
    if name == "has_cost":
        return run.cost_usd is not None
    if name == "is_root":
        return run.parent_run_id == ""
    local_parts = {"hour": local.hour, "weekday": local.isoweekday(), "status": world.status(run)}
    return local_parts[name] if name in local_parts else getattr(run, name)

"""The contract's answers by plain arithmetic over Python lists: slow, short and easy to check by eye."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from runtally.events import RunSnapshot

ENDED = ("succeeded", "failed", "cancelled", "timed_out", "unknown")
Kept = Callable[[RunSnapshot], bool]


def rank(run: RunSnapshot) -> tuple[object, ...]:
    """CONTRACT 1.2: which of two snapshots of a run stands."""
    ended = 2 if run.status in ENDED else 1 if run.status == "running" else 0
    return (run.deleted, ended, run.updated_at, sha256(run.message_value()).digest()[:8])


def current(snapshots: Iterable[RunSnapshot]) -> list[RunSnapshot]:
    """Each run once, as its winning snapshot, without the deleted ones."""
    best: dict[tuple[str, UUID], RunSnapshot] = {}
    for snapshot in snapshots:
        key = (snapshot.workspace_id, snapshot.id)
        if key not in best or rank(snapshot) > rank(best[key]):
            best[key] = snapshot
    return [run for run in best.values() if not run.deleted]


@dataclass(frozen=True)
class Question:
    """What is asked: local days, both included, and which runs."""

    first: date
    last: date
    zone: ZoneInfo
    now: datetime
    kept: Kept = lambda run: True

    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    def day(self, run: RunSnapshot) -> date:
        return run.start.astimezone(self.zone).date()

    def of(self, runs: Iterable[RunSnapshot]) -> list[RunSnapshot]:
        return [run for run in runs if self.first <= self.day(run) <= self.last and self.kept(run)]


def money(amounts: Iterable[Decimal | None]) -> str | None:
    known = [amount for amount in amounts if amount is not None]
    if not known:
        return None
    text = f"{sum(known, Decimal(0)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def total(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def tokens(run: RunSnapshot) -> int | None:
    return total([run.input_tokens, run.output_tokens])


def count(runs: list[RunSnapshot], *statuses: str) -> int:
    return sum(run.status in statuses for run in runs)


def mean(numbers: Iterable[int | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return sum(known) / len(known) if known else None


def totals(runs: list[RunSnapshot], now: datetime) -> dict[str, Any]:
    stalled = sum(run.status == "running" and run.start < now - timedelta(hours=24) for run in runs)
    statuses = {name: count(runs, name) for name in ("queued", "succeeded", "failed", "timed_out", "cancelled")}
    ended = count(runs, "succeeded", "failed", "timed_out", "cancelled")
    return {
        "runs": len(runs),
        "root_runs": sum(not run.parent_run_id for run in runs),
        "status_counts": {
            **statuses,
            "running": count(runs, "running") - stalled,
            "stalled": stalled,
            "unknown": count(runs, "unknown"),
        },
        "success_rate": count(runs, "succeeded") / ended if ended else None,
        "success_rate_all": count(runs, "succeeded") / len(runs) if runs else None,
        "avg_duration_ms": mean(run.elapsed_ms for run in runs),
        "input_tokens": total(run.input_tokens for run in runs),
        "output_tokens": total(run.output_tokens for run in runs),
        "total_tokens": total(tokens(run) for run in runs),
        "cost_usd": money(run.cost_usd for run in runs),
        "coverage": {
            "duration": sum(run.elapsed_ms is not None for run in runs),
            "tokens": sum(tokens(run) is not None for run in runs),
            "cost": sum(run.cost_usd is not None for run in runs),
        },
    }


def by_agent(runs: Iterable[RunSnapshot]) -> list[tuple[tuple[str, str], list[RunSnapshot]]]:
    """The runs of each agent, the busiest first."""
    groups: dict[tuple[str, str], list[RunSnapshot]] = defaultdict(list)
    for run in runs:
        groups[run.workspace_id, run.agent_id].append(run)
    return sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))


def analytics(runs: list[RunSnapshot], question: Question) -> dict[str, Any]:
    """3.1 without meta."""
    chosen = question.of(runs)
    agents = by_agent(chosen)
    per_day = []
    for day in question.days():
        for (workspace_id, agent_id), theirs in agents:
            todays = [run for run in theirs if question.day(run) == day]
            per_day.append(
                {
                    "date": day.isoformat(),
                    "workspace_id": workspace_id,
                    "agent_id": agent_id,
                    "runs": len(todays),
                    "succeeded": count(todays, "succeeded"),
                    "failed": count(todays, "failed", "timed_out"),
                    "cost_usd": money(run.cost_usd for run in todays),
                }
            )
    listed = []
    for (workspace_id, agent_id), theirs in agents:
        named = sorted((run for run in theirs if run.agent_name), key=lambda run: (run.updated_at, rank(run)))
        name = named[-1].agent_name if named else ""
        listed.append(
            {
                "workspace_id": workspace_id,
                "agent_id": agent_id,
                "agent_name": name,
                **totals(theirs, question.now),
            }
        )
    return {"runs_per_day": per_day, "agents": listed, "totals": totals(chosen, question.now)}


def sessions(runs: Iterable[RunSnapshot]) -> int:
    return len({run.session_id for run in runs} - {""})


def rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 2)


def usage(runs: list[RunSnapshot], question: Question) -> dict[str, Any]:
    """3.2, /usage, without meta."""
    chosen = question.of(runs)
    daily = []
    for day in question.days():
        todays = [run for run in chosen if question.day(run) == day]
        spent = sum(tokens(run) or 0 for run in todays)
        daily.append({"date": day.isoformat(), "messages": len(todays), "tokens": spent, "sessions": sessions(todays)})
    return {
        "total_messages": len(chosen),
        "total_tokens": sum(tokens(run) or 0 for run in chosen),
        "total_sessions": sessions(chosen),
        "avg_response_time_ms": rounded(mean(run.elapsed_ms for run in chosen)),
        "daily_usage": daily,
    }


def agents_usage(runs: list[RunSnapshot], question: Question) -> dict[str, Any]:
    """3.2, /agents, without meta."""
    chosen = question.of(runs)
    listed = []
    for (workspace_id, agent_id), theirs in by_agent(chosen):
        errors = count(theirs, "failed", "timed_out")
        listed.append(
            {
                "name": agent_id,
                "workspace_id": workspace_id,
                "usage_count": len(theirs),
                "total_tokens": sum(tokens(run) or 0 for run in theirs),
                "avg_response_time_ms": rounded(mean(run.elapsed_ms for run in theirs)),
                "error_count": errors,
                "error_rate": round(100 * errors / len(theirs), 2),
            }
        )
    return {"agents": listed, "total_calls": len(chosen)}


def models_usage(runs: list[RunSnapshot], question: Question) -> dict[str, int]:
    """3.2, /models: runs by model."""
    used: dict[str, int] = defaultdict(int)
    for run in question.of(runs):
        if run.model:
            used[run.model] += 1
    return dict(used)


def active_sessions(runs: list[RunSnapshot], question: Question) -> int:
    """3.2, /summary: sessions of the 7 days that end today."""
    today = question.now.astimezone(question.zone).date()
    week = Question(today - timedelta(days=6), today, question.zone, question.now, question.kept)
    return sessions(week.of(runs))

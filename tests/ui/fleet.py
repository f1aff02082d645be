"""A believable fleet, seeded: what the stub API answers from. One cell per day, agent, model and status."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

SEED = 20261121
HISTORY_DAYS = 75


@dataclass(frozen=True)
class AgentKind:
    """How one agent behaves on a weekday."""

    workspace_id: str
    agent_id: str
    name: str
    model: str
    runs: int
    failure_rate: float
    seconds: float
    cost: float


@dataclass(frozen=True)
class Cell:
    """Runs of one day, agent, model and status, with their sums."""

    day: date
    workspace_id: str
    agent_id: str
    agent_name: str
    model: str
    status: str
    runs: int
    root_runs: int
    duration_ms: int
    timed: int
    input_tokens: int
    output_tokens: int
    with_tokens: int
    cost_usd: Decimal
    priced: int
    hour: int = 9
    agent_version: str = ""
    environment: str = "production"
    user_id: str = ""
    error_type: str = ""
    error_category: str = ""
    error_severity: str = ""
    recovered: bool = False
    cache_read_tokens: int = 0
    llm_calls: int = 0
    tool_calls: int = 0
    retries: int = 0
    files_modified: int | None = None
    is_root: bool = True

    @property
    def session_id(self) -> str:
        """The runs of an agent's day are one session."""
        return f"{self.agent_id}-{self.day}"

    @property
    def parent_run_id(self) -> str:
        """Of the stub's runs, those that did not succeed were started by the one of that day that did."""
        return "" if self.status == "succeeded" else f"{self.session_id}-succeeded"


KINDS = (
    AgentKind("acme", "triage-bot", "Triage bot", "claude-haiku-4-5", 64, 0.028, 3.1, 0.011),
    AgentKind("acme", "invoice-reader", "Invoice reader", "gpt-5-mini", 48, 0.047, 6.4, 0.024),
    AgentKind("acme", "code-review", "Code review", "claude-sonnet-4-5", 41, 0.081, 21.5, 0.142),
    AgentKind("acme", "doc-search", "Doc search", "gpt-5-mini", 33, 0.079, 2.2, 0.008),
    AgentKind("acme", "qa-smoke", "QA smoke", "claude-haiku-4-5", 22, 0.024, 11.8, 0.019),
    AgentKind("acme", "release-notes", "Release notes", "claude-sonnet-4-5", 6, 0.094, 34.2, 0.088),
    AgentKind("globex", "sales-research", "Sales research", "gpt-5", 44, 0.046, 17.4, 0.093),
    AgentKind("globex", "support-reply", "Support reply", "claude-sonnet-4-5", 37, 0.034, 5.2, 0.031),
    AgentKind("globex", "etl-guard", "ETL guard", "gpt-5-mini", 15, 0.052, 8.9, 0.006),
    AgentKind("globex", "lead-score", "Lead score", "mistral-large", 9, 0.061, 1.4, 0.004),
    AgentKind("globex", "onboarding", "Onboarding guide", "gpt-5", 5, 0.018, 9.6, 0.052),
    AgentKind("globex", "alert-summary", "Alert summary", "mistral-large", 2, 0.12, 4.4, 0.009),
)


def fleet(today: date, *, kinds: Sequence[AgentKind] = KINDS, history: int = HISTORY_DAYS) -> list[Cell]:
    """`history` days of runs that end with an unfinished `today`."""
    draw = random.Random(SEED)
    return [
        cell
        for age in range(history - 1, -1, -1)
        for kind in kinds
        for cell in _cells(kind, today - timedelta(days=age), age, draw)
    ]


def without_costs(cells: Sequence[Cell]) -> list[Cell]:
    return [replace(cell, cost_usd=Decimal(0), priced=0) for cell in cells]


def all_succeeded(cells: Sequence[Cell]) -> list[Cell]:
    return [replace(cell, status="succeeded", error_type="") for cell in cells]


def all_failed(cells: Sequence[Cell]) -> list[Cell]:
    return [replace(cell, status="failed") for cell in cells]


def _cells(kind: AgentKind, day: date, age: int, draw: random.Random) -> Iterator[Cell]:
    load = (0.3 if day.weekday() >= 5 else 1.0) * (1.25 - age * 0.006) * (0.35 if age == 0 else 1.0)
    runs = max(0, round(kind.runs * load * draw.uniform(0.82, 1.18)))
    failing = kind.failure_rate * (3.2 if kind.agent_id == "code-review" and age in (9, 10) else 1.0)
    failed = sum(draw.random() < failing for _ in range(runs))
    timed_out = sum(draw.random() < 0.2 for _ in range(failed))
    cancelled = sum(draw.random() < 0.008 for _ in range(runs - failed))
    running = min(2, runs - failed - cancelled) if age == 0 and kind.runs > 30 else 0
    counts = {
        "succeeded": runs - failed - cancelled - running,
        "failed": failed - timed_out,
        "timed_out": timed_out,
        "cancelled": cancelled,
        "running": running,
    }
    for status, number in counts.items():
        if number:
            yield _cell(kind, day, status, number, draw)


def _cell(kind: AgentKind, day: date, status: str, runs: int, draw: random.Random) -> Cell:
    ended = status != "running"
    timed = runs if ended else 0
    priced = sum(draw.random() < (0.9 if kind.model == "mistral-large" else 0.97) for _ in range(timed))
    more = _details(kind, day, status, runs)
    slower = 2.4 if status == "timed_out" else 1.0
    cell = Cell(
        day=day,
        workspace_id=kind.workspace_id,
        agent_id=kind.agent_id,
        agent_name=kind.name,
        model=kind.model,
        status=status,
        runs=runs,
        root_runs=round(runs * 0.84),
        duration_ms=round(timed * kind.seconds * 1000 * slower * draw.uniform(0.85, 1.2)),
        timed=timed,
        input_tokens=round(timed * kind.seconds * 780 * draw.uniform(0.8, 1.2)),
        output_tokens=round(timed * kind.seconds * 190 * draw.uniform(0.8, 1.2)),
        with_tokens=timed,
        cost_usd=Decimal(f"{priced * kind.cost * draw.uniform(0.85, 1.15):.6f}"),
        priced=priced,
    )
    return replace(cell, cache_read_tokens=round(cell.input_tokens * more.pop("cached")), **more)


_ERRORS = (
    ("rate_limited", "rate_limit", "warning"),
    ("tool_crashed", "tool_error", "error"),
    ("bad_output", "model_error", "error"),
    ("disk_full", "infrastructure", "critical"),
)

_RECOVERING = ("onboarding", "lead-score")
"""Agents whose runs at times succeed although they name an error."""


def _details(kind: AgentKind, day: date, status: str, runs: int) -> dict[str, Any]:
    # Drawn apart from the rest, so that what was drawn before there were details stays as it was.
    draw = random.Random(f"{kind.agent_id} {day} {status}")
    failed = status in ("failed", "timed_out")
    error = ("timeout", "timeout", "error") if status == "timed_out" else draw.choice(_ERRORS)
    if status == "succeeded" and kind.agent_id in _RECOVERING and day.toordinal() % 3 == 0:
        error, failed = ("provider_overloaded", "model_error", "warning"), True
    calls = runs * draw.randint(2, 6)
    return {
        "hour": 9 if status == "running" else draw.randint(0, 9),
        "agent_version": "2.0" if day.toordinal() % 60 > 30 else "1.9",
        "environment": "staging" if kind.agent_id == "qa-smoke" else "production",
        "user_id": f"user-{draw.randint(1, 9)}",
        "error_type": error[0] if failed else "",
        "error_category": error[1] if failed else "",
        "error_severity": error[2] if failed else "",
        "recovered": failed and (status == "succeeded" or draw.random() < 0.3),
        "llm_calls": calls,
        "tool_calls": calls * 2,
        "retries": runs // 9,
        "files_modified": draw.randint(0, 7) if kind.agent_id in ("code-review", "release-notes") else None,
        "cached": draw.uniform(0.2, 0.3) + 0.25 * (kind.model.startswith("claude")),
    }

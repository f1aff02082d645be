"""A believable fleet, seeded: what the stub API answers from. One cell per day, agent, model and status."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

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
    slower = 2.4 if status == "timed_out" else 1.0
    return Cell(
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

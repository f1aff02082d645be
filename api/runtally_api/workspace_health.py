"""The health of a workspace: 0 to 100, as the weighted mean of parts that each say how they came about. Pure.

A part that nothing can be told about is null, and the others bear its weight. docs/health.md explains the parts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from runtally_clickhouse.measures.forms import Value

HEALTH_MEASURES: Final = (
    "runs", "running", "stalled", "success_rate", "failure_rate", "p95_duration_ms", "cost_coverage",
)  # fmt: skip
SLOWEST: Final = 3.0
WORST_RISE: Final = 0.2
HEALTHY, DEGRADED = 80.0, 50.0
Values = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the health. `score` gets the values of the range and of the period before it."""

    name: str
    weight: int
    meaning: str
    score: Callable[[Values, Values], float | None]


def _number(values: Values, name: str) -> float | None:
    value = values.get(name)
    return float(value) if isinstance(value, int | float) else None


def _success(now: Values, then: Values) -> float | None:
    return _number(now, "success_rate")


def _steadiness(now: Values, then: Values) -> float | None:
    rate, before = _number(now, "failure_rate"), _number(then, "failure_rate")
    return None if rate is None or before is None else 1 - (rate - before) / WORST_RISE


def _speed(now: Values, then: Values) -> float | None:
    duration, before = _number(now, "p95_duration_ms"), _number(then, "p95_duration_ms")
    return None if duration is None or not before else (SLOWEST - duration / before) / (SLOWEST - 1)


def _progress(now: Values, then: Values) -> float | None:
    stalled, running = _number(now, "stalled") or 0, _number(now, "running") or 0
    return running / (running + stalled) if running + stalled else None


def _cost(now: Values, then: Values) -> float | None:
    return _number(now, "cost_coverage")


PARTS: Final = (
    Part("success", 40, "success_rate: 100 when every run succeeded.", _success),
    Part("steadiness", 15, "failure_rate beside the period before: 0 when it rose by 0.2 or more.", _steadiness),
    Part("speed", 20, "p95_duration_ms beside the period before: 0 when it is three times as long.", _speed),
    Part("progress", 15, "Runs under way that have not stalled, of those under way.", _progress),
    Part("cost_coverage", 10, "Runs whose cost is known, of all.", _cost),
)


def health(now: Values, then: Values) -> dict[str, Any]:
    """Score, status and parts, of the values of the range and of the period before it. No runs have no health."""
    parts: list[dict[str, Any]] = []
    scored: list[tuple[float, int]] = []
    for part in PARTS:
        share = part.score(now, then) if now["runs"] else None
        score = None if share is None else round(100 * min(1.0, max(0.0, share)), 1)
        parts.append({"name": part.name, "score": score, "weight": part.weight, "meaning": part.meaning})
        scored += [] if score is None else [(score, part.weight)]
    whole = sum(weight for _, weight in scored)
    total = round(sum(score * weight for score, weight in scored) / whole, 1) if whole else None
    return {"score": total, "status": _status(total), "parts": parts}


def _status(score: float | None) -> str | None:
    if score is None:
        return None
    return "healthy" if score >= HEALTHY else "degraded" if score >= DEGRADED else "unhealthy"

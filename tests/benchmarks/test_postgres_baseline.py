"""What holds PostgreSQL's answers against ours finds what differs."""

from decimal import Decimal
from typing import Any

import pytest
from benchmarks.postgres_baseline import equals

THEIRS = {"agent_id": "a", "runs": 2, "cost_usd": Decimal("0.300000001"), "p95_duration_ms": 200, "success_rate": 0.5}
OURS = {
    **THEIRS,
    "cost_usd": "0.300000001",
    "p95_duration_ms": 201.9,
    "success_rate": 0.5000000000000001,
    "other": False,
}


def test_the_same_is_equal() -> None:
    empty_step = {"agent_id": "b", "runs": 0, "cost_usd": None, "other": False}
    rest = {"agent_id": None, "runs": 7, "cost_usd": "1", "other": True}
    assert equals([THEIRS], [OURS, empty_step, rest])


@pytest.mark.parametrize(
    "wrong",
    [
        {"runs": 3},
        {"cost_usd": "0.3"},
        {"cost_usd": None},
        {"p95_duration_ms": 202.1},
        {"success_rate": 0.51},
        {"agent_id": "b"},
    ],
)
def test_what_differs_is_found(wrong: dict[str, Any]) -> None:
    assert not equals([THEIRS], [{**OURS, **wrong}])
    assert not equals([THEIRS], [OURS, {**OURS, "agent_id": "c"}])

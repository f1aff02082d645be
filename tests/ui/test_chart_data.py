"""Frames behind the charts, on values."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pandas as pd
import pytest
from runtally_ui import chart_data
from runtally_ui.answers import Agent, Analytics, Coverage, DailyRuns, DataRange, Meta, StatusCounts
from runtally_ui.chart_data import Palette
from runtally_ui.periods import days_period

MONDAY, TUESDAY = date(2026, 11, 16), date(2026, 11, 17)
PALETTE = Palette(
    names={("acme", "a"): "Planner", ("acme", "b"): "Coder", ("acme", "z"): "Rare"},
    slots={("acme", "a"): 1, ("acme", "b"): 0},
)


def daily(day: date, agent: str | None, runs: int, cost: str | None = None, failed: int = 0) -> DailyRuns:
    workspace = None if agent is None else "acme"
    return DailyRuns(
        date=day,
        workspace_id=workspace,
        agent_id=agent,
        other=agent is None,
        runs=runs,
        succeeded=runs - failed,
        failed=failed,
        cost_usd=None if cost is None else Decimal(cost),
    )


def agent(agent_id: str, succeeded: int, failed: int, **more: object) -> Agent:
    values: dict[str, object] = {
        "workspace_id": "acme",
        "agent_id": agent_id,
        "runs": succeeded + failed,
        "status_counts": StatusCounts(succeeded=succeeded, failed=failed),
        "coverage": Coverage(duration=succeeded + failed),
    }
    return Agent.model_validate(values | more)


def test_unknown_cost_is_not_zero_cost() -> None:
    rows = [daily(MONDAY, "a", 5), daily(TUESDAY, "a", 5, "0"), daily(TUESDAY, "b", 5, "1.25")]
    assert chart_data.daily_cost(rows) == {MONDAY: None, TUESDAY: Decimal("1.25")}


def test_a_day_whose_cost_is_unusual_is_marked_on_the_cost_so_far() -> None:
    costs = [*(1 + day % 2 for day in range(10)), 50, 1]
    rows = [DailyRuns(date=date(2026, 11, 1 + place), runs=30, cost_usd=Decimal(cost))
            for place, cost in enumerate(costs)]  # fmt: skip
    frame = chart_data.cumulative_cost_frame(rows, [], today=date(2026, 11, 12))
    assert list(frame["outlier"].dropna()) == [65.0]
    assert list(frame["rolling"].notna()) == [False] * 6 + [True] * 5 + [False], "the last day is under way"
    few = [row.model_copy(update={"runs": 1}) for row in rows]
    assert not chart_data.cumulative_cost_frame(few, [], today=date(2026, 11, 12))["outlier"].notna().any()


def test_cumulative_cost_lies_on_the_period_before_day_by_day() -> None:
    now = [daily(MONDAY, "a", 1, "1.5"), daily(TUESDAY, "a", 1, "2")]
    before = [daily(date(2026, 11, 14), "a", 1, "4")]
    frame = chart_data.cumulative_cost_frame(now, [*chart_data.daily_cost(before).values()], today=date(2026, 11, 18))
    assert list(frame["total"]) == [1.5, 3.5]
    assert frame["previous"].iloc[0] == 4.0
    assert pd.isna(frame["previous"].iloc[1])
    assert list(frame["Period before"]) == ["$4.00", "no earlier data"]


def test_response_times_slowest_first_without_the_unknown() -> None:
    agents = [
        agent("a", 9, 1, avg_duration_ms=900.0),
        agent("b", 9, 1, avg_duration_ms=2500.0),
        agent("z", 9, 1),
    ]
    frame = chart_data.response_time_frame(agents, PALETTE)
    assert list(zip(frame["agent"], frame["label"], frame["Timed runs"], strict=True)) == [
        ("Coder", "2.5 s", "10 of 10"),
        ("Planner", "900 ms", "10 of 10"),
    ]


def test_the_most_failing_come_first_and_idle_agents_not_at_all() -> None:
    idle = agent("z", 0, 0, status_counts=StatusCounts(running=4))
    agents = [agent("a", 100, 0), agent("b", 1, 1), idle]
    assert [found.agent_id for found in chart_data.most_failing(agents)] == ["b", "a"]
    shares = chart_data.failure_share_frame(agents, PALETTE)
    assert list(shares["label"]) == ["50.0% of 2", "0% of 100"]
    outcomes = chart_data.outcomes_frame(agents, PALETTE)
    assert list(outcomes["runs"]) == [1, 1, 0, 100, 0, 0]
    assert list(outcomes["agent"].unique()) == ["Coder", "Planner"]


def test_timed_out_counts_as_failed() -> None:
    counts = StatusCounts(succeeded=6, failed=1, timed_out=2, cancelled=1, running=5, unknown=3)
    assert (counts.errors, counts.ended) == (3, 10)


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (2, 22, 0.0253, 0.2781), (53, 753, 0.0542, 0.0909)],
)
def test_wilson_interval(part: int, whole: int, low: float, high: float) -> None:
    assert chart_data.wilson_interval(part, whole) == pytest.approx((low, high), abs=5e-4)


PERIOD = days_period(date(2026, 9, 23), date(2026, 10, 22), "Europe/Berlin")


@pytest.mark.parametrize(
    ("first", "begun"),
    [
        (None, None),
        (datetime(2026, 9, 22, 21, 0, tzinfo=UTC), None),  # before the period, in Berlin too
        (datetime(2026, 9, 22, 22, 30, tzinfo=UTC), None),  # its first day in Berlin: the period is whole
        (datetime(2026, 10, 22, 8, 0, tzinfo=UTC), date(2026, 10, 22)),
        (datetime(2026, 10, 22, 22, 30, tzinfo=UTC), None),  # after it: there is nothing to compare with at all
    ],
)
def test_the_first_run_inside_the_period_makes_it_partial(first: datetime | None, begun: date | None) -> None:
    found = None if first is None else DataRange(first=first, last=datetime(2026, 11, 21, tzinfo=UTC))
    assert chart_data.begun_within(Analytics(meta=Meta(data_range=found)), PERIOD) == begun


def test_frames_of_nothing_have_their_columns() -> None:
    assert chart_data.response_time_frame([], PALETTE).empty
    assert chart_data.failure_share_frame([], PALETTE).empty
    assert chart_data.outcomes_frame([], PALETTE).empty
    assert chart_data.cumulative_cost_frame([], [], MONDAY).empty

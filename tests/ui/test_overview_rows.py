"""What stands behind the Overview's bars by agent: rows for downloads, and the runs that a bar counts."""

from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest
from runtally_ui.answers import Agent, Analytics, DailyRuns
from runtally_ui.chart_data import OUTCOMES, Palette
from runtally_ui.drilling import step_period
from runtally_ui.overview_rows import (
    cost_rows,
    day_steps,
    duration_rows,
    failed_runs,
    outcome_rows,
    outcome_runs,
    timed_runs,
)
from runtally_ui.trend_card import clicked_agent
from runtally_ui.trend_data import steps
from ui.fleet import fleet
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)


@pytest.fixture(scope="module")
def answer() -> Analytics:
    query = {"from": ["2026-10-23"], "to": ["2026-11-21"]}
    return Analytics.model_validate(StubApi(fleet(TODAY), TODAY).analytics(query))


@pytest.fixture
def agent(answer: Analytics) -> Agent:
    return next(agent for agent in answer.agents if agent.status_counts.errors)


def test_a_part_of_a_bar_counts_the_runs_that_ended_so(agent: Agent) -> None:
    counted = [outcome_runs(agent, {"outcome": outcome}) for outcome in OUTCOMES]
    assert [tuple(of_runs["status"]) for of_runs, _ in counted] == [
        ("succeeded",), ("failed", "timed_out"), ("cancelled",),
    ]  # fmt: skip
    assert sum(runs for _, runs in counted) == agent.status_counts.ended
    assert failed_runs(agent, {}) == outcome_runs(agent, {"outcome": OUTCOMES[1]})
    assert timed_runs(agent, {}) == ({"min_duration_ms": "0"}, agent.coverage.duration)


def test_rows_for_downloads_add_up_to_the_totals(answer: Analytics) -> None:
    outcomes = outcome_rows(answer.agents).data
    assert sum(row["ended"] for row in outcomes) == answer.totals.status_counts.ended
    assert all(row["failure_rate"] == (row["failed"] + row["timed_out"]) / row["ended"] for row in outcomes)
    durations = duration_rows(answer.agents).data
    assert sum(row["timed_runs"] for row in durations) == answer.totals.coverage.duration
    costs = cost_rows(answer.runs_per_day).data
    assert len(costs) == 30
    assert costs[-1]["cost_so_far_usd"] == str(answer.totals.cost_usd)


def test_a_day_without_a_known_cost_stays_unknown() -> None:
    rows = [DailyRuns(date=date(2026, 11, day), workspace_id="a", agent_id="b", runs=1, succeeded=1, failed=0,
                      cost_usd=cost) for day, cost in ((1, "0.5"), (2, None))]  # fmt: skip
    assert cost_rows(rows).data == [
        {"date": "2026-11-01", "cost_usd": "0.5", "cost_so_far_usd": "0.5"},
        {"date": "2026-11-02", "cost_usd": None, "cost_so_far_usd": "0.5"},
    ]


def test_a_part_of_a_stacked_bar_is_its_agents() -> None:
    known = {("acme", "a"): "Planner", ("acme", "b"): "Twin", ("beta", "b"): "Twin"}
    page = SimpleNamespace(palette=Palette(known, {agent: slot for slot, agent in enumerate(known)}))
    assert clicked_agent(page, {"key": "k", "series": "Planner"}) == ("acme", "a")  # type: ignore[arg-type]
    assert clicked_agent(page, {"key": "k", "series": "Twin"}) == ("", "")  # type: ignore[arg-type]
    assert clicked_agent(page, {"key": "k", "series": "Other"}) == ("", "")  # type: ignore[arg-type]
    assert clicked_agent(page, {"key": "k"}) == ("", "")  # type: ignore[arg-type]


def test_a_day_of_the_cumulative_cost_is_a_step_of_the_zone() -> None:
    rows = [DailyRuns(date=date(2026, 3, day), workspace_id="a", agent_id="b", runs=1) for day in (29, 28, 30, 29)]
    found = day_steps(rows, "Europe/Berlin")
    days = steps(found.rows, found.meta.granularity, datetime(2026, 3, 30, 12, tzinfo=UTC))
    assert [(one.start.day, one.end.day, one.done) for one in days] == [(28, 29, True), (29, 30, True), (30, 31, False)]
    period = step_period(days[1].start.isoformat(), days, "Europe/Berlin")
    assert period is not None
    assert period.bounds() == ("2026-03-29", "2026-03-29")

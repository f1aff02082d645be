"""What stands behind the Overview's bars by agent: rows for downloads, and the runs that a bar counts."""

from dataclasses import replace
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest
from runtally_clickhouse.measures.time_steps import fitting_granularity
from runtally_ui.answers import Agent, Analytics, DailyRuns, QueryAnswer
from runtally_ui.chart_data import OUTCOMES, Palette
from runtally_ui.drilling import step_period
from runtally_ui.filters import Filters
from runtally_ui.overview_rows import (
    agents_by_day,
    cost_rows,
    day_steps,
    duration_rows,
    failed_runs,
    outcome_rows,
    outcome_runs,
    timed_runs,
)
from runtally_ui.page import Asked
from runtally_ui.periods import newest_days, newest_hours
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


@pytest.mark.parametrize("most", [1, 3, 100])
def test_runs_of_agents_by_day_are_what_a_query_answers(answer: Analytics, most: int) -> None:
    found = agents_by_day(answer, most, "UTC")
    body = {
        "measures": ["runs", "succeeded", "errors"],
        "dimensions": ["workspace_id", "agent_id"],
        "time": {"from": "2026-10-23", "to": "2026-11-21", "granularity": "day", "timezone": "UTC"},
        "filters": [], "limit": most, "other": True,
    }  # fmt: skip
    asked = QueryAnswer.model_validate(StubApi(fleet(TODAY), TODAY).query(body))
    assert _runs_by_step(found) == _runs_by_step(asked)
    assert found.meta.granularity == asked.meta.granularity
    assert any(row.other for row in found.rows) == found.meta.truncated == (most < 100)


def test_days_of_agents_begin_at_the_zones_midnights() -> None:
    rows = [DailyRuns(date=date(2026, 10, day), workspace_id="a", agent_id="b", runs=1) for day in (24, 25, 26)]
    found = agents_by_day(Analytics(runs_per_day=rows), 20, "Europe/Berlin")
    assert [row.cells["time"] for row in found.rows] == [
        "2026-10-24T00:00:00+02:00", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00",
    ]  # fmt: skip


@pytest.mark.parametrize("days", [1, 7, 8, 30, 90, 99, 101, 400])
def test_auto_is_taken_for_days_only_where_the_api_makes_days_of_it(days: int) -> None:
    period = newest_days(TODAY, days, "Europe/Berlin")
    asked = Asked(period, Filters(), None, "auto", datetime(2026, 11, 21, 12, tzinfo=UTC))
    assert asked.in_whole_days == (fitting_granularity(period.start, period.end) == "day")
    assert replace(asked, granularity="day").in_whole_days == (days < 400)
    assert not replace(asked, granularity="week").in_whole_days


def test_a_period_that_cuts_a_day_has_no_whole_ones() -> None:
    period = newest_hours(datetime(2026, 11, 21, 12, tzinfo=UTC), 24 * 30, "UTC")
    assert not Asked(period, Filters(), None, "day", datetime(2026, 11, 21, 12, tzinfo=UTC)).in_whole_days


def _runs_by_step(answer: QueryAnswer) -> dict[tuple[datetime | None, str, str], tuple[float | None, ...]]:
    """Of the groups that ran at all."""
    return {
        (row.time, row.text("workspace_id"), row.text("agent_id")): tuple(
            row.number(name) for name in ("runs", "succeeded", "errors")
        )
        for row in answer.rows
        if row.number("runs")
    }


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

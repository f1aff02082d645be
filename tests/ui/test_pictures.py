"""The charts as pictures, compared with approved ones in `approved/`.

After a change that is meant, look at the new pictures: `RUNTALLY_APPROVE_PICTURES=1 pytest tests/ui/test_pictures.py`
writes them.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from runtally_ui import chart_data, charts
from runtally_ui.agent_answers import Latency
from runtally_ui.agent_series import agent_runs_frame, runs_by_agent
from runtally_ui.answers import Agent, Analytics, QueryAnswer, QueryRow
from runtally_ui.chart_data import Palette
from runtally_ui.colours import SLOTS, series_domain
from runtally_ui.drawing import Drawing, drawing
from runtally_ui.error_bars import error_bars, error_bars_frame
from runtally_ui.error_table import error_name
from runtally_ui.latency import latency_chart, latency_frame
from runtally_ui.ranking import ranked_bars, ranking_frame
from runtally_ui.ratings import SERIES as STARS
from runtally_ui.ratings import ratings_frame
from runtally_ui.scatter import call_cost_chart, call_cost_frame
from runtally_ui.trend_data import Series, steps, trend_frame
from runtally_ui.trends import Look, bar_trend, line_trend
from runtally_ui.version_marks import Sight, with_marks
from runtally_ui.week_hours import week_hours_chart, week_hours_frame
from ui.fleet import KINDS, fleet
from ui.pictures import holds
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
COST = Series("cost_usd", "money", "Total cost")
PER_RUN = Series("cost_per_run_usd", "money", "Cost per run")
RATE = Series("success_rate", "share", "Success rate")
CACHE = Series("cache_hit_rate", "share", "Cache hit rate")
MEAN = Series("avg_duration_ms", "duration", "Mean duration")
FAILURES = Series("failure_rate", "share", "Failure rate")
FAILED = Series("errors", "count", "Failed runs")
RUNS = Series("runs", "count", "Runs")
P95 = Series("p95_duration_ms", "duration", "p95 duration")


def ask(
    measures: list[str], dimensions: tuple[str, ...] = (), granularity: str = "none", first: str = "2026-10-23"
) -> QueryAnswer:
    time = {"from": first, "to": "2026-11-21", "granularity": granularity, "timezone": "UTC"}
    body = {"measures": ["runs", *measures], "dimensions": list(dimensions), "time": time}
    return QueryAnswer.model_validate(StubApi(fleet(TODAY), TODAY).query(body))


def cost() -> Drawing:
    answer = ask(["cost_usd", "cost_per_run_usd"], granularity="day")
    return drawing(bar_trend, trend_frame(answer, COST, NOW, PER_RUN), COST, PER_RUN)


def duration() -> Drawing:
    answer = ask(["avg_duration_ms", "p95_duration_ms"], granularity="day")
    return drawing(line_trend, trend_frame(answer, MEAN, NOW, P95), MEAN, P95)


def success_with_band() -> Drawing:
    answer = ask(["success_rate"], granularity="day")
    return drawing(line_trend, trend_frame(answer, RATE, NOW), RATE, look=Look(rolling=True, outliers=True))


def agents() -> Drawing:
    keys = [(kind.workspace_id, kind.agent_id) for kind in KINDS]
    palette = Palette(
        {key: kind.name for key, kind in zip(keys, KINDS, strict=True)},
        {key: slot for slot, key in enumerate(keys[:SLOTS])},
    )
    answer = ask(["succeeded", "errors"], ("workspace_id", "agent_id"), "day", "2026-11-15")
    domain = tuple(series_domain(palette.slots, palette.names))
    return drawing(runs_by_agent, agent_runs_frame(answer, palette, NOW), domain, domain)


def cache_by_model() -> Drawing:
    return drawing(ranked_bars, ranking_frame(ask(["cache_hit_rate"], ("model",)), CACHE, "model"), CACHE, target=0.4)


def calls_against_cost() -> Drawing:
    runs = StubApi(fleet(TODAY), TODAY).runs({"limit": ["60"]})
    return drawing(call_cost_chart, call_cost_frame(QueryAnswer.model_validate(runs)))


def failures_with_versions() -> Drawing:
    answer = ask(["failure_rate", "errors"], granularity="day")
    days = steps(answer.rows, "day", NOW)
    sights = [Sight(days[place].start + timedelta(hours=6), f"Code review 2.{place}") for place in (4, 5, 5, 16, 29)]
    frame = with_marks(trend_frame(answer, FAILURES, NOW, beside=(FAILED,)), days, sights)
    return drawing(line_trend, frame, FAILURES, look=Look("red", marked=True, beside=(FAILED.title,)))


def error_types() -> Drawing:
    days = {"from": ["2026-10-23"], "to": ["2026-11-21"]}
    found = QueryAnswer(data=StubApi(fleet(TODAY), TODAY).answer("/api/v1/errors", days)[1]["by_type"])
    return drawing(error_bars, error_bars_frame(found, error_name, error_name, "runs"), height=300)


def failing_hours() -> Drawing:
    frame = week_hours_frame(ask(["errors"], ("weekday", "hour")), FAILED, (RUNS,))
    return drawing(week_hours_chart, frame, (FAILED.title, RUNS.title))


def latency_distribution() -> Drawing:
    query = {"from": ["2026-10-23"], "to": ["2026-11-21"]}
    _, body = StubApi(fleet(TODAY), TODAY).answer("/api/v1/latency", query)
    return drawing(latency_chart, latency_frame(Latency.model_validate(body)))


def ratings() -> Drawing:
    _, body = StubApi(fleet(TODAY), TODAY).answer("/api/v1/agents/code-review/analytics", {})
    return drawing(ranked_bars, ratings_frame(QueryRow(cells=body["users"])), STARS, beside="Share")


def analytics(first: str, last: str) -> Analytics:
    return Analytics.model_validate(StubApi(fleet(TODAY), TODAY).analytics({"from": [first], "to": [last]}))


def everybody() -> tuple[Sequence[Agent], Palette]:
    return analytics("2026-10-23", "2026-11-21").agents, Palette(
        {(k.workspace_id, k.agent_id): k.name for k in KINDS}, {}
    )


def cumulative() -> Drawing:
    now, before = analytics("2026-10-23", "2026-11-21"), analytics("2026-09-23", "2026-10-22")
    frame = chart_data.cumulative_cost_frame(
        now.runs_per_day, [*chart_data.daily_cost(before.runs_per_day).values()], TODAY
    )
    return drawing(charts.cumulative_cost, frame, rolling=True, outliers=True)


def response_times() -> Drawing:
    return drawing(charts.response_time, chart_data.response_time_frame(*everybody()))


def outcomes_by_agent() -> Drawing:
    return drawing(charts.outcomes, chart_data.outcomes_frame(*everybody()))


def failure_shares() -> Drawing:
    return drawing(charts.failure_share, chart_data.failure_share_frame(*everybody()))


DRAWN = [
    cost, duration, success_with_band, agents, cache_by_model, calls_against_cost, failures_with_versions, error_types,
    failing_hours, latency_distribution, ratings, cumulative, response_times, outcomes_by_agent, failure_shares,
]  # fmt: skip


@pytest.mark.parametrize("draw", DRAWN)
def test_a_chart_looks_as_approved(draw: Callable[[], Drawing]) -> None:
    holds(draw.__name__, draw())

"""The charts of Cost, Adoption, Live, Feedback and Pipeline as pictures, in both themes; see `test_pictures.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from runtally_ui.answers import QueryAnswer, QueryRow
from runtally_ui.chart_data import Palette
from runtally_ui.cost_changes import Change, changes_chart, changes_frame
from runtally_ui.cost_series import cost_series_chart, cost_series_frame, series_of, shown_in
from runtally_ui.cumulative import cumulative_chart, cumulative_frame
from runtally_ui.drawing import Drawing, drawing
from runtally_ui.groupings import GROUPINGS
from runtally_ui.periods import Period
from runtally_ui.ranking import ranked_bars, ranking_frame
from runtally_ui.ratings import SERIES as STARS
from runtally_ui.ratings import ratings_frame
from runtally_ui.throughput import minutes_chart, minutes_frame
from runtally_ui.trend_data import Series, steps, trend_frame
from runtally_ui.trends import Look, bar_trend, line_trend
from ui.fleet import fleet
from ui.pictures import holds
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
COST = Series("cost_usd", "money", "Total cost")


def ask(measures: list[str], dimensions: tuple[str, ...] = (), step: str = "none", back: int = 0) -> QueryAnswer:
    first, last = (TODAY - timedelta(days=days + back) for days in (29, 0))
    time = {"from": str(first), "to": str(last), "granularity": step, "timezone": "UTC"}
    body = {"measures": ["runs", *measures], "dimensions": list(dimensions), "time": time}
    return QueryAnswer.model_validate(StubApi(fleet(TODAY), TODAY).query(body))


def cost_so_far() -> Drawing:
    answer, before = ask(["cost_usd"], step="day"), ask(["cost_usd"], step="day", back=30)
    return drawing(cumulative_chart, cumulative_frame(answer.rows, steps(answer.rows, "day", NOW), before.rows))


def cost_by_model() -> Drawing:
    return drawing(ranked_bars, ranking_frame(ask(["cost_usd"], ("model",)), COST, "model"), COST, height=320)


def cost_over_time() -> Drawing:
    """By model, dearest first, as the page Cost draws it; the day that runs is faded."""
    answer = ask(["cost_usd"], ("model",), step="day")
    series = series_of(answer, GROUPINGS["By model"], Palette({}, {}))
    frame = cost_series_frame(answer, series, NOW)
    return drawing(cost_series_chart, frame, tuple(series.domain), tuple(shown_in(frame, series.domain)))


def cost_changes() -> Drawing:
    """Dearer and busier, one against the other, cheaper, new, gone."""
    parts = (("Code review", 12, 5, 80, 60), ("Triage bot", 7, -4, 40, 20), ("Invoice reader", -3, -6, 9, 14),
             ("Onboarding guide", 2, 0, 3, 0), ("ETL guard", -1, 0, 0, 5))  # fmt: skip
    found = [
        Change(name, Decimal(20 + by_runs + by_price), Decimal(20), Decimal(by_runs), Decimal(by_price), now, then)
        for name, by_runs, by_price, now, then in parts
    ]
    return drawing(changes_chart, changes_frame(found))


def active_users() -> Drawing:
    users = Series("active_users", "count", "Users")
    answer = ask(["active_users"], step="day")
    return drawing(line_trend, trend_frame(answer, users, NOW), users, None, Look())


def ratings_over_time() -> Drawing:
    ratings, mean = Series("ratings", "count", "Ratings"), Series("avg_rating", "number", "Mean rating")
    answer = ask(["ratings", "avg_rating"], step="day")
    return drawing(bar_trend, trend_frame(answer, ratings, NOW, mean), ratings, mean)


def ratings_by_stars() -> Drawing:
    _, body = StubApi(fleet(TODAY), TODAY).answer("/api/v1/agents/code-review/analytics", {})
    return drawing(ranked_bars, ratings_frame(QueryRow(cells=body["users"])), STARS, height=278, beside="Share")


def throughput() -> Drawing:
    rows = [
        {"time": f"2026-11-21T09:{minute:02}:00Z", "topic": "agent-runs.v1", "accepted": 300 + minute * 37 % 200,
         "dead": 40 if minute == 12 else 0, "batches": 2}
        for minute in range(5, 30)
    ]  # fmt: skip
    hour = Period(NOW - timedelta(minutes=60), NOW, "UTC")
    return drawing(minutes_chart, minutes_frame(QueryAnswer(data=rows), hour))


@dataclass(frozen=True)
class Case:
    draw: Callable[[], Drawing]
    scheme: str

    @property
    def name(self) -> str:
        return f"{self.draw.__name__}-{self.scheme}"


DRAWN = (
    cost_so_far, cost_by_model, cost_over_time, cost_changes, active_users, ratings_over_time,
    ratings_by_stars, throughput,
)  # fmt: skip
CASES = [Case(draw, scheme) for draw in DRAWN for scheme in ("light", "dark")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_chart_looks_as_approved_in_either_theme(case: Case) -> None:
    holds(case.name, case.draw(), case.scheme)

"""From what was picked to the very instants that are asked for."""

from datetime import UTC, date, datetime

import pytest
from runtally_ui.filters import Filters
from runtally_ui.page import Asked
from runtally_ui.periods import (
    CUSTOM,
    before_words,
    days_period,
    local_today,
    moved_to,
    newest_days,
    resolve_period,
)
from runtally_ui.questions import MOST_POINTS

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
TODAY = date(2026, 11, 21)


def test_the_default_is_thirty_days_that_end_today() -> None:
    period = resolve_period("30d", (), "UTC", NOW)
    assert (period.first, period.last, len(period)) == (date(2026, 10, 23), TODAY, 30)
    assert resolve_period(None, (), "UTC", NOW) == period
    assert resolve_period(CUSTOM, ("", ""), "UTC", NOW) == period
    assert resolve_period(CUSTOM, ("soon", "2026-13-01"), "UTC", NOW) == period


def test_custom_days_in_either_order_and_a_single_one() -> None:
    wanted = days_period(date(2026, 11, 1), date(2026, 11, 10), "UTC")
    assert resolve_period(CUSTOM, ("2026-11-01", "2026-11-10"), "UTC", NOW) == wanted
    assert resolve_period(CUSTOM, ("2026-11-10", "2026-11-01"), "UTC", NOW) == wanted
    assert len(resolve_period(CUSTOM, ("2026-11-01", ""), "UTC", NOW)) == 1


def test_custom_hours_are_asked_as_instants() -> None:
    period = resolve_period(CUSTOM, ("2026-11-20T09:00", "2026-11-20T15:00"), "Europe/Berlin", NOW)
    assert period.bounds() == ("2026-11-20T08:00:00Z", "2026-11-20T14:00:00Z")
    assert period.before().bounds() == ("2026-11-20T02:00:00Z", "2026-11-20T08:00:00Z")
    again = resolve_period(CUSTOM, period.bounds(), "Europe/Berlin", NOW)
    assert again == period


def test_a_day_of_hours_ends_with_the_running_one() -> None:
    assert resolve_period("24h", (), "UTC", NOW).bounds() == ("2026-11-20T10:00:00Z", "2026-11-21T10:00:00Z")


def test_all_begins_with_the_first_run_as_far_as_the_api_answers() -> None:
    assert resolve_period("All", (), "UTC", NOW, date(2026, 9, 8)).first == date(2026, 9, 8)
    assert len(resolve_period("All", (), "UTC", NOW, date(2020, 1, 1))) == 399
    assert resolve_period("All", (), "UTC", NOW, date(2030, 1, 1)).first == TODAY


def test_the_periods_compared_with() -> None:
    period = newest_days(TODAY, 30, "UTC")
    before = period.before()
    assert (before.first, before.last, len(before)) == (date(2026, 9, 23), date(2026, 10, 22), 30)
    assert period.before("previous_week").first == date(2026, 10, 16)
    assert period.before("previous_year").bounds() == ("2025-10-23", "2025-11-21")
    leap = days_period(date(2028, 2, 29), date(2028, 2, 29), "UTC")
    assert leap.before("previous_year").first == date(2027, 2, 28)


def test_a_week_at_the_end_of_a_range_is_only_what_lies_in_it() -> None:
    month = days_period(date(2026, 10, 23), date(2026, 11, 21), "Europe/Berlin")
    first = days_period(date(2026, 10, 19), date(2026, 10, 25), "Europe/Berlin").within(month)
    last = days_period(date(2026, 11, 16), date(2026, 11, 22), "Europe/Berlin").within(month)
    assert [found.bounds() for found in (first, last)] == [("2026-10-23", "2026-10-25"), ("2026-11-16", "2026-11-21")]
    assert month.within(month) == month


def test_days_stay_days_when_the_clocks_change() -> None:
    after = days_period(date(2026, 10, 26), date(2026, 11, 1), "Europe/Berlin")
    assert after.before().bounds() == ("2026-10-19", "2026-10-25")
    assert after.before().whole_days


def test_today_depends_on_the_zone() -> None:
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    assert local_today(late, "UTC") == date(2026, 11, 20)
    assert local_today(late, "Europe/Berlin") == TODAY


def test_a_relative_range_moves_with_the_clock_and_a_custom_one_stays() -> None:
    tomorrow = datetime(2026, 11, 22, 0, 10, tzinfo=UTC)
    assert moved_to(resolve_period("7d", (), "UTC", NOW), tomorrow).last == date(2026, 11, 22)
    custom = days_period(date(2026, 11, 1), TODAY, "UTC")
    assert moved_to(custom, tomorrow) == custom


@pytest.mark.parametrize(
    ("preset", "comparison", "words"),
    [
        ("7d", "previous_period", "than last week"),
        ("30d", "previous_period", "than the 30 days before"),
        ("30d", "previous_week", "than last week"),
        ("90d", "previous_year", "than last year"),
        ("24h", "previous_period", "than the 24 hours before"),
    ],
)
def test_what_a_change_is_against(preset: str, comparison: str, words: str) -> None:
    assert before_words(resolve_period(preset, (), "UTC", NOW), comparison) == words


@pytest.mark.parametrize(
    ("choice", "granularity", "step", "series"),
    [("30d", "auto", "auto", 20), ("30d", "day", "day", 20), ("7d", "hour", "hour", 20), ("90d", "hour", "auto", 20),
     ("24h", "quarter_hour", "quarter_hour", 20)],
)  # fmt: skip
def test_a_chart_holds_the_steps_of_its_series(choice: str, granularity: str, step: str, series: int) -> None:
    asked = Asked(resolve_period(choice, (), "UTC", NOW), Filters(), None, granularity, NOW)
    assert (asked.step, asked.series_that_fit(20)) == (step, series)


def test_many_steps_leave_room_for_fewer_series_and_never_for_more_points_than_a_chart_holds() -> None:
    days = ("2026-11-06", "2026-11-21")
    asked = Asked(resolve_period(CUSTOM, days, "UTC", NOW), Filters(), None, "hour", NOW)
    assert asked.step == "hour"
    fit = asked.series_that_fit(20)
    hours = 16 * 24
    assert 0 < fit < 20
    assert (fit + 1) * hours <= MOST_POINTS < (fit + 2) * (hours + 1)

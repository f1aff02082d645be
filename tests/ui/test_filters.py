"""From the address bar to the API's query."""

from datetime import UTC, date, datetime

from runtally_ui.filters import (
    CUSTOM,
    Days,
    Filters,
    analytics_params,
    local_today,
    newest_days,
    resolve_days,
    shared_link,
)

TODAY = date(2026, 11, 21)


def test_the_default_is_thirty_days_that_end_today() -> None:
    days = resolve_days("30d", (), "UTC", TODAY)
    assert (days.first, days.last, len(days)) == (date(2026, 10, 23), TODAY, 30)
    assert resolve_days(None, (), "UTC", TODAY) == days
    assert resolve_days(CUSTOM, (), "UTC", TODAY) == days


def test_custom_days_in_either_order_and_a_single_one() -> None:
    first, last = date(2026, 11, 1), date(2026, 11, 10)
    assert resolve_days(CUSTOM, (last, first), "UTC", TODAY) == Days(first, last, "UTC")
    assert resolve_days(CUSTOM, (first,), "UTC", TODAY) == Days(first, first, "UTC")


def test_the_period_before_is_as_long_and_adjacent() -> None:
    before = newest_days(TODAY, 30, "UTC").before()
    assert (before.first, before.last, len(before)) == (date(2026, 9, 23), date(2026, 10, 22), 30)


def test_today_depends_on_the_zone() -> None:
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    assert local_today(late, "UTC") == date(2026, 11, 20)
    assert local_today(late, "Europe/Berlin") == TODAY


def test_repeated_parameters_carry_several_values() -> None:
    filters = Filters(agent=("planner", "coder"), status=("failed",))
    assert analytics_params(newest_days(TODAY, 7, "Europe/Berlin"), filters) == (
        ("from", "2026-11-15"),
        ("to", "2026-11-21"),
        ("timezone", "Europe/Berlin"),
        ("agent_id", "planner"),
        ("agent_id", "coder"),
        ("status", "failed"),
        ("agent_limit", "1000"),
    )


def test_leaving_one_filter_out() -> None:
    filters = Filters(workspace=("acme",), status=("failed",))
    assert filters.active() == ("workspace", "status")
    assert filters.without("status") == Filters(workspace=("acme",))


def test_a_shared_link_spells_the_dates_out() -> None:
    link = shared_link(newest_days(TODAY, 7, "Europe/Berlin"), Filters(agent=("planner",)))
    assert link == (
        ("range", "Custom"),
        ("dates", "2026-11-15"),
        ("dates", "2026-11-21"),
        ("tz", "Europe/Berlin"),
        ("agent", "planner"),
    )

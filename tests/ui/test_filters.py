"""Which runs: from the bar to the API's parameters and to links, old ones included."""

from datetime import UTC, date, datetime

import pytest
from runtally_ui.addresses import modern
from runtally_ui.filters import Filters, analytics_params, shared_link
from runtally_ui.periods import newest_days, newest_hours

TODAY = date(2026, 11, 21)


def test_repeated_parameters_carry_several_values() -> None:
    filters = Filters(agent_id=("planner", "coder"), status=("failed",), root_only=True)
    assert analytics_params(newest_days(TODAY, 7, "Europe/Berlin"), filters) == (
        ("from", "2026-11-15"),
        ("to", "2026-11-21"),
        ("timezone", "Europe/Berlin"),
        ("agent_id", "planner"),
        ("agent_id", "coder"),
        ("status", "failed"),
        ("root_only", "true"),
        ("agent_limit", "1000"),
    )


def test_leaving_one_filter_out() -> None:
    filters = Filters(workspace_id=("acme",), status=("failed",), root_only=True)
    assert filters.active() == ("workspace_id", "status", "root_only")
    assert filters.without("status").without("root_only") == Filters(workspace_id=("acme",))


def test_a_status_filter_that_keeps_both_failures_hides_none() -> None:
    assert Filters(status=("succeeded",)).hides_failures
    assert Filters(status=("failed",)).hides_failures
    assert not Filters(status=("failed", "timed_out")).hides_failures
    assert not Filters().hides_failures


def test_a_shared_link_spells_the_range_out() -> None:
    assert shared_link(newest_days(TODAY, 7, "Europe/Berlin"), Filters(agent_id=("planner",))) == (
        ("range", "Custom"),
        ("from", "2026-11-15"),
        ("to", "2026-11-21"),
        ("timezone", "Europe/Berlin"),
        ("agent_id", "planner"),
    )
    hours = shared_link(newest_hours(datetime(2026, 11, 21, 9, 30, tzinfo=UTC), 24, "UTC"), Filters())
    assert hours[1:] == (("from", "2026-11-20T10:00:00Z"), ("to", "2026-11-21T10:00:00Z"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            {"workspace": ["acme"], "agent": ["a", "b"], "tz": ["Europe/Berlin"], "range": ["7d"]},
            {"workspace_id": ["acme"], "agent_id": ["a", "b"], "timezone": ["Europe/Berlin"], "range": ["7d"]},
        ),
        (
            {"range": ["Custom"], "dates": ["2026-11-10", "2026-11-01"]},
            {"range": ["Custom"], "from": ["2026-11-01"], "to": ["2026-11-10"]},
        ),
        (
            {"from": ["2026-11-01"], "compare": ["previous_year"], "granularity": ["week"]},
            {"from": ["2026-11-01"], "compare": ["vs previous year"], "granularity": ["Week"], "range": ["Custom"]},
        ),
        ({"compare": ["off"], "range": ["all"]}, {"compare": ["no comparison"], "range": ["All"]}),
    ],
)
def test_old_addresses_still_open(old: dict[str, list[str]], new: dict[str, list[str]]) -> None:
    assert modern(old) == new
    assert modern(new) == new

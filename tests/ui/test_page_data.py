"""Whether the period before is whole: a comparison with a part of it would mislead."""

from datetime import UTC, date, datetime

import pytest
from runtally_ui.answers import Analytics, DataRange, Meta, Totals
from runtally_ui.filters import Days
from runtally_ui.page_data import begun_within

PERIOD = Days(date(2026, 9, 23), date(2026, 10, 22), "Europe/Berlin")


def _answer(first: datetime | None) -> Analytics:
    found = None if first is None else DataRange(first=first, last=datetime(2026, 11, 21, tzinfo=UTC))
    return Analytics(runs_per_day=[], agents=[], totals=Totals(runs=1), meta=Meta(data_range=found))


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
    assert begun_within(_answer(first), PERIOD) == begun

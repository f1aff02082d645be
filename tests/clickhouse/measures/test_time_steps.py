"""Steps of time by local clocks, and the earlier ones they are compared with."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from runtally_clickhouse.measures.time_steps import (
    COMPARISONS,
    Comparison,
    Granularity,
    TimeSteps,
    earlier,
    fitting_granularity,
    make_steps,
    zone_offsets,
)

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "Antarctica/Casey", "America/Havana"]


def local_days(zone: ZoneInfo, first: str, last: str, granularity: Granularity) -> TimeSteps:
    """The steps between two local times."""
    start, end = (datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC) for text in (first, last))
    return make_steps(start, end, zone, granularity)


def texts(steps: TimeSteps) -> list[str]:
    return [steps.local(step).isoformat() for step in range(len(steps.starts_ms))]


def test_an_hour_that_the_clocks_repeat_is_two_steps() -> None:
    steps = texts(local_days(BERLIN, "2026-10-25", "2026-10-26", "hour"))
    assert len(steps) == 25
    assert steps[2:4] == ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"]


def test_an_hour_that_the_clocks_skip_is_none() -> None:
    steps = texts(local_days(BERLIN, "2026-03-29", "2026-03-30", "hour"))
    assert len(steps) == 23
    assert steps[1:3] == ["2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00"]


def test_a_change_of_half_an_hour_ends_a_step() -> None:
    steps = texts(local_days(ZoneInfo("Australia/Lord_Howe"), "2026-04-05", "2026-04-06", "hour"))
    assert steps[1:4] == [
        "2026-04-05T01:00:00+11:00",
        "2026-04-05T01:30:00+10:30",
        "2026-04-05T02:00:00+10:30",
    ]


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    assert texts(local_days(BERLIN, "2026-10-23", "2026-11-03", "week"))[:2] == [
        "2026-10-19T00:00:00+02:00",
        "2026-10-26T00:00:00+01:00",
    ]
    assert [text[:10] for text in texts(local_days(BERLIN, "2026-10-23", "2027-01-02", "month"))] == [
        "2026-10-01",
        "2026-11-01",
        "2026-12-01",
        "2027-01-01",
    ]


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("granularity", ["quarter_hour", "hour", "day", "week", "month"])
def test_steps_cover_the_range_without_a_gap(name: str, granularity: Granularity) -> None:
    steps = local_days(ZoneInfo(name), "2026-03-01", "2026-11-10", granularity)
    ends = [steps.end_ms(step) for step in range(len(steps.starts_ms))]
    assert list(steps.starts_ms[1:]) == ends[:-1]
    assert all(start < end for start, end in zip(steps.starts_ms, ends, strict=True))
    assert steps.starts_ms[0] <= steps.start.timestamp() * 1000
    assert ends[-1] >= steps.end.timestamp() * 1000
    inside = sum(steps.minutes(step) for step in range(len(ends)))
    assert inside == pytest.approx(steps.minutes(None))
    firsts, widths = steps.segments()
    retold = []
    for place, (first, width) in enumerate(zip(firsts, widths, strict=True)):
        last = firsts[place + 1] if place + 1 < len(firsts) else steps.last_end_ms
        retold += list(range(first, last, width))
    assert retold == list(steps.starts_ms)


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("comparison", COMPARISONS)
def test_earlier_steps_are_in_order_and_cover_their_range(name: str, comparison: Comparison) -> None:
    for granularity in ("quarter_hour", "hour", "day"):
        steps = local_days(ZoneInfo(name), "2026-03-20", "2026-04-12", granularity)
        then = earlier(steps, comparison)
        assert len(then.starts_ms) == len(steps.starts_ms)
        assert list(then.starts_ms) == sorted(then.starts_ms)
        assert then.starts_ms[0] == then.start.timestamp() * 1000
        assert then.last_end_ms == then.end.timestamp() * 1000


def test_earlier_days_are_days_of_the_calendar() -> None:
    steps = local_days(BERLIN, "2026-10-23", "2026-11-22", "day")
    assert texts(earlier(steps, "previous_period"))[:1] == ["2026-09-23T00:00:00+02:00"]
    assert texts(earlier(steps, "previous_week"))[-1] == "2026-11-14T00:00:00+01:00"
    assert texts(earlier(steps, "previous_year"))[-1] == "2025-11-21T00:00:00+01:00"
    leap = local_days(BERLIN, "2028-02-28", "2028-03-02", "day")
    assert [text[:10] for text in texts(earlier(leap, "previous_year"))] == ["2027-02-28", "2027-02-28", "2027-03-01"]


def test_a_range_within_a_day_moves_by_its_length() -> None:
    end = datetime(2026, 10, 25, 9, 30, tzinfo=UTC)
    then = earlier(make_steps(end - timedelta(hours=24), end, BERLIN, "hour"), "previous_period")
    assert (then.start, then.end) == (end - timedelta(hours=48), end - timedelta(hours=24))


@pytest.mark.parametrize("name", ZONES)
def test_the_table_of_offsets_is_the_zones(name: str) -> None:
    zone = ZoneInfo(name)
    starts, offsets = zone_offsets(zone)
    assert list(starts) == sorted(starts)
    for start, offset in zip(starts, offsets, strict=True):
        for second in (0, 1, 3600):
            moment = datetime.fromtimestamp(start / 1000 + second, UTC).astimezone(zone)
            assert moment.utcoffset() == timedelta(seconds=offset)
        if start != starts[0]:
            before = datetime.fromtimestamp(start / 1000 - 1, UTC).astimezone(zone)
            assert before.utcoffset() != timedelta(seconds=offset)


def test_what_fits_a_range() -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    lengths = {"minute": 1, "quarter_hour": 24, "hour": 24 * 7, "day": 24 * 30, "week": 24 * 365, "month": 24 * 800}
    assert {name: fitting_granularity(now - timedelta(hours=hours), now) for name, hours in lengths.items()} == {
        name: name for name in lengths
    }


def test_cells_serve_steps_on_their_grid() -> None:
    kathmandu = ZoneInfo("Asia/Kathmandu")
    assert local_days(kathmandu, "2026-10-23", "2026-10-30", "hour").fits_cells
    assert not local_days(kathmandu, "2026-10-23", "2026-10-24", "minute").fits_cells

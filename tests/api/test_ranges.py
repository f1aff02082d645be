"""From what an asker writes to two instants and the days between them. Pure."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from runtally_api.problems import InvalidRequest
from runtally_api.ranges import midnight, resolve_open_range, resolve_range
from runtally_clickhouse.catalogue import EPOCH, FIRST_INSTANT, LAST_INSTANT

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
LONGEST = timedelta(days=400)
# Clocks that change at midnight, by half an hour, off the hour, and on the date line.
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/Havana",
    "America/Santiago",
    "Asia/Beirut",
    "Africa/Cairo",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "America/St_Johns",
    "Africa/Casablanca",
]
DAYS = st.dates(date(2015, 1, 2), date(2100, 12, 30))


@given(now=st.datetimes(datetime(2016, 1, 1), datetime(2100, 1, 1)), zone=st.sampled_from(ZONES))
@example(now=datetime(2026, 3, 29, 1, 30), zone="Europe/Berlin")
@example(now=datetime(2026, 10, 25, 0, 30), zone="Europe/Berlin")
def test_the_default_is_thirty_days_that_end_with_today(now: datetime, zone: str) -> None:
    found = resolve_range(None, None, zone, now.replace(tzinfo=UTC), LONGEST)
    days = list(found.days().values())
    assert len(days) == 30
    assert days[-1] == now.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()
    assert days == [days[0] + timedelta(days=n) for n in range(30)]


@given(first=DAYS, length=st.integers(1, 400), zone=st.sampled_from(ZONES), offset=st.integers(0, 10**12))
@example(first=date(2026, 3, 1), length=400, zone="Europe/Berlin", offset=0)
@example(first=date(2025, 10, 1), length=400, zone="Europe/Berlin", offset=0)
def test_each_instant_of_a_range_is_in_its_local_day(first: date, length: int, zone: str, offset: int) -> None:
    last = min(first + timedelta(days=length - 1), date(2100, 12, 30))
    found = resolve_range(first.isoformat(), last.isoformat(), zone, NOW, LONGEST)
    days = found.days()
    assert list(days.values()) == [first + timedelta(days=n) for n in range((last - first).days + 1)]
    starts = list(days)
    assert starts == sorted(starts)
    instant = found.start + timedelta(microseconds=offset % ((found.end - found.start) // timedelta(microseconds=1)))
    start = max(start for start in starts if EPOCH + timedelta(milliseconds=start) <= instant)
    assert days[start] == instant.astimezone(ZoneInfo(zone)).date()


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)])
def test_days_are_as_long_as_the_clocks_make_them(day: str, hours: int) -> None:
    found = resolve_range(day, day, "Europe/Berlin", NOW, LONGEST)
    assert found.end - found.start == timedelta(hours=hours)
    assert list(found.days().values()) == [date.fromisoformat(day)]


def test_midnight_is_where_the_day_begins() -> None:
    # In Beirut there is no midnight on 29 March 2026, in Havana there are two on 1 November.
    assert midnight(date(2026, 3, 29), ZoneInfo("Asia/Beirut")).isoformat() == "2026-03-28T22:00:00+00:00"
    assert midnight(date(2026, 11, 1), ZoneInfo("America/Havana")).isoformat() == "2026-11-01T04:00:00+00:00"


@pytest.mark.parametrize(
    ("from_", "to", "zone", "too_long"),
    [
        ("2025-01-01", "2026-02-04", "UTC", False),
        ("2025-01-01", "2026-02-05", "UTC", True),
        ("2025-10-01", "2026-11-04", "Europe/Berlin", False),
        ("2025-10-01", "2026-11-05", "Europe/Berlin", True),
        ("2025-06-01", "2026-07-05", "Europe/Berlin", False),
        ("2025-01-01T00:00:00Z", "2026-02-05T00:00:00Z", "UTC", False),
        ("2025-01-01T00:00:00Z", "2026-02-05T00:00:00.000001Z", "UTC", True),
        ("-400d", None, "UTC", False),
        ("-401d", None, "UTC", True),
        ("-9601h", None, "UTC", True),
        ("-7d", "-8d", "UTC", True),
    ],
)
def test_how_long_a_range_may_be(from_: str, to: str | None, zone: str, too_long: bool) -> None:
    for resolve in (resolve_range, resolve_open_range):
        if too_long and not (resolve is resolve_open_range and to is None):
            with pytest.raises(InvalidRequest) as refused:
                resolve(from_, to, zone, NOW, LONGEST)
            assert refused.value.errors[0].field == "from"
        else:
            resolve(from_, to, zone, NOW, LONGEST)


def test_an_open_range_binds_only_where_it_is_told() -> None:
    everything = resolve_open_range(None, None, None, NOW, LONGEST)
    assert (everything.start, everything.end, everything.timezone) == (FIRST_INSTANT, LAST_INSTANT, "UTC")
    since = resolve_open_range("2020-01-01", None, "Asia/Kathmandu", NOW, LONGEST)
    assert (since.start.isoformat(), since.end) == ("2019-12-31T18:15:00+00:00", LAST_INSTANT)
    until = resolve_open_range(None, "2030-12-31", None, NOW, LONGEST)
    assert (until.start, until.end) == (FIRST_INSTANT, datetime(2031, 1, 1, tzinfo=UTC))
    assert resolve_open_range("2099-01-01", None, None, NOW, LONGEST).end == LAST_INSTANT


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"])
def test_the_first_and_the_last_day_of_all_are_there_in_every_zone(zone: str) -> None:
    for day in ("2015-01-01", "2100-12-31"):
        found = resolve_range(day, day, zone, NOW, LONGEST)
        assert list(found.days().values()) == [date.fromisoformat(day)]


@given(text=st.text(max_size=30) | st.from_regex(r"\A-?\d{1,6}[hdwm]?\Z") | st.from_regex(r"\A\d{4}-\d\d-\d\d.?"))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    for zone in ("America/New_York", "Pacific/Kiritimati"):
        try:
            found = resolve_range(text, None, zone, NOW, LONGEST)
        except InvalidRequest:
            continue
        assert found.start < found.end
        assert 1 <= len(found.days()) <= 402


def test_a_plus_that_was_not_escaped_is_a_plus() -> None:
    assert resolve_range("2026-11-21T05:45:00 05:45", None, None, NOW, LONGEST).start.hour == 0

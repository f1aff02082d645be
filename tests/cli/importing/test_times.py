"""Times as strangers write them: read exactly, or refused with what to write into the map."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cli.importing.mapped import mapped, refused
from hypothesis import given
from hypothesis import strategies as st
from runtally.identity import EPOCH
from runtally_cli.importing.times import read_time

Instants = st.datetimes(datetime(2015, 1, 2), datetime(2100, 12, 30), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("entry", "value", "instant"),
    [
        ("t", '"2026-03-22T08:00:00Z"', "2026-03-22T08:00:00+00:00"),
        ("t", '"2026-03-22 08:00:00+05:30"', "2026-03-22T02:30:00+00:00"),
        ("t", '"2026-03-22T08:00:00.1234567-0800"', "2026-03-22T16:00:00.123456+00:00"),
        ("t", '"2026-03-22 08:00:00 +0200 CEST"', "2026-03-22T06:00:00+00:00"),
        ("t", '"2026-03-22 08:00 UTC"', "2026-03-22T08:00:00+00:00"),
        ("t", '"20260322T080000Z"', "2026-03-22T08:00:00+00:00"),
        ("{from: t, time: iso, zone: UTC}", '"2023-11-16 18:17:03.9799600"', "2023-11-16T18:17:03.979960+00:00"),
        ("{from: t, zone: Europe/Berlin}", '"2026-03-22T08:00:00,5"', "2026-03-22T07:00:00.500000+00:00"),
        ("{from: t, zone: Europe/Berlin}", '"2026-07-22T08:00:00Z"', "2026-07-22T08:00:00+00:00"),
        ("{from: t, zone: Europe/Berlin}", '"2026-07-22"', "2026-07-21T22:00:00+00:00"),
        ("{from: t, zone: Europe/Berlin}", '"2024-10-27 02:30"', "2024-10-27T00:30:00+00:00"),  # the first of two
        ("{from: t, time: epoch_s}", "1734070031", "2024-12-13T06:07:11+00:00"),
        ("{from: t, time: epoch_s}", "1734070031.1129999", "2024-12-13T06:07:11.112999+00:00"),
        ("{from: t, time: epoch_ms}", "1734070031112", "2024-12-13T06:07:11.112000+00:00"),
        ("{from: t, time: epoch_ms}", '" 1734070031112.0 "', "2024-12-13T06:07:11.112000+00:00"),
        ("{from: t, time: epoch_us}", "1734070031112345", "2024-12-13T06:07:11.112345+00:00"),
        ("{from: t, time: epoch_ns}", "1751181817641060999", "2025-06-29T07:23:37.641060+00:00"),
        ('{from: t, time: "%d.%m.%Y %H:%M", zone: UTC}', '"22.03.2026 08:00"', "2026-03-22T08:00:00+00:00"),
        ('{from: t, time: "%d/%b/%Y:%H:%M:%S %z"}', '"22/Mar/2026:08:00:00 -0700"', "2026-03-22T15:00:00+00:00"),
        ("{const: 2026-03-22T08:00:00Z}", "null", "2026-03-22T08:00:00+00:00"),
        ("2026-03-22T08:00:00Z", "null", "2026-03-22T08:00:00+00:00"),  # YAML sees a time, no expression
        ("{const: 2026-03-22, zone: UTC}", "null", "2026-03-22T00:00:00+00:00"),
    ],
)
def test_times_that_are_read(entry: str, value: str, instant: str) -> None:
    assert mapped("started_at", entry, f'{{"t": {value}}}') == datetime.fromisoformat(instant)


@pytest.mark.parametrize(
    ("entry", "value", "reason"),
    [
        ("t", '"2026-03-22T08:00:00"', "has no zone, got '2026-03-22T08:00:00'; write `zone: UTC`"),
        ("t", "1734070031112", "is no text that holds a time, got 1734070031112; write `time: epoch_s, epoch_ms"),
        ("t", '"1734070031112"', "is a number, got '1734070031112'; write `time: epoch_s`"),
        ("t", '"yesterday"', "is no ISO 8601 time, got 'yesterday'; write its pattern beside it"),
        ("t", '"2026-03-22+02:00"', "is no ISO 8601 time"),  # not two o'clock
        ("t", '"2026-13-22T08:00:00Z"', "is no ISO 8601 time"),
        ("t", "true", "is no text that holds a time, got true"),
        ("{from: t, zone: Europe/Berlin}", '"2024-03-31 02:30"', "is a time that Europe/Berlin skipped"),
        ("{from: t, time: epoch_ms}", '"2026-03-22"', "must be a number for epoch_ms, got '2026-03-22'"),
        ("{from: t, time: epoch_ms}", "1734070031", "must lie in the years 2015 to 2100"),
        ("{from: t, time: epoch_s}", "1734070031112", "is a time that no calendar has"),
        ("{from: t, time: epoch_s}", "1e400000", "is a time that no calendar has"),
        ("{from: t, time: '%Y'}", '"x"', "does not match %Y, got 'x'"),
        ("{from: t, zone: Europe/Berlin}", '"0001-01-01"', "is a time that no calendar has"),
    ],
)
def test_times_that_are_refused(entry: str, value: str, reason: str) -> None:
    assert reason in refused("started_at", entry, f'{{"t": {value}}}')


@given(Instants)
def test_every_way_of_writing_an_instant_gives_the_instant(instant: datetime) -> None:
    micros = (instant - EPOCH) // timedelta(microseconds=1)
    assert read_time(micros, "epoch_us", None) == instant
    assert read_time(str(micros * 1000), "epoch_ns", None) == instant
    assert read_time(instant.isoformat(), "iso", "Asia/Tokyo") == instant
    assert read_time(instant.replace(tzinfo=None).isoformat(" "), "iso", "UTC") == instant
    berlin = instant.astimezone(ZoneInfo("Europe/Berlin"))
    assert read_time(berlin.isoformat(), "iso", None) == instant
    if not berlin.fold:
        assert read_time(berlin.replace(tzinfo=None).isoformat(), "iso", "Europe/Berlin") == instant
